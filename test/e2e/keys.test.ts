import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { hashPassword } from "../../src/adapters/crypto/argon2.ts";
import { AccountingSink } from "../support/accounting-sink.ts";
import { selfSigned } from "../support/certificates.ts";
import { freePort } from "../support/free-port.ts";
import { RelayHome, RelayProcess, runCommand } from "../support/relay.ts";
import { SourceSession } from "../support/source.ts";

// What a key of the configuration changes for whoever talks to the relay, where no other test shows it (tools/key-tests.ts).

interface Started {
  readonly home: RelayHome;
  readonly relay: RelayProcess;
  readonly sink: AccountingSink;
}

async function start(config: Record<string, unknown>): Promise<Started> {
  const home = new RelayHome();
  const sink = await AccountingSink.start();
  home.configure({
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    access: { networks: ["127.0.0.0/8"] },
    smarthosts: { hop: { url: `smtp://127.0.0.1:${sink.port}`, tls: "none" } },
    routes: [{ deliver: "hop" }],
    ...config,
  });
  const relay = new RelayProcess(home);
  onTestFinished(async () => {
    relay.kill("SIGKILL");
    await relay.stop();
    await sink.close();
    home.remove();
  });
  return { home, relay, sink };
}

/** A session that said EHLO, and what it was answered. */
async function greeted(port: number): Promise<{ readonly session: SourceSession; readonly keywords: string }> {
  const session = await SourceSession.open(port, false);
  await session.expect(220);
  return { session, keywords: await session.hello() };
}

async function say(session: SourceSession, ...commands: readonly string[]): Promise<string> {
  let reply = "";
  for (const command of commands) reply = await session.command(command);
  return reply;
}

test("listeners[].name, max_message_bytes, bare_newlines and limits.recipients_per_message: each listener by its own", async () => {
  const { relay, sink } = await start({
    listeners: [
      { name: "shop", listen: "127.0.0.1:0", tls: "none", max_message_bytes: 2048, bare_newlines: "normalize" },
      { listen: "127.0.0.1:0", tls: "none" },
    ],
    limits: { recipients_per_message: 2 },
  });
  const [shop, other] = await relay.ports();
  const small = await greeted(shop!);
  expect(small.keywords).toContain("SIZE 2048");
  expect(small.keywords).toContain("RCPTMAX=2");
  expect(await say(small.session, "MAIL FROM:<a@b.test> SIZE=2049")).toMatch(/^552 5\.3\.4 /);
  const begun = ["MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "RCPT TO:<e@f.test>"];
  expect(await say(small.session, ...begun, "RCPT TO:<g@h.test>")).toMatch(/^452 4\.5\.3 /);
  expect(await say(small.session, "DATA", "Subject: x\n\nbare\n\r\n.")).toMatch(/^250 /);
  const strict = await greeted(other!);
  expect(strict.keywords).toContain("SIZE 52428800");
  expect(await say(strict.session, ...begun, "DATA", "Subject: x\n\nbare\n\r\n.")).toMatch(/^550 5\.5\.2 /);
  await sink.until(({ copies }) => copies.length === 1);
  expect(await relay.event("message.accepted")).toMatchObject({ listener: "shop", recipients: 2 });
});

test("limits.messages_per_connection is announced to strangers, and to nobody else", async () => {
  const config = { limits: { messages_per_connection: 3 } };
  const { relay: closed } = await start({ ...config, access: { networks: [] } });
  expect((await greeted((await closed.ports())[0]!)).keywords).toContain("LIMITS MAILMAX=3 ");
  const { relay: open } = await start(config);
  expect((await greeted((await open.ports())[0]!)).keywords).not.toContain("MAILMAX");
});

test.each([
  [true, /^250 /],
  [false, /^550 5\.1\.2 /],
])("delivery.address_literals: %s", async (isPermitted, reply) => {
  const { relay } = await start({ delivery: { address_literals: isPermitted } });
  const { session } = await greeted((await relay.ports())[0]!);
  expect(await say(session, "MAIL FROM:<a@b.test>", "RCPT TO:<c@[192.0.2.1]>")).toMatch(reply);
});

test("credentials[].password_hash and senders: the password that it is of gets in and no other, as these senders and no other", async () => {
  const { certificate, key } = selfSigned("relay.test");
  const home = new RelayHome();
  const files = { certificate: home.write("cert.pem", certificate), key: home.write("key.pem", key) };
  onTestFinished(() => home.remove());
  const { relay } = await start({
    listeners: [{ listen: "127.0.0.1:0", tls: "implicit" }],
    tls: files,
    access: { networks: [] },
    credentials: [{ username: "app", password_hash: await hashPassword("right one"), senders: ["@b.test"] }],
  });
  const [port] = await relay.ports();
  const login = (password: string): Promise<SourceSession> =>
    SourceSession.connect({ port: port!, tls: "implicit", auth: { mechanism: "PLAIN", username: "app", password } });
  await expect(login("wrong one")).rejects.toThrow(/535/);
  const session = await login("right one");
  expect(await say(session, "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>")).toMatch(/^250 /);
  expect(await say(session, "RSET", "MAIL FROM:<a@other.test>")).toMatch(/^550 5\.7\.1 /);
  expect(relay.events("auth.failed")).toHaveLength(1);
});

test("listeners[].require_tls: nobody hands over mail in clear, also of a network that may relay", async () => {
  const { certificate, key } = selfSigned("relay.test");
  const home = new RelayHome();
  const files = { certificate: home.write("cert.pem", certificate), key: home.write("key.pem", key) };
  onTestFinished(() => home.remove());
  const listener = { listen: "127.0.0.1:0", tls: "starttls" };
  const { relay } = await start({
    listeners: [{ ...listener, name: "strict", require_tls: true }, listener],
    tls: files,
  });
  const [strict, other] = await relay.ports();
  expect(await say((await greeted(strict!)).session, "MAIL FROM:<a@b.test>")).toMatch(/^530 5\.7\.0 /);
  expect(await say((await greeted(other!)).session, "MAIL FROM:<a@b.test>")).toMatch(/^250 /);
});

test("access.open_to_everyone: networks of strangers take these words, and no others", async () => {
  const access = { networks: ["0.0.0.0/0"] };
  const { relay } = await start({ access: { ...access, open_to_everyone: "I know what I am doing" } });
  const { session } = await greeted((await relay.ports())[0]!);
  expect(await say(session, "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>")).toMatch(/^250 /);
  for (const words of [{}, { open_to_everyone: "yes" }]) {
    const home = new RelayHome();
    onTestFinished(() => home.remove());
    home.configure({ listeners: [{ listen: "127.0.0.1:0", tls: "none" }], access: { ...access, ...words } });
    const end = await runCommand(["config", "check", "--config", home.configFile], { cwd: home.folder });
    expect(end).toMatchObject({ code: 78, errors: expect.stringContaining("open_to_everyone") });
  }
});

test("hostname, listeners[].listen and logs.level: it greets by its name where it is told, and writes no more than is wanted", async () => {
  const port = await freePort();
  const config = { hostname: "mx.named.test", listeners: [{ listen: `127.0.0.1:${port}`, tls: "none" }] };
  const { relay } = await start({ ...config, logs: { level: "warn" } });
  await expect.poll(() => isOpen(port)).toBe(true);
  const session = await SourceSession.open(port, false);
  expect(await session.expect(220)).toContain("mx.named.test ESMTP");
  expect(await say(session, "EHLO x.test", "MAIL FROM:<a@b.test>", "RCPT TO:<c@localhost>")).toMatch(/^501 /);
  await relay.stop();
  expect(relay.lines.filter((line) => /"level":"(?:info|debug)"/.test(line))).toEqual([]);
});

test.each([
  ["keep", { keep: "2d" }, ["2026-01-01", "2026-01-02"]],
  ["bytes", { bytes: 1024 * 1024 }, ["2026-01-01"]],
])("history.%s: days that are too old, or too much, go; the others stay", async (_, history, gone) => {
  const { home, relay } = await start({ history: { keep: "366d", ...history } });
  await relay.ports();
  await relay.stop();
  const folder = path.join(home.data, "history");
  fs.mkdirSync(folder, { recursive: true });
  const days = ["2026-01-01", "2026-01-02"];
  for (const day of days) fs.writeFileSync(path.join(folder, `${day}.db`), new Uint8Array(700 * 1024));
  const { output } = await runCommand(["history", "prune", "--json", "-c", home.configFile], { cwd: home.folder });
  expect(JSON.parse(output)).toMatchObject({ days: gone });
  expect(days.filter((day) => fs.existsSync(path.join(folder, `${day}.db`)))).toEqual(
    days.filter((day) => !gone.includes(day)),
  );
});

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}
