import { expect, onTestFinished, test } from "vitest";
import { selfSigned } from "../support/certificates.ts";
import { DnsServerScript } from "../support/dns-server.ts";
import { type RelayEvent, RelayHome, RelayProcess, runCommand } from "../support/relay.ts";
import { type HostOptions, ScriptedHost } from "../support/scripted-host.ts";
import { SourceSession } from "../support/source.ts";

// What keys of the configuration change for the servers that mail is sent to, where no other test shows it
// (tools/key-tests.ts). Every test has beside it the value that does the opposite.

type Config = Readonly<Record<string, unknown>>;

async function host(options: HostOptions = {}): Promise<ScriptedHost> {
  const found = await ScriptedHost.start(options);
  onTestFinished(() => found.close());
  return found;
}

async function dnsServer(): Promise<DnsServerScript> {
  const dns = await DnsServerScript.start();
  onTestFinished(() => dns.close());
  return dns;
}

const CONTENT = Buffer.from("Subject: hello\r\n\r\nbody\r\n");

interface Running {
  readonly relay: RelayProcess;
  /** One message to each, over one connection; answers their ids. */
  send(...recipients: readonly string[]): Promise<string[]>;
  status(): Promise<string>;
}

async function start(config: Config, files: Readonly<Record<string, string>> = {}): Promise<Running> {
  const home = new RelayHome();
  for (const [name, text] of Object.entries(files)) home.write(name, text);
  home.configure({
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    access: { networks: ["127.0.0.0/8"] },
    ...config,
  });
  const relay = new RelayProcess(home);
  onTestFinished(async () => {
    relay.kill("SIGKILL");
    await relay.exited;
    home.remove();
  });
  const [port = 0] = await relay.ports();
  return {
    relay,
    async send(...recipients) {
      const session = await SourceSession.connect({ port });
      const ids: string[] = [];
      for (const recipient of recipients) {
        const result = await session.send({
          id: "",
          from: "s@here.test",
          recipients: [recipient],
          content: CONTENT,
          hash: "",
        });
        if (result.kind !== "acknowledged") throw new Error(JSON.stringify(result));
        ids.push(result.reply.split(" ").at(-1)!);
      }
      await session.quit();
      return ids;
    },
    status: async () => (await runCommand(["status", "--config", home.configFile], { cwd: home.folder })).output,
  };
}

/** A route by the recipient's domain to the smart host of that name. */
function routesTo(...names: readonly string[]): Config[] {
  return names.map((name) => ({ when: { recipient: `@${name}.test` }, deliver: name }));
}

const CERTIFICATE = selfSigned("host.test", "DNS:localhost,IP:127.0.0.1");

test("smarthosts.NAME.tls and tls_ca: who is given mail over which connection", async () => {
  const offering = { certificate: CERTIFICATE };
  const hosts = {
    strict: await host(offering),
    trusted: await host(offering),
    opportunistic: await host(offering),
    clear: await host(offering),
    bare: await host(),
    strictbare: await host(),
  };
  const url = (of: ScriptedHost): string => `smtp://127.0.0.1:${of.port}`;
  const r = await start(
    {
      smarthosts: {
        strict: { url: url(hosts.strict), tls: "verify" },
        trusted: { url: url(hosts.trusted), tls: "verify", tls_ca: "./ca.pem" },
        opportunistic: { url: url(hosts.opportunistic), tls: "opportunistic" },
        clear: { url: url(hosts.clear), tls: "none" },
        bare: { url: url(hosts.bare), tls: "opportunistic" },
        strictbare: { url: url(hosts.strictbare), tls: "verify" },
      },
      routes: routesTo(...Object.keys(hosts)),
    },
    { "ca.pem": CERTIFICATE.certificate },
  );
  await r.send(...Object.keys(hosts).map((name) => `u@${name}.test`));
  const refused = ["u@strict.test", "u@strictbare.test"];
  for (const recipient of refused)
    await r.relay.event("delivery.deferred", (event) => event["recipient"] === recipient);
  const given = ["trusted", "opportunistic", "clear", "bare"] as const;
  for (const name of given) await expect.poll(() => hosts[name].messages.length).toBe(1);
  expect(given.map((name) => hosts[name].messages[0]!.isTls)).toEqual([true, true, false, false]);
  expect([hosts.strict.messages, hosts.strictbare.messages]).toEqual([[], []]);
  const { reply } = await r.relay.event("delivery.deferred", ({ recipient }) => recipient === "u@strict.test");
  expect(reply).toMatch(/certificate/);
});

test("credentials[].password: the one that it is gets in, another does not", async () => {
  const hop = await host();
  const home = { "cert.pem": CERTIFICATE.certificate, "key.pem": CERTIFICATE.key };
  const { relay } = await start(
    {
      listeners: [{ listen: "127.0.0.1:0", tls: "implicit" }],
      tls: { certificate: "./cert.pem", key: "./key.pem" },
      access: { networks: [] },
      credentials: [{ username: "app", password: "p@ss: w/rd" }],
      smarthosts: { hop: { url: `smtp://127.0.0.1:${hop.port}`, tls: "none" } },
      routes: [{ deliver: "hop" }],
    },
    home,
  );
  const [port = 0] = await relay.ports();
  const login = (password: string): Promise<SourceSession> =>
    SourceSession.connect({ port, tls: "implicit", auth: { mechanism: "PLAIN", username: "app", password } });
  await expect(login("p@ss: w/rd ")).rejects.toThrow(/535/);
  const session = await login("p@ss: w/rd");
  const result = await session.send({
    id: "",
    from: "s@here.test",
    recipients: ["u@there.test"],
    content: CONTENT,
    hash: "",
  });
  expect(result.kind).toBe("acknowledged");
  await expect.poll(() => hop.recipients()).toEqual(["u@there.test"]);
});

test("listeners[].tls: offered, spoken from the first octet, or not there", async () => {
  const { relay } = await start(
    {
      listeners: ["starttls", "implicit", "none"].map((tls) => ({ listen: "127.0.0.1:0", tls })),
      tls: { certificate: "./cert.pem", key: "./key.pem" },
    },
    { "cert.pem": CERTIFICATE.certificate, "key.pem": CERTIFICATE.key },
  );
  const [starttls = 0, implicit = 0, none = 0] = await relay.ports();
  const keywords = async (port: number): Promise<string> => {
    const session = await SourceSession.open(port, false);
    await session.expect(220);
    return await session.hello();
  };
  expect(await keywords(starttls)).toMatch(/\bSTARTTLS\b/);
  expect(await keywords(none)).not.toMatch(/\bSTARTTLS\b/);
  for (const [port, tls] of [
    [starttls, "starttls"],
    [implicit, "implicit"],
  ] as const)
    await (await SourceSession.connect({ port, tls })).quit();
  await expect(SourceSession.connect({ port: none, tls: "implicit" })).rejects.toThrow();
});

test("routes[].deliver: its steps in their order, and no other", async () => {
  const [first, second, never] = [await host(), await host(), await host()];
  const url = (of: ScriptedHost): string => `smtp://127.0.0.1:${of.port}`;
  const tls = "none";
  const r = await start({
    smarthosts: {
      first: { url: url(first), tls },
      second: { url: url(second), tls },
      never: { url: url(never), tls },
      gone: { url: "smtp://127.0.0.250:1", tls },
    },
    routes: [
      { when: { recipient: "@one.test" }, deliver: ["first", "second"] },
      { when: { recipient: "@other.test" }, deliver: ["second", "first"] },
      { when: { recipient: "@fallback.test" }, deliver: ["gone", "second"] },
      { when: { recipient: "@alone.test" }, deliver: "gone" },
    ],
  });
  await r.send("u@one.test", "u@other.test", "u@fallback.test", "u@alone.test");
  await r.relay.event("delivery.deferred", ({ recipient }) => recipient === "u@alone.test");
  await expect.poll(() => second.messages.length).toBe(2);
  expect(first.recipients()).toEqual(["u@one.test"]);
  expect(second.recipients().toSorted()).toEqual(["u@fallback.test", "u@other.test"]);
  expect(never.connections).toBe(0);
});

test("dns.servers: these are asked, in their order, and not the system's", async () => {
  const hop = await host({ address: "127.0.0.2" });
  const [one, two, other] = [await dnsServer(), await dnsServer(), await dnsServer()];
  one.on("MX", "a.test", { code: "SERVFAIL" });
  for (const dns of [two, other]) dns.mx("a.test", [10, "host.test"]).a("host.test", "127.0.0.2");
  const r = await start({
    dns: { servers: [one, two].map(({ port }) => `127.0.0.1:${port}`) },
    delivery: { port: hop.port, private_networks: ["127.0.0.0/8"] },
    routes: [{ deliver: "mx" }],
  });
  await r.send("u@a.test");
  await expect.poll(() => hop.recipients()).toEqual(["u@a.test"]);
  expect(one.asked[0]).toBe("MX a.test");
  expect(two.asked).toContain("MX a.test");
  expect(other.asked).toEqual([]);
});

/** Hosts on one port at an IPv4 and an IPv6 address. */
async function bothFamilies(address: string): Promise<Readonly<Record<"ipv4" | "ipv6", ScriptedHost>>> {
  const ipv4 = await host({ address });
  return { ipv4, ipv6: await host({ address: "::1", port: ipv4.port }) };
}

test.each([
  ["delivery.family", "ipv4"],
  ["delivery.family", "ipv6"],
  ["egress.NAME.family", "ipv4"],
  ["egress.NAME.family", "ipv6"],
] as const)("%s %s: the hosts of a domain are connected to at no other address", async (key, family) => {
  const hosts = await bothFamilies("127.0.0.2");
  const dns = await dnsServer();
  dns.mx("a.test", [10, "both.test"]).a("both.test", "127.0.0.2").aaaa("both.test", "::1");
  const delivery = { port: hosts.ipv4.port, private_networks: ["127.0.0.0/8", "::1/128"] };
  const r = await start({
    dns: { servers: [`127.0.0.1:${dns.port}`] },
    ...(key === "delivery.family"
      ? { delivery: { ...delivery, family }, routes: [{ deliver: "mx" }] }
      : { delivery, egress: { e: { family } }, routes: [{ deliver: "mx", egress: "e" }] }),
  });
  await r.send(...Array.from({ length: 4 }, (_, n) => `u${n}@a.test`));
  await expect.poll(() => hosts[family].messages.length).toBe(4);
  expect(hosts[family === "ipv4" ? "ipv6" : "ipv4"].connections).toBe(0);
});

test("smarthosts.NAME.family: a name that has addresses of both is connected to at no other", async () => {
  const { ipv4, ipv6 } = await bothFamilies("127.0.0.1");
  const url = `smtp://localhost:${ipv4.port}`;
  const r = await start({
    smarthosts: { four: { url, tls: "none", family: "ipv4" }, six: { url, tls: "none", family: "ipv6" } },
    routes: routesTo("four", "six"),
  });
  await r.send("u@six.test");
  // A machine may have no IPv6 address of that name: then it waits.
  const ended = ({ recipient }: RelayEvent): boolean => recipient === "u@six.test";
  await Promise.race([r.relay.event("delivery.delivered", ended), r.relay.event("delivery.deferred", ended)]);
  expect(ipv4.connections).toBe(0);
  await r.send("u@four.test");
  await expect.poll(() => ipv4.recipients()).toEqual(["u@four.test"]);
  expect(ipv6.recipients()).not.toContain("u@four.test");
});

test("delivery.source and ehlo: how servers of domains see us", async () => {
  const hop = await host({ address: "127.0.0.2" });
  const dns = await dnsServer();
  dns.mx("a.test", [10, "host.test"]).a("host.test", "127.0.0.2");
  const delivery = { port: hop.port, private_networks: ["127.0.0.0/8"] };
  const shared = { dns: { servers: [`127.0.0.1:${dns.port}`] }, routes: [{ deliver: "mx" }] };
  const own = await start({ ...shared, delivery: { ...delivery, source: "127.0.0.9", ehlo: "shown.test" } });
  const plain = await start({ ...shared, delivery });
  await own.send("own@a.test");
  await plain.send("plain@a.test");
  await expect.poll(() => hop.messages.length).toBe(2);
  const seen = hop.messages.map(({ to: [to], peer, name }) => ({ to, peer, name }));
  expect(seen.toSorted((a, b) => a.to!.localeCompare(b.to!))).toEqual([
    { to: "own@a.test", peer: "127.0.0.9", name: "shown.test" },
    { to: "plain@a.test", peer: "127.0.0.1", name: "relay.test" },
  ]);
});

test.each([
  [
    "connections_per_minute",
    { connections_per_minute: 2, messages_per_connection: 1 },
    2,
    /2 of 2 new connections this minute/,
  ],
  ["messages_per_minute", { messages_per_minute: 3 }, 3, /3 of 3 messages this minute/],
  ["messages_per_connection", { messages_per_connection: 2 }, 7, /./],
] as const)("delivery.%s holds for the servers of a domain", async (key, keys, taken, said) => {
  const hop = await host({ address: "127.0.0.2" });
  const dns = await dnsServer();
  dns.mx("a.test", [10, "host.test"]).a("host.test", "127.0.0.2");
  const r = await start({
    dns: { servers: [`127.0.0.1:${dns.port}`] },
    delivery: { port: hop.port, private_networks: ["127.0.0.0/8"], ...keys },
    routes: [{ deliver: "mx" }],
  });
  await r.send(...Array.from({ length: 7 }, (_, n) => `u${n}@a.test`));
  await expect.poll(() => hop.messages.length).toBe(taken);
  const perConnection = Map.groupBy(hop.messages, ({ connection }) => connection);
  const most = Math.max(...perConnection.values().map(({ length }) => length));
  expect(await r.status()).toMatch(said);
  expect(hop.messages.length).toBe(taken);
  if (key === "messages_per_connection") expect(most).toBe(2);
});
