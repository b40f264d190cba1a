import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { RELOAD } from "../../src/core/base/limits.ts";
import { AccountingSink } from "../support/accounting-sink.ts";
import { selfSigned } from "../support/certificates.ts";
import { seeded } from "../support/chance.ts";
import { copyOfProgram, programForAll } from "../support/program-for-all.ts";
import { RelayHome, RelayProcess, TREE, runCommand } from "../support/relay.ts";
import { MessageFactory, SourceSession } from "../support/source.ts";

// As whom the relay runs, and what others can do to its process.

const factory = new MessageFactory("o", seeded(4), 1024 * 1024);
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

interface Stage {
  readonly home: RelayHome;
  readonly sink: AccountingSink;
  readonly config: Record<string, unknown>;
}

async function stage(more: Record<string, unknown> = {}): Promise<Stage> {
  const home = new RelayHome();
  fs.chmodSync(home.folder, 0o755); // the user has to get at what is below it
  const sink = await AccountingSink.start();
  onTestFinished(async () => {
    await sink.close();
    home.remove();
  });
  const config = {
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    access: { networks: ["127.0.0.0/8"] },
    smarthosts: { hop: { url: `smtp://127.0.0.1:${sink.port}`, tls: "none" } },
    routes: [{ deliver: "hop" }],
    ...more,
  };
  home.configure(config);
  return { home, sink, config };
}

function started(
  home: RelayHome,
  under: readonly string[] = [],
  tree = isRoot ? programForAll().tree : TREE,
): RelayProcess {
  const relay = new RelayProcess(home, { under, tree });
  onTestFinished(async () => {
    relay.kill("SIGKILL");
    await relay.stop();
  });
  return relay;
}

/** Sends one of more than what stays in memory, so that a content file is written. */
async function sends(port: number): Promise<void> {
  const session = await SourceSession.connect({ port });
  expect((await session.send({ ...factory.make(200_000, 1), recipients: ["r@b.test"] })).kind).toBe("acknowledged");
  await session.quit();
}

/** Real, effective and saved, of all threads of a process. */
function usersOf(pid: number): string[] {
  const threads = fs.readdirSync(`/proc/${pid}/task`);
  const users = threads.map((thread) => {
    const status = fs.readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8");
    return /^Uid:\s*(.*)$/m.exec(status)![1]!.replaceAll("\t", " ");
  });
  return [...new Set(users)];
}

/** Undefined of a file that went meanwhile. */
function statOf(file: string): fs.Stats | undefined {
  return fs.lstatSync(file, { throwIfNoEntry: false });
}

function ownersBelow(folder: string): number[] {
  const entries = fs.readdirSync(folder, { recursive: true, encoding: "utf8" });
  return [...new Set(["", ...entries].flatMap((name) => statOf(path.join(folder, name))?.uid ?? []))];
}

test.runIf(isRoot)("root listens on a port below 1024 and becomes the user, in all threads and for good", async () => {
  const pair = selfSigned("relay.test", "DNS:relay.test");
  const { home, sink, config } = await stage({ user: `${NOBODY}:${NOBODY}`, threads: 2 });
  const tls = { certificate: home.write("c.pem", pair.certificate), key: home.write("k.pem", pair.key) };
  home.configure({
    ...config,
    tls,
    listeners: [
      { listen: "127.0.0.1:613", tls: "none" },
      { listen: "127.0.0.1:0", tls: "implicit" },
    ],
  });
  const relay = started(home);
  expect((await relay.ports())[0]).toBe(613);
  await sends(613);
  await sink.until(({ copies }) => copies.length === 1);
  expect(usersOf(relay.pid)).toEqual([`${NOBODY} ${NOBODY} ${NOBODY} ${NOBODY}`]);
  expect(ownersBelow(home.data)).toEqual([NOBODY]);
  expect(fs.statSync(home.data).mode & 0o777).toBe(0o700);
  const open = fs.readdirSync(home.data, { recursive: true, encoding: "utf8" }).filter((name) => {
    return ((statOf(path.join(home.data, name))?.mode ?? 0) & 0o077) !== 0;
  });
  expect(open).toEqual([]); // files 0600, folders 0700
  expect(relay.events("relay.root")).toEqual([]);

  // What was root's alone is not to be had any more: the reload says so and changes nothing.
  relay.kill("SIGHUP");
  expect(await relay.event("config.rejected")).toMatchObject({
    errors: [expect.stringMatching(/waypost\.yaml: cannot be read .*this user may not read it/)],
  });
  home.configure({ ...config, listeners: [{ listen: "127.0.0.1:614", tls: "none" }] });
  fs.chownSync(home.configFile, NOBODY, NOBODY);
  relay.kill("SIGHUP");
  await relay.event("config.rejected", ({ errors }) =>
    /127\.0\.0\.1:614 .*below 1024/.test((errors as string[]).join()),
  );
  await sends(613);
  expect(await relay.stop()).toEqual({ code: 0, signal: null });
});

test.runIf(isRoot)(
  "root without a user is told of; a user that is not there, and a folder of another, are errors",
  async () => {
    const { home, config } = await stage();
    const relay = started(home);
    await relay.event("relay.root");
    await relay.ports(); // by then the folder is root's
    await relay.stop();
    for (const user of ["root", "0:0"]) {
      home.configure({ ...config, user });
      const still = started(home);
      await still.event("relay.root");
      await still.stop();
    }
    home.configure({ ...config, user: "nobody-of-that-name" });
    const unknown = started(home);
    expect((await unknown.exited).code).toBe(78);
    expect(unknown.errors).toContain("there is no user or group nobody-of-that-name here");
    home.configure({ ...config, user: `${NOBODY}:${NOBODY}` });
    const foreign = started(home);
    expect((await foreign.exited).code).toBe(78);
    expect(foreign.errors).toContain(`run chown -R ${NOBODY}:${NOBODY} ${home.data}`);
  },
);

test.runIf(isRoot)(
  "a key that root alone may read keeps no reload from working: the relay goes on with what it has",
  async () => {
    const pair = selfSigned("relay.test", "DNS:relay.test");
    const { home, config } = await stage({ user: `${NOBODY}:${NOBODY}` });
    fs.mkdirSync(path.join(home.folder, "tls"), { mode: 0o700 });
    const tls = { certificate: home.write("tls/c.pem", pair.certificate), key: home.write("tls/k.pem", pair.key) };
    const secured = { ...config, tls, listeners: [{ listen: "127.0.0.1:0", tls: "implicit" }] };
    home.configure(secured);
    fs.chownSync(home.configFile, NOBODY, NOBODY);
    const relay = started(home);
    const [port = 0] = await relay.ports();
    expect(await relay.event("certificates.rejected")).toMatchObject({
      errors: expect.arrayContaining([
        expect.stringMatching(/^tls\.key: .*k\.pem cannot be read: this user may not read it/),
      ]),
    });
    home.configure({ ...secured, hostname: "other.test" });
    const run = (...args: string[]): ReturnType<typeof runCommand> =>
      runCommand([...args, "--config", home.configFile], { cwd: home.folder });
    const diff = await run("config", "diff");
    expect(diff).toMatchObject({ code: 0, output: expect.stringContaining("hostname") });
    expect(diff.output).toMatch(/warning: .*one that was renewed needs a restart/);
    expect(await run("reload")).toMatchObject({ code: 0, output: expect.stringContaining("reloaded, 1 change") });
    const session = await SourceSession.connect({ port, tls: "implicit" });
    await session.quit();
    await new Promise((resolve) => setTimeout(resolve, RELOAD.certificateLook + 1000)); // a look finds nothing new
    expect([relay.events("certificates.rejected").length, relay.events("config.rejected").length]).toEqual([1, 0]);
  },
);

test.runIf(isRoot)(
  "root makes no data folder behind a link of the user's, and all of its path is the user's elsewhere",
  async () => {
    const { home, config } = await stage({ user: `${NOBODY}:${NOBODY}` });
    const [own, victim] = ["own", "victim"].map((name) => path.join(home.folder, name)) as [string, string];
    for (const each of [own, victim]) fs.mkdirSync(each, { mode: 0o755 });
    fs.chownSync(own, NOBODY, NOBODY);
    fs.chownSync(victim, 12_345, 12_345);
    fs.symlinkSync(victim, path.join(own, "a"));
    home.configure({ ...config, data: "./own/a/data" });
    const led = started(home);
    expect((await led.exited).code).toBe(78);
    expect(led.errors).toMatch(/own\/a\/data cannot be used: EACCES/);
    expect(fs.readdirSync(victim)).toEqual([]);
    home.configure({ ...config, data: "./new/folder/data" });
    const relay = started(home);
    await relay.ports();
    expect(ownersBelow(path.join(home.folder, "new"))).toEqual([NOBODY]);
  },
);

test.runIf(isRoot)("root says where the user may not read the program, and which folder that is", async () => {
  const { home } = await stage({ user: `${NOBODY}:${NOBODY}` });
  const { tree } = copyOfProgram();
  fs.chmodSync(tree, 0o700);
  const closed = started(home, [], tree);
  expect((await closed.exited).code).toBe(78);
  expect(closed.errors).toContain(
    `${NOBODY}:${NOBODY} may not read the program in ${path.join(tree, "src/main")}: give`,
  );
  fs.chmodSync(tree, 0o755);
  await started(home, [], tree).ports();
});

test("sockets that are handed over are listened on by one thread; one that no listener is for is an error", async () => {
  const { home, sink, config } = await stage({ threads: 2 });
  const handing = [
    "python3",
    "-c",
    [
      "import os, socket, sys",
      "s = socket.socket(); s.bind(('127.0.0.1', int(sys.argv[1]))); s.listen(10)",
      "os.dup2(s.fileno(), 3); os.set_inheritable(3, True)",
      "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1')",
      "os.execv(sys.argv[2], sys.argv[2:])",
    ].join("\n"),
  ];
  const port = await new Promise<number>((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port: free } = server.address() as net.AddressInfo;
      server.close(() => resolve(free));
    });
  });
  home.configure({
    ...config,
    listeners: [
      { listen: `127.0.0.1:${port}`, tls: "none" },
      { listen: "127.0.0.1:0", tls: "none" },
    ],
  });
  const relay = started(home, [...handing, String(port)]);
  const ports = await relay.ports();
  expect(ports[0]).toBe(port);
  for (let n = 0; n < 4; n++) await sends(port);
  await sends(ports[1]!);
  await sink.until(({ copies }) => copies.length === 5);
  expect(await relay.stop()).toEqual({ code: 0, signal: null });
  const strange = started(home, [...handing, "0"]);
  expect((await strange.exited).code).toBe(78);
  expect(strange.errors).toMatch(
    /a socket for 127\.0\.0\.1:\d+ was handed over \(LISTEN_FDS\), and no listener has that address/,
  );
});

test("a second relay on the folder ends with the number of the first; a lock left by SIGKILL keeps nobody out", async () => {
  const { home } = await stage();
  const first = started(home);
  await first.ports();
  const second = started(home);
  expect((await second.exited).code).toBe(75); // it may do later: the first one may be about to end
  expect(second.errors).toContain(`another Waypost, process ${first.pid}, runs on ${home.data}`);
  first.kill("SIGKILL");
  await first.exited;
  const third = started(home);
  await third.ports();
});

test("SIGUSR1 opens no inspector, and ends nothing", async () => {
  const { home } = await stage();
  const relay = started(home);
  await relay.ports();
  relay.kill("SIGUSR1");
  await runCommand(["status", "--config", home.configFile], { cwd: home.folder });
  const listening = fs
    .readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .filter((row) => row.includes(":240D ")); // 9229
  expect(listening).toEqual([]);
  expect(relay.isRunning).toBe(true);
});

test("SIGUSR1 opens no inspector in the program either that a launcher of an older Node starts", async () => {
  const { home } = await stage();
  const program = path.join(TREE, "src/main/cli.ts");
  const child = spawn(process.execPath, [program, "start", "--config", home.configFile], {
    cwd: home.folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let said = "";
  child.stderr.on("data", (octets: Buffer) => (said += octets.toString()));
  const lines = createInterface(child.stdout);
  for await (const line of lines) if (line.includes("relay.started")) break;
  child.kill("SIGUSR1");
  await runCommand(["status", "--config", home.configFile], { cwd: home.folder });
  expect(said).not.toContain("Debugger");
  expect(child.exitCode).toBeNull();
});

test("the same from a plain Node: what the test looks for is there without our care", async () => {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000); console.log('up')"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  child.kill("SIGUSR1");
  const [said] = (await once(child.stderr, "data")) as [Buffer];
  expect(said.toString()).toContain("Debugger listening");
});

test("TLS 1.1 is refused, 1.2 and 1.3 are taken", async () => {
  const pair = selfSigned("relay.test", "DNS:relay.test");
  const { home, config } = await stage();
  const tls = { certificate: home.write("c.pem", pair.certificate), key: home.write("k.pem", pair.key) };
  home.configure({ ...config, tls, listeners: [{ listen: "127.0.0.1:0", tls: "implicit" }] });
  const relay = started(home);
  const [port = 0] = await relay.ports();
  const handshake = (version: string): boolean => {
    try {
      const args = ["s_client", "-connect", `127.0.0.1:${port}`, `-${version}`, "-cipher", "ALL:@SECLEVEL=0"];
      execFileSync("openssl", args, { input: "QUIT\r\n", stdio: ["pipe", "pipe", "pipe"] });
      return true;
    } catch {
      return false;
    }
  };
  expect([handshake("tls1_1"), handshake("tls1_2"), handshake("tls1_3")]).toEqual([false, true, true]);
});
