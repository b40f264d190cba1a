import { afterEach, expect, test } from "vitest";
import { selfSigned } from "../support/certificates.ts";
import { DnsServerScript } from "../support/dns-server.ts";
import { RelayHome, RelayProcess, runCommand } from "../support/relay.ts";
import { type HostOptions, ScriptedHost } from "../support/scripted-host.ts";
import { SourceSession } from "../support/source.ts";

// Delivery to the servers of the recipients' domains, with a scripted DNS server and hosts on 127.0.0.x.

const toEnd: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of toEnd.splice(0).toReversed()) await end();
});

interface World {
  readonly dns: DnsServerScript;
  readonly port: number;
  host(number: number, options?: HostOptions): Promise<ScriptedHost>;
}

/** A DNS server, and a port that hosts on 127.0.0.2 and so on share. */
async function world(): Promise<World> {
  const dns = await DnsServerScript.start();
  toEnd.push(() => dns.close());
  const first = await ScriptedHost.start({ address: "127.0.0.254" });
  toEnd.push(() => first.close());
  const { port } = first;
  return {
    dns,
    port,
    async host(number, options = {}) {
      const host = await ScriptedHost.start({ address: `127.0.0.${number}`, port, ...options });
      toEnd.push(() => host.close());
      return host;
    },
  };
}

interface Running {
  readonly home: RelayHome;
  readonly relay: RelayProcess;
  send(recipients: readonly string[], from?: string): Promise<string>;
  history(id: string): Promise<{ readonly state: string; readonly text: string; readonly recipient: string }[]>;
}

async function start({ dns, port }: World, more: Readonly<Record<string, unknown>> = {}): Promise<Running> {
  const home = new RelayHome();
  home.configure({
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    access: { networks: ["127.0.0.0/8"] },
    dns: { servers: [`127.0.0.1:${dns.port}`] },
    delivery: { port, private_networks: ["127.0.0.0/8", "::1/128"] },
    routes: [{ deliver: "mx" }],
    logs: { level: "debug" },
    ...more,
  });
  const relay = new RelayProcess(home);
  toEnd.push(async () => {
    await relay.stop();
    home.remove();
  });
  const [listener = 0] = await relay.ports();
  return {
    home,
    relay,
    async send(recipients, from = "sender@here.test") {
      const session = await SourceSession.connect({ port: listener });
      const content = Buffer.from("Subject: hello\r\n\r\nbody\r\n");
      const result = await session.send({ id: "", from, recipients, content, hash: "" });
      await session.quit();
      if (result.kind !== "acknowledged") throw new Error(JSON.stringify(result));
      return result.reply.split(" ").at(-1)!;
    },
    async history(id) {
      const { output } = await runCommand(["queue", "show", id, "--json", "--config", home.configFile], {
        cwd: home.folder,
      });
      return (JSON.parse(output) as { history: { state: string; text: string; recipient: string }[] }).history;
    },
  };
}

async function taken(host: ScriptedHost, count = 1): Promise<void> {
  await expect.poll(() => host.messages.length).toBeGreaterThanOrEqual(count);
}

test("the most preferred host takes it; when it refuses connections, the next; when it greets with 5yz, the next too", async () => {
  const w = await world();
  w.dns.mx("a.test", [10, "one.test"], [20, "two.test"], [30, "three.test"]);
  w.dns.a("one.test", "127.0.0.2").a("two.test", "127.0.0.3").a("three.test", "127.0.0.4");
  const [one, two, three] = [await w.host(2), await w.host(3), await w.host(4)];
  const r = await start(w);
  await r.send(["u@a.test"]);
  await taken(one);
  expect([one, two, three].map(({ connections }) => connections)).toEqual([1, 0, 0]);
  await one.close();
  two.script = (place) => (place === "CONNECT" ? "554 5.3.2 no service here" : undefined);
  await r.send(["u@a.test"]);
  await taken(three);
  expect([two, three].map(({ connections }) => connections)).toEqual([1, 1]);
  expect(await r.relay.event("delivery.delivered", ({ host }) => String(host).startsWith("three.test"))).toBeDefined();
});

test("equal preferences share the load, at random", async () => {
  const w = await world();
  const [one, two] = [await w.host(2), await w.host(3)];
  w.dns.a("one.test", "127.0.0.2").a("two.test", "127.0.0.3");
  const domains = Array.from({ length: 1000 }, (_, n) => `d${n}.test`);
  for (const [n, domain] of domains.entries())
    // Sites of their own, so that each message has its own connection.
    w.dns.mx(domain, [10, "one.test"], [10, "two.test"], [20, `${n}.none.test`]);
  const r = await start(w);
  for (let n = 0; n < domains.length; n += 100) await r.send(domains.slice(n, n + 100).map((domain) => `u@${domain}`));
  await expect.poll(() => one.messages.length + two.messages.length).toBe(1000);
  const [a, b] = [one.connections, two.connections];
  expect(a + b).toBe(1000);
  const chiSquare = (a - 500) ** 2 / 500 + (b - 500) ** 2 / 500;
  console.log(`equal preference: ${a} and ${b} of 1,000, chi-square ${chiSquare.toFixed(2)} (99.99 %: 15.14)`);
  expect(chiSquare).toBeLessThan(15.14);
});

test("no MX is the domain itself; a family that is dead costs one try", async () => {
  const w = await world();
  const host = await w.host(2);
  w.dns.a("plain.test", "127.0.0.2").aaaa("both.test", "::1").a("both.test", "127.0.0.2");
  const r = await start(w);
  await r.send(["u@plain.test", "u@both.test"]);
  await taken(host, 2);
  expect(host.recipients().toSorted()).toEqual(["u@both.test", "u@plain.test"]);
});

test("what the DNS says for certain ends a delivery; what it does not say puts it off", async () => {
  const w = await world();
  w.dns.mx("null.test", [0, ""]);
  w.dns.on("MX", "broken.test", { code: "SERVFAIL" });
  w.dns.mx("us.test", [10, "relay.test"]);
  w.dns.mx("loop.test", [10, "localhost"]);
  w.dns.mx("private.test", [10, "inside.test"]).a("inside.test", "10.1.2.3");
  w.dns.mx("local.test", [10, "link.test"]).a("link.test", "169.254.1.1");
  const r = await start(w);
  const outcome = async (domain: string): Promise<unknown> => {
    const id = await r.send([`u@${domain}`]);
    const end = await Promise.race([
      r.relay.event("delivery.failed", (event) => event["id"] === id),
      r.relay.event("delivery.deferred", (event) => event["id"] === id),
    ]);
    return [end.event, end["cause"]];
  };
  expect(await outcome("null.test")).toEqual(["delivery.failed", "null-mx"]);
  expect(await outcome("nowhere.test")).toEqual(["delivery.failed", "domain-unknown"]);
  expect(await outcome("broken.test")).toEqual(["delivery.deferred", "unresolved"]);
  expect(await outcome("us.test")).toEqual(["delivery.failed", "loop"]);
  expect(await outcome("loop.test")).toEqual(["delivery.failed", "loop"]);
  expect(await outcome("private.test")).toEqual(["delivery.deferred", "unresolved"]);
  expect(await outcome("local.test")).toEqual(["delivery.failed", "unreachable"]);
});

test("a server whose certificate is not good gets mail over TLS, noted; one whose TLS is broken, in clear", async () => {
  const w = await world();
  const certificate = selfSigned("somebody.else");
  const [good, broken] = [
    await w.host(2, { certificate }),
    await w.host(3, { keywords: ["PIPELINING", "STARTTLS"] }), // says 220 and closes
  ];
  w.dns.mx("tls.test", [10, "tls-host.test"]).a("tls-host.test", "127.0.0.2");
  w.dns.mx("broken.test", [10, "broken-host.test"]).a("broken-host.test", "127.0.0.3");
  const r = await start(w);
  await r.send(["u@tls.test", "u@broken.test"]);
  await taken(good);
  await taken(broken);
  expect(good.messages[0]!.isTls).toBe(true);
  expect(broken.messages[0]!.isTls).toBe(false);
  const noted = await r.relay.event("delivery.delivered", ({ recipient }) => recipient === "u@tls.test");
  expect(noted["tls"]).toMatch(/^TLSv1.3 unverified$/);
  await r.send(["v@broken.test"]);
  await taken(broken, 2);
  expect(broken.connections).toBeLessThanOrEqual(3); // remembered: not tried with TLS again
});

test("an answer is asked for once while it lives; a dead DNS touches neither acceptance nor smart hosts by address", async () => {
  const w = await world();
  const host = await w.host(2);
  const smart = await w.host(3);
  w.dns.mx("a.test", [10, "one.test"]).a("one.test", "127.0.0.2");
  w.dns.on("MX", "dead.test", { silence: true });
  const r = await start(w, {
    smarthosts: { smart: { url: `smtp://127.0.0.3:${w.port}`, tls: "none" } },
    routes: [{ when: { recipient: "@smart.test" }, deliver: "smart" }, { deliver: "mx" }],
  });
  for (let n = 0; n < 5; n++) {
    await r.send([`u${n}@a.test`]);
    await taken(host, n + 1);
  }
  expect(w.dns.asked.toSorted()).toEqual(["A one.test", "AAAA one.test", "MX a.test"]);
  await r.send(["u@dead.test", "u@smart.test"]);
  await taken(smart);
  expect(r.relay.events("delivery.deferred")).toEqual([]); // the DNS is still waited for
});
