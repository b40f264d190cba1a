import { X509Certificate } from "node:crypto";
import { execFile } from "node:child_process";
import net from "node:net";
import tls from "node:tls";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { plantedTree } from "../crash/patched-copy.ts";
import { AccountingSink } from "../support/accounting-sink.ts";
import { type Certificate, selfSigned } from "../support/certificates.ts";
import { seeded } from "../support/chance.ts";
import { freePort } from "../support/free-port.ts";
import { isProof } from "../support/proof.ts";
import { RelayHome, RelayProcess, runCommand } from "../support/relay.ts";
import { MessageFactory, type SendResult, SourceSession } from "../support/source.ts";

// A configuration that changes while the relay runs: what is new takes effect, what stands goes on.

const execFileAsync = promisify(execFile);
const factory = new MessageFactory("o", seeded(4), 1024 * 1024);
/** Of one client: a test that fails ends too. */
const SENT_MAX = 20_000;
const OLD_LOGIN = { mechanism: "PLAIN", username: "old", password: "old-password" } as const;
const NEW_LOGIN = { mechanism: "PLAIN", username: "new", password: "new-password" } as const;

async function home(): Promise<RelayHome> {
  const made = new RelayHome();
  onTestFinished(() => made.remove());
  return made;
}

async function sink(): Promise<AccountingSink> {
  const made = await AccountingSink.start();
  onTestFinished(() => made.close());
  return made;
}

function started(at: RelayHome, tree?: string): RelayProcess {
  const relay = new RelayProcess(at, tree === undefined ? {} : { tree });
  onTestFinished(async () => {
    relay.kill("SIGKILL");
    await relay.stop();
  });
  return relay;
}

function hop(port: number): object {
  return { url: `smtp://127.0.0.1:${port}`, tls: "none" };
}

async function command(at: RelayHome, ...args: string[]): ReturnType<typeof runCommand> {
  return await runCommand([...args, "--config", at.configFile], { cwd: at.folder });
}

async function isRefused(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = net.connect({ host: "127.0.0.1", port });
    socket.once("connect", () => resolve(false)).once("error", () => resolve(true));
    socket.once("connect", () => socket.destroy());
  });
}

/** What openssl's s_client is shown; it shares no code with the relay. */
async function shownAt(port: number, servername?: string): Promise<X509Certificate> {
  const name = servername === undefined ? ["-noservername"] : ["-servername", servername];
  const client = execFileAsync("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, ...name], { timeout: 20_000 });
  client.child.stdin!.on("error", () => undefined).end("QUIT\r\n");
  const { stdout } = await client;
  return new X509Certificate(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/.exec(stdout)![0]);
}

function fingerprint({ certificate }: Certificate): string {
  return new X509Certificate(certificate).fingerprint256;
}

/** A client that sends one message after the other until it is told to end, or one is not acknowledged. */
async function sendOn(port: number, recipient: string, isOver: () => boolean): Promise<SendResult[]> {
  const session = await SourceSession.connect({ port });
  const results: SendResult[] = [];
  while (!isOver() && results.length < SENT_MAX) {
    const result = await session.send({ ...factory.make(500, 1), recipients: [recipient] });
    results.push(result);
    if (result.kind !== "acknowledged") return results;
  }
  await session.quit();
  return results;
}

test("under load a listener, a credential, a route, a smart host and a certificate come and go", async () => {
  const at = await home();
  const [first, second] = [await sink(), await sink()];
  const [before, after] = [selfSigned("relay.test", "DNS:relay.test"), selfSigned("relay.test", "DNS:relay.test")];
  const [kept, gone, added, secure] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const files = (name: string, of: Certificate): { certificate: string; key: string } => ({
    certificate: at.write(`${name}.pem`, of.certificate),
    key: at.write(`${name}-key.pem`, of.key),
  });
  const common = { access: { networks: ["127.0.0.0/8"] } };
  const plain = (port: number): object => ({ listen: `127.0.0.1:${port}`, tls: "none" });
  const implicit = { listen: `127.0.0.1:${secure}`, tls: "implicit" };
  at.configure({
    ...common,
    listeners: [plain(kept), plain(gone), implicit],
    tls: files("before", before),
    credentials: [OLD_LOGIN, { username: "both", password: "both-password" }].map(({ username, password }) => ({
      username,
      password,
    })),
    smarthosts: { first: hop(first.port), unused: hop(first.port) },
    routes: [{ deliver: "first" }],
  });
  const relay = started(at);
  await relay.ports();

  let isOver = false;
  onTestFinished(() => void (isOver = true));
  const load = Array.from({ length: 4 }, (_, n) => sendOn(kept, `r${n}@load.test`, () => isOver));
  const onGone = await SourceSession.connect({ port: gone });
  const asOld = await SourceSession.connect({ port: secure, tls: "implicit", auth: OLD_LOGIN });
  const asBoth = await SourceSession.connect({
    port: secure,
    tls: "implicit",
    auth: { mechanism: "PLAIN", username: "both", password: "both-password" },
  });
  await expect.poll(() => first.copies.length).toBeGreaterThan(20);

  at.configure({
    ...common,
    listeners: [plain(added), implicit, plain(kept)],
    tls: files("after", after),
    credentials: [NEW_LOGIN, { username: "both", password: "both-password" }].map(({ username, password }) => ({
      username,
      password,
    })),
    smarthosts: { second: hop(second.port), first: hop(first.port) },
    routes: [{ when: { recipient: "@new.test" }, deliver: "second" }, { deliver: "first" }],
  });
  const diff = await command(at, "config", "diff");
  expect(diff.output).toContain(`~ listeners[127.0.0.1:${gone}].listen: "127.0.0.1:${gone}" -> "127.0.0.1:${added}"`);
  const reloaded = await command(at, "reload");
  expect(reloaded.errors).toBe("");
  expect(reloaded.code).toBe(0);
  expect(reloaded.output).toContain("- credentials[old]");
  expect(reloaded.output).not.toContain("-password");

  // The listeners.
  const onAdded = await SourceSession.connect({ port: added });
  expect(await isRefused(gone)).toBe(true);
  expect((await onGone.send({ ...factory.make(500, 1), recipients: ["session@gone.test"] })).kind).toBe("acknowledged");
  // The route and its smart host.
  expect((await onAdded.send({ ...factory.make(500, 1), recipients: ["route@new.test"] })).kind).toBe("acknowledged");
  await expect.poll(() => second.recipients()).toEqual(["route@new.test"]);
  // The credentials: what was taken away ends at the next MAIL, what stayed goes on.
  const refused = await asOld.send({ ...factory.make(500, 1), recipients: ["r@old.test"] });
  expect(refused).toMatchObject({ kind: "refused", reply: expect.stringMatching(/^535 5\.7\.8/) });
  await expect(SourceSession.connect({ port: secure, tls: "implicit", auth: OLD_LOGIN })).rejects.toThrow("535");
  await (await SourceSession.connect({ port: secure, tls: "implicit", auth: NEW_LOGIN })).quit();
  // The certificate: new sessions see the new one, the one that stands goes on.
  expect((await shownAt(secure)).fingerprint256).toBe(fingerprint(after));
  expect((await asBoth.send({ ...factory.make(500, 1), recipients: ["r@both.test"] })).kind).toBe("acknowledged");

  const still = first.copies.length;
  await expect.poll(() => first.copies.length).toBeGreaterThan(still + 20);
  isOver = true;
  const results = (await Promise.all(load)).flat();
  expect(results.filter(({ kind }) => kind !== "acknowledged")).toEqual([]);
  expect(results.length).toBeGreaterThan(40);
  for (const session of [onGone, onAdded, asOld, asBoth]) await session.quit();
  const ofLoad = (): number => first.recipients().filter((recipient) => recipient.endsWith("@load.test")).length;
  await expect.poll(ofLoad).toBe(results.length);
  expect(await relay.stop()).toEqual({ code: 0, signal: null });
});

/** A relay with one listener in clear and one smart host. */
async function smallRelay(more: Record<string, unknown> = {}): Promise<{
  readonly at: RelayHome;
  readonly first: AccountingSink;
  readonly config: Record<string, unknown>;
  readonly relay: RelayProcess;
  readonly port: number;
}> {
  const at = await home();
  const first = await sink();
  const config = {
    listeners: [{ listen: `127.0.0.1:${await freePort()}`, tls: "none" }],
    access: { networks: ["127.0.0.0/8"] },
    smarthosts: { first: hop(first.port) },
    routes: [{ deliver: "first" }],
    ...more,
  };
  at.configure(config);
  const relay = started(at);
  const [port = 0] = await relay.ports();
  return { at, first, config, relay, port };
}

async function sends(port: number, recipient: string): Promise<void> {
  const session = await SourceSession.connect({ port });
  const result = await session.send({ ...factory.make(500, 1), recipients: [recipient] });
  expect(result.kind).toBe("acknowledged");
  await session.quit();
}

test("what waits for a smart host that is dead goes at once to the one that takes its place", async () => {
  const count = isProof ? 10_000 : 300;
  const dead = 9; // nobody listens there, whatever other tests open
  const { at, first, config, relay, port } = await smallRelay({ smarthosts: { first: hop(dead) } });
  let left = count;
  await Promise.all(Array.from({ length: 20 }, (_, n) => sendOn(port, `r${n}@wait.test`, () => left-- <= 0)));
  await relay.event("site.blocked", ({ failures }) => Number(failures) >= 3); // by now it waits some 20 s between its tries
  at.configure({ ...config, smarthosts: { first: hop(first.port) } });
  const from = performance.now();
  relay.kill("SIGHUP");
  await relay.event("config.reloaded", ({ changes }) => (changes as string[]).join() === "smarthosts.first.url");
  await first.until(({ copies }) => copies.length >= count);
  console.log(
    `${count} messages for a dead smart host: all there ${Math.round(performance.now() - from)} ms after the reload`,
  );
  expect(first.copies).toHaveLength(count);
});

test("a configuration that is not valid, or asks for what is not to be had, changes nothing and says why", async () => {
  const { at, first, config, relay, port } = await smallRelay();
  at.configure({ ...config, smarthosts: { first: hop(first.port) }, routes: [{ deliver: "frist" }] });
  const wrong = await command(at, "reload");
  expect(wrong.code).toBe(78);
  expect(wrong.errors).toContain("there is no smart host of that name in smarthosts; did you mean 'first'?");
  relay.kill("SIGHUP");
  const { errors } = await relay.event("config.rejected");
  expect(errors).toEqual([
    expect.stringMatching(/^.*waypost\.yaml:\d+:\d+: routes\[0\]\.deliver: there is no smart host/),
  ]);
  await sends(port, "r@still.test");

  const other = net.createServer();
  onTestFinished(() => void other.close());
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const taken = (other.address() as net.AddressInfo).port;
  const listeners = [...(config["listeners"] as object[]), { listen: `127.0.0.1:${taken}`, tls: "none" }];
  at.configure({ ...config, listeners, credentials: [{ username: "a", password: "b" }] });
  const late = await command(at, "reload");
  expect(late).toMatchObject({ code: 78, errors: expect.stringContaining(`127.0.0.1:${taken} is taken`) });
  await sends(port, "r@still.test");
  const status = JSON.parse((await command(at, "status", "--json")).output) as { readonly listeners: string[] };
  expect(status.listeners).toEqual([`127.0.0.1:${port} 127.0.0.1:${port}`]);
});

test("what only a start can change stays, and is told; the rest is done", async () => {
  const { at, config, relay } = await smallRelay();
  at.configure({ ...config, threads: 2, hostname: "other.test" });
  const diff = await command(at, "config", "diff", "--json");
  expect(JSON.parse(diff.output)).toMatchObject({
    changes: [
      { key: "hostname", kind: "changed", before: '"relay.test"', after: '"other.test"', needsRestart: false },
      { key: "threads", kind: "added", after: "2", needsRestart: true },
    ],
  });
  const { output, code } = await command(at, "reload");
  expect(code).toBe(0);
  expect(output).toContain('~ hostname: "relay.test" -> "other.test"');
  expect(output).toContain("The relay keeps what it has of threads until it is started again.");
  expect(await relay.event("config.reloaded")).toMatchObject({ needsRestart: ["threads"] });
  const again = await command(at, "config", "diff");
  expect(again.output).toContain("threads");
  const [port = 0] = await relay.ports();
  const session = await SourceSession.open(port, false);
  expect(await session.reply()).toMatch(/^220 other\.test /);
});

test("a certificate that is renewed in place is shown without a word to the relay, when the pair is whole", async () => {
  const [before, after] = [selfSigned("relay.test", "DNS:relay.test"), selfSigned("relay.test", "DNS:relay.test")];
  const at = await home();
  const files = { certificate: at.write("c.pem", before.certificate), key: at.write("k.pem", before.key) };
  const port = await freePort();
  at.configure({ listeners: [{ listen: `127.0.0.1:${port}`, tls: "implicit" }], tls: files });
  const relay = started(at);
  await relay.ports();
  expect((await shownAt(port)).fingerprint256).toBe(fingerprint(before));
  at.write("c.pem", after.certificate); // as a renewal that is half done
  const { level, errors } = await relay.event("certificates.rejected");
  const [cert, key] = [`${at.folder}/c.pem`, `${at.folder}/k.pem`];
  expect({ level, errors }).toEqual({
    level: "warn",
    errors: [`tls.key: ${key} is not the key of the certificate ${cert}`],
  });
  expect((await shownAt(port)).fingerprint256).toBe(fingerprint(before));
  at.write("k.pem", after.key);
  await relay.event("certificates.renewed");
  expect((await shownAt(port)).fingerprint256).toBe(fingerprint(after));
  expect(relay.events("certificates.rejected")).toHaveLength(1);
});

test("a listener shows each client the certificate for the name that it asks for, and the kind that it can do", async () => {
  const at = await home();
  const pairs = {
    one: selfSigned("one.test", "DNS:one.test"),
    rsa: selfSigned("one.test", "DNS:one.test", "rsa"),
    two: selfSigned("two.test", "DNS:*.two.test"),
  };
  const files = Object.entries(pairs).map(([name, { certificate, key }]) => ({
    certificate: at.write(`${name}.pem`, certificate),
    key: at.write(`${name}-key.pem`, key),
  }));
  const port = await freePort();
  at.configure({ listeners: [{ listen: `127.0.0.1:${port}`, tls: "implicit", tls_certificates: files }] });
  const relay = started(at);
  await relay.ports();
  const shown = async (name?: string): Promise<string> => (await shownAt(port, name)).fingerprint256;
  expect(await shown()).toBe(fingerprint(pairs.one));
  expect(await shown("one.test")).toBe(fingerprint(pairs.one));
  expect(await shown("mail.two.test")).toBe(fingerprint(pairs.two));
  expect(await shown("unknown.test")).toBe(fingerprint(pairs.one));
  const old = tls.connect({
    host: "127.0.0.1",
    port,
    rejectUnauthorized: false,
    maxVersion: "TLSv1.2",
    ciphers: "ECDHE-RSA-AES128-GCM-SHA256",
  });
  await new Promise((resolve, reject) => old.once("secureConnect", resolve).once("error", reject));
  expect(old.getPeerX509Certificate()!.fingerprint256).toBe(fingerprint(pairs.rsa));
  old.destroy();
});

test("SIGTERM under load: what was acknowledged is delivered or waits, and the stop takes less than 30 s", async () => {
  const { at, first, relay, port } = await smallRelay();
  let isOver = false;
  onTestFinished(() => void (isOver = true));
  const load = Array.from({ length: 10 }, (_, n) => sendOn(port, `r${n}@stop.test`, () => isOver));
  await first.until(({ copies }) => copies.length > 200);
  const from = performance.now();
  expect(await relay.stop()).toEqual({ code: 0, signal: null });
  expect(performance.now() - from).toBeLessThan(30_000);
  isOver = true;
  const results = (await Promise.allSettled(load)).flatMap((end) => (end.status === "fulfilled" ? end.value : []));
  const acknowledged = results.filter(({ kind }) => kind === "acknowledged").length;
  expect(results.filter(({ kind }) => kind === "unknown")).toEqual([]);
  const next = started(at);
  await next.ports();
  await first.until(({ copies }) => copies.length >= acknowledged);
  expect(first.copies).toHaveLength(acknowledged);
});

/** What the first test holds to be zero, of a relay with a bug planted in it. */
test.each(["reload-ends-sessions", "reload-forgets-revocation"])("planted: %s is found", async (patch) => {
  const { tree, remove } = plantedTree(patch);
  onTestFinished(remove);
  const at = await home();
  const first = await sink();
  const pair = selfSigned("relay.test", "DNS:relay.test");
  const config = {
    listeners: [
      { listen: `127.0.0.1:${await freePort()}`, tls: "none" },
      { listen: `127.0.0.1:${await freePort()}`, tls: "implicit" },
    ],
    tls: { certificate: at.write("c.pem", pair.certificate), key: at.write("k.pem", pair.key) },
    access: { networks: ["127.0.0.9"] },
    smarthosts: { first: hop(first.port) },
    routes: [{ deliver: "first" }],
  };
  const login = ({ username, password }: typeof OLD_LOGIN | typeof NEW_LOGIN): object => ({ username, password });
  at.configure({ ...config, credentials: [login(OLD_LOGIN)] });
  const relay = started(at, tree);
  const [, secure = 0] = await relay.ports();
  const idle = await SourceSession.connect({ port: secure, tls: "implicit" });
  const asOld = await SourceSession.connect({ port: secure, tls: "implicit", auth: OLD_LOGIN });
  at.configure({ ...config, credentials: [login(NEW_LOGIN)] });
  relay.kill("SIGHUP");
  await relay.event("config.reloaded");
  const isDropped = (await idle.command("NOOP").catch(() => "lost")).startsWith("250") ? 0 : 1;
  const { kind } = await asOld.send({ ...factory.make(500, 1), recipients: ["r@old.test"] });
  const isRelayed = kind === "acknowledged" ? 1 : 0;
  expect({ isDropped, isRelayed }).toEqual(
    patch === "reload-ends-sessions" ? { isDropped: 1, isRelayed: 0 } : { isDropped: 0, isRelayed: 1 },
  );
});

test("config diff looks at the data folder that its file names, where there is no other configuration", async () => {
  const at = await home();
  const next = await sink();
  at.configure({
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    smarthosts: { hop: hop(next.port) },
    routes: [{ deliver: "hop" }],
  });
  await started(at).ports();
  const elsewhere = await home();
  const diff = await runCommand(["config", "diff", "-c", at.configFile], { cwd: elsewhere.folder });
  expect(diff).toEqual({ code: 0, errors: "", output: expect.stringContaining("the relay goes by it already\n") });
  const none = await runCommand(["config", "diff"], { cwd: elsewhere.folder });
  expect([none.code, none.errors]).toEqual([78, expect.stringContaining("there is no configuration")]);
});
