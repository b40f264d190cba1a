import { afterEach, expect, test } from "vitest";
import { DnsServerScript } from "../support/dns-server.ts";
import { RelayHome, RelayProcess, runCommand } from "../support/relay.ts";
import { ScriptedHost } from "../support/scripted-host.ts";
import { SourceSession } from "../support/source.ts";

// How routes show themselves: source address and EHLO name, as the servers see them.

const toEnd: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of toEnd.splice(0).toReversed()) await end();
});

const BULK = { source: "127.0.0.9", ehlo: "bulk.relay.test" };
const SEEN = {
  plain: { peer: "127.0.0.1", name: "relay.test" },
  bulk: { peer: "127.0.0.9", name: "bulk.relay.test" },
};

type Config = Readonly<Record<string, unknown>>;

interface World {
  readonly dns: DnsServerScript;
  relay: RelayProcess;
  host(number: number): Promise<ScriptedHost>;
  configure(config: Config): void;
  start(): Promise<void>;
  send(from: string, to: string): Promise<void>;
  command(...args: string[]): Promise<unknown>;
}

/** A DNS server, hosts on 127.0.0.2 and so on that share a port, and a relay that delivers there. */
async function world(config: Config | ((port: number) => Config)): Promise<World> {
  const dns = await DnsServerScript.start();
  toEnd.push(() => dns.close());
  const first = await ScriptedHost.start({ address: "127.0.0.254" });
  toEnd.push(() => first.close());
  const { port } = first;
  const home = new RelayHome();
  let listener = 0;
  const w: Omit<World, "relay"> = {
    dns,
    async host(number) {
      const host = await ScriptedHost.start({ address: `127.0.0.${number}`, port });
      toEnd.push(() => host.close());
      return host;
    },
    configure(more) {
      home.configure({
        listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
        access: { networks: ["127.0.0.0/8"] },
        dns: { servers: [`127.0.0.1:${dns.port}`] },
        delivery: { port, private_networks: ["127.0.0.0/8"] },
        logs: { level: "debug" },
        ...more,
      });
    },
    async start() {
      made.relay = new RelayProcess(home);
      [listener = 0] = await made.relay.ports();
    },
    async send(from, to) {
      const session = await SourceSession.connect({ port: listener });
      const content = Buffer.from("Subject: hello\r\n\r\nbody\r\n");
      const result = await session.send({ id: "", from, recipients: [to], content, hash: "" });
      await session.quit();
      expect(result.kind).toBe("acknowledged");
    },
    async command(...args) {
      const { code, output, errors } = await runCommand([...args, "--json", "--config", home.configFile], {
        cwd: home.folder,
      });
      expect({ code, errors }).toEqual({ code: 0, errors: "" });
      return JSON.parse(output);
    },
  };
  w.configure(typeof config === "function" ? config(port) : config);
  const made: World = Object.assign(w, { relay: new RelayProcess(home) });
  [listener = 0] = await made.relay.ports();
  toEnd.push(async () => {
    made.relay.kill("SIGKILL"); // what waits would be waited for
    await made.relay.exited;
    home.remove();
  });
  return made;
}

/** How the sender of each message was seen, once there are so many. */
async function seen(host: ScriptedHost, count: number): Promise<Readonly<Record<string, unknown>>> {
  await expect.poll(() => host.messages.length, { timeout: 20_000 }).toBe(count);
  return Object.fromEntries(host.messages.map(({ from, peer, name }) => [from, { peer, name }]));
}

test("two routes to the same servers are two peers, each with its name, in every step of the route", async () => {
  const w = await world({
    egress: { bulk: BULK, named: { ehlo: "named.relay.test" } },
    smarthosts: {
      away: { url: "smtp://127.0.0.250:1", tls: "none" },
    },
    routes: [
      { when: { sender: "@bulk.test" }, deliver: "mx", egress: "bulk" },
      { when: { sender: "@list.test" }, deliver: ["away", "mx"], egress: "bulk" },
      { when: { sender: "@named.test" }, deliver: "mx", egress: "named" },
      { deliver: "mx" },
    ],
  });
  w.dns.mx("a.test", [10, "host.test"]).a("host.test", "127.0.0.2");
  const host = await w.host(2);
  const senders = ["u@here.test", "u@bulk.test", "u@list.test", "u@named.test"];
  for (const from of senders) await w.send(from, "r@a.test");
  expect(await seen(host, senders.length)).toEqual({
    "u@here.test": SEEN.plain,
    "u@bulk.test": SEEN.bulk,
    "u@list.test": SEEN.bulk,
    "u@named.test": { peer: "127.0.0.1", name: "named.relay.test" },
  });
  await w.relay.event("delivery.delivered", ({ lane }) => lane === "mx/a.test@bulk");
});

test("a smart host's own address and name are for what the egress leaves open", async () => {
  const w = await world((port) => ({
    egress: { bulk: BULK, named: { ehlo: "named.relay.test" } },
    smarthosts: {
      own: { url: `smtp://127.0.0.3:${port}`, tls: "none", source: "127.0.0.8", ehlo: "own.relay.test" },
    },
    routes: [
      { when: { sender: "@bulk.test" }, deliver: "own", egress: "bulk" },
      { when: { sender: "@named.test" }, deliver: "own", egress: "named" },
      { deliver: "own" },
    ],
  }));
  const host = await w.host(3);
  for (const from of ["u@here.test", "u@bulk.test", "u@named.test"]) await w.send(from, "r@a.test");
  expect(await seen(host, 3)).toEqual({
    "u@here.test": { peer: "127.0.0.8", name: "own.relay.test" },
    "u@bulk.test": SEEN.bulk,
    "u@named.test": { peer: "127.0.0.8", name: "named.relay.test" },
  });
});

test("a source that is not ours keeps its own route's mail waiting, and no other mail for the same servers", async () => {
  const w = await world({
    egress: { lost: { source: "192.0.2.77" } },
    routes: [{ when: { sender: "@lost.test" }, deliver: "mx", egress: "lost" }, { deliver: "mx" }],
  });
  w.dns.mx("a.test", [10, "host.test"]).a("host.test", "127.0.0.2");
  const host = await w.host(2);
  await w.send("u@lost.test", "r@a.test");
  const blocked = await w.relay.event("site.blocked");
  expect(blocked).toMatchObject({ site: "host.test@lost", text: expect.stringMatching(/^source-unusable/) as string });
  await w.send("u@here.test", "r@a.test");
  expect(await seen(host, 1)).toEqual({ "u@here.test": SEEN.plain });
  expect(w.relay.events("site.blocked").map(({ site }) => site)).not.toContain("host.test");
  expect(await w.command("queue", "list", "--lane", "mx/a.test@lost")).toMatchObject({
    deliveries: [
      { lane: "mx/a.test@lost", state: "waiting", text: expect.stringMatching(/^source-unusable/) as string },
    ],
  });
  expect(await w.command("queue", "list", "--lane", "mx/a.test")).toMatchObject({ deliveries: [] });
  expect(await w.command("status")).toMatchObject({ lanes: [{ lane: "mx/a.test@lost", waiting: 1 }] });
});

test("a pause of a lane is of that egress alone", async () => {
  const w = await world({
    egress: { bulk: BULK },
    routes: [{ when: { sender: "@bulk.test" }, deliver: "mx", egress: "bulk" }, { deliver: "mx" }],
  });
  w.dns.mx("a.test", [10, "host.test"]).a("host.test", "127.0.0.2");
  const host = await w.host(2);
  await w.command("pause", "mx/A.test@bulk");
  for (const from of ["u@bulk.test", "u@here.test"]) await w.send(from, "r@a.test");
  expect(await seen(host, 1)).toEqual({ "u@here.test": SEEN.plain });
  expect(await w.command("status")).toMatchObject({
    paused: [{ target: "mx/a.test@bulk" }],
    lanes: [{ lane: "mx/a.test@bulk", waiting: 1 }],
  });
  await w.command("resume", "mx/a.test@bulk");
  expect(await seen(host, 2)).toMatchObject({ "u@bulk.test": SEEN.bulk });
});

test("mail that waits keeps its egress over kill -9; one that the configuration has no more is routed anew", async () => {
  const routes = [{ when: { sender: "@bulk.test" }, deliver: "mx", egress: "bulk" }, { deliver: "mx" }];
  const w = await world({
    egress: { bulk: BULK, gone: { source: "127.0.0.10" } },
    routes: [{ when: { sender: "@gone.test" }, deliver: "mx", egress: "gone" }, ...routes],
  });
  w.dns.mx("a.test", [10, "host.test"]).a("host.test", "127.0.0.2"); // where nobody listens yet
  const senders = ["u@bulk.test", "u@gone.test", "u@here.test"];
  for (const from of senders) await w.send(from, "r@a.test");
  for (const site of ["host.test", "host.test@bulk", "host.test@gone"])
    await w.relay.event("site.blocked", (event) => event["site"] === site);
  w.relay.kill("SIGKILL");
  await w.relay.exited;
  w.configure({ egress: { bulk: BULK }, routes });
  const host = await w.host(2);
  await w.start();
  await w.command("queue", "retry", "--all");
  expect(await seen(host, senders.length)).toEqual({
    "u@bulk.test": SEEN.bulk,
    "u@gone.test": SEEN.plain,
    "u@here.test": SEEN.plain,
  });
  expect(await w.relay.event("delivery.rerouted")).toMatchObject({ lane: "mx/a.test", reason: "rerouted" });
});
