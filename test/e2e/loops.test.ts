import * as net from "node:net";
import { afterEach, expect, test } from "vitest";
import { INBOUND } from "../../src/core/base/limits.ts";
import { AccountingSink } from "../support/accounting-sink.ts";
import { DnsServerScript } from "../support/dns-server.ts";
import { freePort } from "../support/free-port.ts";
import { RelayHome, RelayProcess, runCommand } from "../support/relay.ts";
import { parseReport } from "../support/report-reader.ts";
import { type HostOptions, ScriptedHost } from "../support/scripted-host.ts";
import { SourceSession } from "../support/source.ts";

// Mail that would go round in circles: between two relays it ends by its trace fields, and its sender is told; what leads
// back to the relay itself is found before it goes round once, and waits for the configuration's repair (promise P5).

const toEnd: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of toEnd.splice(0).toReversed()) await end();
});

function newHome(): RelayHome {
  const home = new RelayHome();
  toEnd.push(() => home.remove());
  return home;
}

function relayOn(home: RelayHome): RelayProcess {
  const relay = new RelayProcess(home);
  toEnd.push(async () => {
    relay.kill("SIGKILL");
    await relay.stop();
  });
  return relay;
}

async function newSink(): Promise<AccountingSink> {
  const sink = await AccountingSink.start({ keepsRaw: true });
  toEnd.push(() => sink.close());
  return sink;
}

async function send(port: number, from: string, to: string, content = "Subject: x\r\n\r\nbody\r\n"): Promise<void> {
  const session = await SourceSession.connect({ port });
  const message = { id: "", from, recipients: [to], content: Buffer.from(content), hash: "" };
  expect((await session.send(message)).kind).toBe("acknowledged");
  await session.quit();
}

const CLEAR = { access: { networks: ["127.0.0.0/8"] }, threads: 1 };

/** Two relays, each of which takes the other for the way to `loop.test`; all else goes to a sink. */
async function circle(
  config = {},
): Promise<{ a: RelayProcess; b: RelayProcess; ports: [number, number]; sink: AccountingSink }> {
  const sink = await newSink();
  const ports: [number, number] = [await freePort(), await freePort()];
  const [a, b] = ["a.test", "b.test"].map((hostname, at) => {
    const home = newHome();
    home.configure({
      ...CLEAR,
      hostname,
      listeners: [{ listen: `127.0.0.1:${ports[at]}`, tls: "none" }],
      smarthosts: {
        other: { url: `smtp://127.0.0.1:${ports[1 - at]}`, tls: "none" },
        sink: { url: `smtp://127.0.0.1:${sink.port}`, tls: "none" },
      },
      routes: [{ when: { recipient: "@loop.test" }, deliver: "other" }, { deliver: "sink" }],
      ...config,
    });
    return relayOn(home);
  });
  await Promise.all([a!.ports(), b!.ports()]);
  return { a: a!, b: b!, ports, sink };
}

/** Waits for what the log of another process has to say. */
function soon<T>(ask: () => T): ReturnType<typeof expect.poll<T>> {
  return expect.poll(ask);
}

function copiesFrom(sender: string, ...relays: readonly RelayProcess[]): number {
  return relays.flatMap((relay) => relay.events("message.accepted")).filter(({ from }) => from === sender).length;
}

function failures(...relays: readonly RelayProcess[]): unknown[] {
  return relays.flatMap((relay) => relay.events("delivery.failed")).map(({ reply }) => reply);
}

test("two relays that send to each other: it ends after the documented number of hops, with one report", async () => {
  const { a, b, ports, sink } = await circle();
  await send(ports[0], "sender@here.test", "one@loop.test");
  await sink.until(({ copies }) => copies.length > 0, 60_000);
  await soon(() => copiesFrom("sender@here.test", a, b)).toBe(INBOUND.receivedFieldsMax);
  await soon(() => failures(a, b)).toEqual([expect.stringMatching(/^554 5\.4\.6 /)]);
  const report = parseReport(sink.copies[0]!.raw!);
  expect(report.recipients[0]).toMatchObject({ "final-recipient": "rfc822; one@loop.test", status: "5.4.6" });
  expect(report.recipients).toHaveLength(1);
  // Ninety-nine fields, however they are written, are no loop yet, and what stands in the body never is.
  const fields = ["Received: a", "received: b", "RECEIVED :c\r\n\td"];
  const header = Array.from({ length: INBOUND.receivedFieldsMax - 1 }, (_, at) => fields[at % 3]!).join("\r\n");
  await send(ports[0], "odd@here.test", "two@sink.test", `${header}\r\n\r\n${header}\r\n`);
  await send(ports[0], "odd@here.test", "two@loop.test", `${header}\r\n\r\n${header}\r\n`);
  await sink.until(({ copies }) => copies.length >= 3);
  expect(sink.copies.flatMap(({ recipients }) => recipients).toSorted()).toEqual([
    "odd@here.test",
    "sender@here.test",
    "two@sink.test",
  ]);
  await soon(() => copiesFrom("odd@here.test", a, b)).toBe(2);
  console.log(`two relays: ${copiesFrom("sender@here.test", a, b)} hops, one report`);
});

test.each([
  ["with nobody to hear of it", {}],
  ["with a postmaster whose mail goes round too", { postmaster: "pm@loop.test" }],
])("the report about a loop goes round itself, ends, and is not reported: %s", async (_, config) => {
  const { a, b, ports, sink } = await circle(config);
  await send(ports[0], "sender@loop.test", "one@loop.test");
  const failure = expect.stringMatching(/^554 5\.4\.6 /);
  await soon(() => failures(a, b)).toEqual([failure, failure]); // of the message, and of the report about it
  await soon(() => copiesFrom("sender@loop.test", a, b)).toBe(INBOUND.receivedFieldsMax);
  expect(copiesFrom("", a, b)).toBeGreaterThan(0);
  expect(copiesFrom("", a, b)).toBeLessThan(INBOUND.receivedFieldsMax);
  expect([a, b].flatMap((relay) => relay.events("dsn.queued"))).toHaveLength(1);
  expect(sink.copies).toEqual([]);
});

/** A port that leads to another one, as those of routers and containers do: no configuration tells. */
async function forwarded(port: number): Promise<number> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((inner) => {
    const outer = net.connect(port, "127.0.0.1");
    for (const [socket, other] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => other.destroy()).on("close", () => other.destroy());
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  toEnd.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as net.AddressInfo).port;
}

test("a smart host that is ourselves, where nobody can know: mail waits, takes the next step, never fails", async () => {
  const sink = await newSink();
  const port = await freePort();
  const home = newHome();
  const configure = (url: string): void =>
    home.configure({
      ...CLEAR,
      listeners: [{ listen: `127.0.0.1:${port}`, tls: "none" }],
      smarthosts: {
        inward: { url, tls: "none" },
        sink: { url: `smtp://127.0.0.1:${sink.port}`, tls: "none" },
      },
      routes: [{ when: { recipient: "@steps.test" }, deliver: ["inward", "sink"] }, { deliver: "inward" }],
    });
  configure(`smtp://127.0.0.1:${await forwarded(port)}`);
  const relay = relayOn(home);
  await relay.ports();
  await send(port, "sender@here.test", "waits@one.test");
  const blocked = await relay.event("site.blocked");
  expect(blocked).toMatchObject({
    site: "smarthost/inward",
    text: expect.stringMatching(/calls itself relay\.test, which is us/),
  });
  await send(port, "sender@here.test", "goes@steps.test");
  await sink.until(({ copies }) => copies.length === 1);
  expect(sink.recipients()).toEqual(["goes@steps.test"]);
  await soon(() => relay.events("message.accepted").length).toBe(2); // nothing came back
  expect(failures(relay)).toEqual([]);
  expect(await relay.stop()).toEqual({ code: 0, signal: null });
  // The configuration repaired, what waited goes.
  configure(`smtp://127.0.0.1:${sink.port}`);
  await relayOn(home).ports();
  await sink.until(({ copies }) => copies.length === 2);
  expect(sink.recipients()).toEqual(["goes@steps.test", "waits@one.test"]);
});

test("by name, by address, by another name of it, and by another address of a listener for all: `config check` refuses it", async () => {
  for (const [listen, host] of [
    ["127.0.0.1:2525", "127.0.0.1"],
    ["127.0.0.1:2526", "relay.test"],
    ["127.0.0.1:2525", "localhost"],
    ["127.0.0.1:2525", "[::ffff:127.0.0.1]"],
    ["0.0.0.0:2525", "127.0.0.2"],
    ["[::]:2525", "[::1]"],
    ["[::]:2525", "127.0.0.9"],
  ]) {
    const home = newHome();
    home.configure({
      ...CLEAR,
      listeners: [{ listen, tls: "none" }],
      smarthosts: { inward: { url: `smtp://${host}:2525`, tls: "none" } },
      routes: [{ deliver: "inward" }],
    });
    const { code, errors, output } = await runCommand(["config", "check", "--config", home.configFile], {
      cwd: home.folder,
    });
    expect({ listen, host, code, said: `${errors}${output}` }).toEqual({
      listen,
      host,
      code: 78,
      said: expect.stringContaining("is this relay itself"),
    });
  }
});

test("an MX that turns out to be ourselves by its own words: the next one; where there is none, mail waits", async () => {
  const dns = await DnsServerScript.start();
  toEnd.push(() => dns.close());
  const host = async (options: HostOptions): Promise<ScriptedHost> => {
    const started = await ScriptedHost.start(options);
    toEnd.push(() => started.close());
    return started;
  };
  const inward = await host({
    address: "127.0.0.2",
    script: (place) => (place === "EHLO" ? "250 relay.test" : undefined),
  });
  const other = await host({ address: "127.0.0.3", port: inward.port });
  dns.mx("a.test", [10, "one.test"], [20, "two.test"]).mx("b.test", [10, "one.test"]);
  dns.a("one.test", "127.0.0.2").a("two.test", "127.0.0.3");
  const home = newHome();
  home.configure({
    ...CLEAR,
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    dns: { servers: [`127.0.0.1:${dns.port}`] },
    delivery: { port: inward.port, private_networks: ["127.0.0.0/8"] },
    routes: [{ deliver: "mx" }],
  });
  const relay = relayOn(home);
  const [port = 0] = await relay.ports();
  await send(port, "sender@here.test", "u@a.test");
  await relay.event("delivery.delivered", ({ recipient }) => recipient === "u@a.test");
  expect(other.recipients()).toEqual(["u@a.test"]);
  await send(port, "sender@here.test", "u@b.test");
  expect(await relay.event("site.blocked")).toMatchObject({ text: expect.stringMatching(/which is us/) });
  expect(inward.messages).toEqual([]);
  expect(relay.events("delivery.failed")).toEqual([]);
});
