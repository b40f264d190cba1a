import fs from "node:fs";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { RelayHome, RelayProcess, runCommand } from "../support/relay.ts";
import { ScriptedHost } from "../support/scripted-host.ts";
import { SourceSession } from "../support/source.ts";

// `logs.addresses`: canaries in every place of a session and of a delivery that an address has.

const CANARY = /canary|kanári/i;
const MESSAGE = "Subject: x\r\n\r\nx\r\n.";

interface Scene {
  readonly home: RelayHome;
  readonly relay: RelayProcess;
}

function configure(home: RelayHome, hop: ScriptedHost, addresses: string): void {
  home.configure({
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    access: { networks: ["127.0.0.0/8"], senders: ["@a.test", "@ü.test", "<>"] },
    smarthosts: { hop: { url: `smtp://127.0.0.1:${hop.port}`, tls: "none" } },
    routes: [{ deliver: "hop" }],
    logs: { level: "debug", addresses },
    threads: 2,
  });
}

function start(home: RelayHome): RelayProcess {
  const relay = new RelayProcess(home);
  onTestFinished(async () => {
    relay.kill("SIGKILL");
    await relay.stop();
  });
  return relay;
}

async function scene(addresses: string): Promise<Scene & { readonly hop: ScriptedHost }> {
  const home = new RelayHome();
  // It repeats whom it refuses, whole and by the local part alone.
  const hop = await ScriptedHost.start({
    keywords: ["SMTPUTF8", "8BITMIME"],
    script: (place, { line, from }) => {
      if (place !== "RCPT" || from === "") return undefined;
      const address = /<(.*)>/.exec(line)?.[1] ?? "";
      const local = address.slice(0, address.lastIndexOf("@"));
      return address.includes("later") ? `450 4.2.1 ${address} later` : `550 5.1.1 <${address}>: ${local}... unknown`;
    },
  });
  onTestFinished(async () => {
    await hop.close();
    home.remove();
  });
  configure(home, hop, addresses);
  return { home, hop, relay: start(home) };
}

/** All of it, and whatever the relay has to say of it. */
async function talk(relay: RelayProcess): Promise<void> {
  const [port = 0] = await relay.ports();
  const session = await SourceSession.open(port, false);
  await session.expect(220);
  await session.hello();
  const commands = [
    "MAIL FROM:<canary-strange@b.test>",
    "MAIL FROM:canary-bare@a.test",
    "canary-verb@a.test",
    "MAIL FROM:<Canary.Sender@a.test>",
    "RCPT TO:<canary-broken@>",
    "RCPT TO:<CANARY.UPPER@c.test>",
    'RCPT TO:<"canary quoted @ x"@c.test>',
    "RCPT TO:<canary-later@c.test>",
    "DATA",
    MESSAGE,
    "MAIL FROM:<kanári@ü.test> SMTPUTF8",
    "RCPT TO:<kanári@ü.test>",
    "DATA",
    MESSAGE,
  ];
  for (const command of commands) await session.command(command);
  await relay.event("delivery.deferred");
  await expect.poll(() => relay.events("delivery.failed").length, { timeout: 20_000 }).toBe(3);
  await expect.poll(() => relay.events("dsn.queued").length, { timeout: 20_000 }).toBe(2);
  await expect.poll(() => relay.events("delivery.delivered").length, { timeout: 20_000 }).toBe(2);
}

test.each([
  ["full", true],
  ["hashed", false],
])("logs.addresses: %s", async (addresses, isShown) => {
  const { relay } = await scene(addresses);
  await talk(relay);
  const places = ["delivery.failed", "delivery.deferred", "delivery.delivered", "dsn.queued", "message.accepted"];
  for (const place of places)
    expect([place, CANARY.test(JSON.stringify(relay.events(place)))]).toEqual([place, isShown]);
  if (!isShown) expect(relay.lines.filter((line) => CANARY.test(line))).toEqual([]);
  expect(CANARY.test(relay.errors)).toBe(false);
  expect(JSON.stringify(relay.events("delivery.failed"))).toContain("@c.test");
});

test("one address has one hash, in every thread, after a restart and in a backup, and queue commands have the whole", async () => {
  const { home, relay } = await scene("hashed");
  const key = path.join(home.data, "log.key");
  await talk(relay);
  const [deferred] = relay.events("delivery.deferred");
  expect(deferred!["recipient"]).toMatch(/^h:[0-9a-f]{16}@c\.test$/);
  expect(deferred!["reply"]).toContain(deferred!["recipient"]);
  const shown = await runCommand(["queue", "list", "--config", home.configFile], { cwd: home.folder });
  expect(shown.output).toContain("canary-later@c.test");
  expect(fs.statSync(key).mode & 0o777).toBe(0o600);
  const copy = path.join(home.folder, "copy");
  await runCommand(["backup", copy, "--config", home.configFile], { cwd: home.folder });
  expect(fs.statSync(path.join(copy, "log.key")).mode & 0o777).toBe(0o600);
  await relay.stop();
  fs.rmSync(home.data, { recursive: true });
  fs.renameSync(copy, home.data);
  const next = start(home);
  await talk(next);
  const known = new Set(next.events("delivery.deferred").map(({ recipient }) => recipient));
  expect([...known]).toEqual([deferred!["recipient"]]);
});

test("a reload has addresses hashed, and shown again", async () => {
  const { home, hop, relay } = await scene("full");
  const [port = 0] = await relay.ports();
  const accepted = async (): Promise<unknown> => {
    const before = relay.events("message.accepted").length;
    const session = await SourceSession.open(port, false);
    await session.expect(220);
    await session.hello();
    for (const command of ["MAIL FROM:<canary@a.test>", "RCPT TO:<later@c.test>", "DATA", MESSAGE])
      await session.command(command);
    await expect.poll(() => relay.events("message.accepted").length).toBe(before + 1);
    return relay.events("message.accepted").at(-1)!["from"];
  };
  expect(await accepted()).toBe("canary@a.test");
  for (const [addresses, form] of [
    ["hashed", /^h:[0-9a-f]{16}@a\.test$/],
    ["full", /^canary@/],
  ] as const) {
    configure(home, hop, addresses);
    expect(await runCommand(["reload", "--config", home.configFile], { cwd: home.folder })).toMatchObject({ code: 0 });
    expect(await accepted()).toMatch(form);
  }
});
