import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, copyFileSync, mkdirSync, openSync, readFileSync, symlinkSync } from "node:fs";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import tls from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { SqliteQueueStore } from "../../src/adapters/store-sqlite/queue-store.ts";
import { selfSigned } from "../support/certificates.ts";
import { RelayHome, RelayProcess, TREE, runCommand } from "../support/relay.ts";
import { configure } from "../support/scene.ts";

async function inHome(play: (home: RelayHome) => Promise<void>): Promise<void> {
  const home = new RelayHome();
  try {
    await play(home);
  } finally {
    home.remove();
  }
}

// Whatever is wrong: one line that says what, where, and what to do; never a stack trace.
test.each([
  ["send -t a@b.test --tls-ca nope", 64, "--tls-ca: nope cannot be read: ENOENT"],
  ["send -t a@b.test --tls-ca file", 64, "--tls-ca: file holds no certificate in PEM"],
  [
    "send -t a@b.test -s foo:bar",
    64,
    "--server foo:bar: the port has to be 1 to 65535; it takes HOST:PORT, [IPV6]:PORT, smtp:",
  ],
  ["send -t a@b.test -s 127.0.0.1:99999", 64, "--server 127.0.0.1:99999: the port has to be 1 to 65535"],
  ["send -t a@b.test -s user:secret@h:99999", 64, "--server ...@h:99999: the port has to be 1 to 65535"],
  ["send -t nobody", 64, "nobody is no address"],
  ["trace .", 1, ". cannot be read: it is a folder; trace takes a file, - for standard input, or an ID"],
  ["trace nothing", 1, "nothing cannot be read: there is no such file; trace takes a file"],
  ["sendmail -f", 64, "-f needs a value: the address of the sender"],
  ["sendmail -f a@@b.test c@d.test", 64, "-f takes the address of the sender, and a@@b.test is none: the domain"],
  ["try -d file", 64, "file cannot be used: "],
  ["status -d file", 69, "file cannot be asked: "],
  ["queue list -d file", 69, "file cannot be asked: "],
  ["queue list -d nowhere", 69, "there is no queue in "],
  ["sink list", 69, "there is no sink in "],
  ["sink list -d nowhere", 69, "there is no sink in "],
])("%s: %i", async (args, code, text) => {
  await inHome(async (home) => {
    home.write("file", "");
    const { errors, ...rest } = await runCommand(args.split(" "), { cwd: home.folder });
    expect({ ...rest, lines: errors.trimEnd().split("\n").length }).toEqual({ code, output: "", lines: 1 });
    expect(errors).toContain(text);
  });
});

const FORGED = "no\nwaypost: all is well\x1b[2J";

// A name with a line end in it is no second line of ours, and one with an escape sequence moves no cursor.
test.each<[args: readonly string[], lines: number]>([
  [["send", "-t", "a@b.test", "--tls-ca", FORGED], 1],
  [["try", "-d", `file/${FORGED}`], 1],
  [["status", "-d", FORGED], 1],
  [["queue", "list", "-d", FORGED], 1],
  [["sink", "list", "-d", FORGED], 1],
  [["trace", FORGED], 1],
  [["config", "check", "--config", FORGED], 2],
  [["config", "check", "--config", `wrong${FORGED}`], 2],
  [["sendmail", "-C", FORGED, "a@b.test"], 1],
  [["sendmail", "-C", `wrong${FORGED}`, "-bp"], 2],
])("a file name that would forge a line: %j", async (args, lines) => {
  await inHome(async (home) => {
    home.write("file", "");
    home.write(`wrong${FORGED}`, "nokey: 1\n");
    const { errors, output } = await runCommand(args, { cwd: home.folder });
    expect(output).toBe("");
    expect(errors).not.toMatch(/^waypost: all|[^\P{Cc}\n]/mu);
    expect(errors).toContain("\\x0awaypost: all is well\\x1b[2J");
    expect(errors.trimEnd().split("\n").length).toBeGreaterThanOrEqual(lines);
    if (lines === 1) expect(errors.trimEnd().split("\n")).toHaveLength(1);
  });
});

test("a name with a line end or an escape sequence is shown as text on standard output, too", async () => {
  await inHome(async (home) => {
    configure(home, 1);
    copyFileSync(home.configFile, path.join(home.folder, FORGED));
    mkdirSync(home.data);
    new SqliteQueueStore(home.queueFile, () => undefined).close();
    for (const args of [
      ["config", "check", "--config", FORGED],
      ["backup", FORGED.replaceAll("no", "copy")],
      ["queue", "export", FORGED.replaceAll("no", "queue")],
    ]) {
      const { code, output } = await runCommand(args, { cwd: home.folder });
      expect(code, args.join(" ")).toBe(0);
      expect(output).not.toMatch(/^waypost: all|[^\P{Cc}\n]/mu);
      expect(output).toContain("\\x0awaypost: all is well\\x1b[2J");
    }
  });
});

/** Its standard output and standard error end where nobody reads. */
async function unread(args: readonly string[], home: RelayHome): Promise<{ code: number | null; errors: string }> {
  const child = spawn(process.execPath, [path.join(TREE, "bin/waypost.mjs"), ...args], {
    cwd: home.folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.destroy();
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, errors };
}

test.each([
  "--help",
  "queue list --help",
  "help send",
  "--version",
  "version --json",
  "completion bash",
  "config example",
  "config schema",
  "config describe",
  "config check",
  "queue list",
  "queue list --json",
  "sink list -d sunk",
  "sink show 0VbfQUpNXUfJly -d sunk",
])("a reader who is gone ends it quietly: %s", async (args) => {
  await inHome(async (home) => {
    configure(home, 1);
    mkdirSync(home.data);
    new SqliteQueueStore(home.queueFile, () => undefined).close();
    const sink = path.join(home.folder, "sunk/sink");
    mkdirSync(sink, { recursive: true });
    const message = { id: "0VbfQUpNXUfJly", at: 0, from: "a@b.test", to: ["c@d.test"], octets: 6 };
    home.write("sunk/sink/0VbfQUpNXUfJly.json", JSON.stringify(message));
    home.write("sunk/sink/0VbfQUpNXUfJly.eml", "a: b\r\n");
    expect(await unread(args.split(" "), home)).toEqual({ code: 0, errors: "" });
  });
});

test("an output that cannot be written is said", async () => {
  await inHome(async (home) => {
    const full = openSync("/dev/full", "w");
    const child = spawn(process.execPath, [path.join(TREE, "bin/waypost.mjs"), "config", "example"], {
      cwd: home.folder,
      stdio: ["ignore", full, "pipe"],
    });
    closeSync(full);
    let errors = "";
    child.stderr!.setEncoding("utf8").on("data", (text: string) => (errors += text));
    const [code] = (await once(child, "close")) as [number | null];
    expect(code).toBe(75);
    expect(errors).toMatch(/^waypost: standard output cannot be written: ENOSPC[^\n]*\n$/);
  });
});

test("a command that is none, with an escape sequence: it is shown as text", async () => {
  await inHome(async (home) => {
    const { errors } = await runCommand(["no\x1b[2J"], { cwd: home.folder });
    expect(errors).toMatch(/unknown command 'no\\x1b\[2J'/);
    expect(errors).not.toContain("\x1b");
  });
});

test("the sink of try mode is asked without any configuration", async () => {
  await inHome(async (home) => {
    mkdirSync(path.join(home.folder, "waypost-data/try/sink"), { recursive: true });
    const found = await runCommand(["sink", "list"], { cwd: home.folder });
    expect(found).toMatchObject({ code: 0, output: "The sink is empty.\n" });
  });
});

test("version and config check for programs", async () => {
  await inHome(async (home) => {
    const json = async (...args: string[]): Promise<unknown> => {
      const { code, output } = await runCommand([...args, "--json"], { cwd: home.folder });
      return { code, ...(JSON.parse(output) as object) };
    };
    expect(await json("version")).toEqual({ code: 0, version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
    expect(await json("config", "check")).toMatchObject({ code: 78, valid: false, errors: [expect.any(String)] });
    configure(home, 1);
    const source = expect.stringMatching(/waypost\.yaml$/);
    const notes = [expect.stringContaining("postmaster is not set")];
    expect(await json("config", "check")).toEqual({ code: 0, valid: true, source, errors: [], warnings: [], notes });
    configure(home, 1, { listner: [] });
    expect(await json("config", "check")).toMatchObject({
      code: 78,
      valid: false,
      source: null,
      errors: [expect.stringContaining("unknown key 'listner'")],
    });
  });
});

test("variables alone: what is wrong with them, and what is odd, is told by their names", async () => {
  await inHome(async (home) => {
    const check = async (environment: Readonly<Record<string, string>>): Promise<unknown> => {
      const all = { WAYPOST_RELAYHOST: "smtp.example", WAYPOST_HOSTNAME: "relay.test", ...environment };
      const options = { cwd: home.folder, environment: all };
      const { code, output } = await runCommand(["config", "check", "--json"], options);
      const { errors, warnings } = JSON.parse(output) as Record<string, unknown>;
      return { code, errors, warnings };
    };
    const login = { WAYPOST_SUBMIT_USERNAME: "app", WAYPOST_SUBMIT_PASSWORD: "kept-secret" };
    expect(await check(login)).toEqual({
      code: 78,
      errors: [expect.stringMatching(/^WAYPOST_SUBMIT_PASSWORD: .*over TLS only/)],
      warnings: [],
    });
    // The usual ports may be another relay's.
    const missing = {
      WAYPOST_LISTEN: "127.0.0.1:0",
      WAYPOST_TLS_CERTIFICATE: "cert.pem",
      WAYPOST_TLS_KEY: "key.pem",
    };
    expect(await check({ ...login, ...missing })).toMatchObject({
      code: 78,
      errors: [
        expect.stringMatching(/^WAYPOST_TLS_CERTIFICATE: .*cert\.pem cannot be read: there is no such file$/),
        expect.stringMatching(/^WAYPOST_TLS_KEY: .*key\.pem cannot be read/),
      ],
    });
    expect(await check({ WAYPOST_NETWORKS: "198.18.77.0/24", WAYPOST_SENDER: "@example.com" })).toEqual({
      code: 0,
      errors: [],
      warnings: ["WAYPOST_SENDER: there is no such variable; did you mean WAYPOST_SENDERS?"],
    });
  });
});

test("commands find the relay without the variables that its file names, and although a key of it is wrong", async () => {
  await inHome(async (home) => {
    configure(home, 1, {
      listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
      smarthosts: { hop: { url: "smtp://u:${RELAY_PASSWORD}@127.0.0.1:1" } },
      routes: [{ deliver: "hop" }],
    });
    const environment = { RELAY_PASSWORD: "kept-secret" };
    const relay = await runningWith(home, environment);
    try {
      for (const command of [
        ["status"],
        ["queue", "list"],
        ["pause", "inbound"],
        ["resume", "inbound"],
        ["top", "--once"],
      ])
        expect(await runCommand(command, { cwd: home.folder })).toMatchObject({ code: 0, errors: "" });
      home.write("waypost.yaml", `${readFileSync(home.configFile, "utf8")}foo: 1\n`);
      expect((await runCommand(["status"], { cwd: home.folder })).code).toBe(0);
      const reload = await runCommand(["reload"], { cwd: home.folder });
      expect(reload).toMatchObject({ code: 78, errors: expect.stringContaining("unknown key 'foo'") });
      expect(reload.errors).not.toContain("RELAY_PASSWORD is not set"); // the relay has it
      home.write("waypost.yaml", "data: [\n");
      const broken = await runCommand(["status"], { cwd: home.folder });
      expect(broken).toMatchObject({ code: 78, errors: expect.stringContaining("with --data") });
    } finally {
      relay.kill("SIGKILL");
    }
  });
});

/** A relay of that home, once it runs. */
async function runningWith(home: RelayHome, environment: Readonly<Record<string, string>>): Promise<ChildProcess> {
  const child = spawn(process.execPath, [path.join(TREE, "bin/waypost.mjs"), "start"], {
    cwd: home.folder,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "ignore"],
  });
  for await (const line of createInterface(child.stdout)) if (line.includes("relay.started")) break;
  return child;
}

test("a data folder that is none, and an address that is not this machine's, are named with their keys", async () => {
  await inHome(async (home) => {
    home.write("file", "");
    symlinkSync("gone", path.join(home.folder, "dangling"));
    const start = async (config: Readonly<Record<string, unknown>>): Promise<string> => {
      configure(home, 1, config);
      const { code, errors } = await runCommand(["start"], { cwd: home.folder });
      expect(code).toBe(78);
      return errors;
    };
    expect(await start({ data: "./file" })).toMatch(
      /waypost\.yaml:2:7: data: .*\/file is a file: name a folder, which is made where it is not there\n$/,
    );
    expect(await start({ data: "./dangling" })).toMatch(/dangling cannot be used: it is a symbolic link to nothing\./);
    for (const threads of [1, 2])
      expect(await start({ listeners: [{ listen: "192.0.2.1:2525", tls: "none" }], threads })).toMatch(
        /192\.0\.2\.1 is no address of this machine; name one that is, or 0\.0\.0\.0 for all, in `listeners\[\]\.listen`/,
      );
  });
});

test("what a killed relay had in hand is in nobody's: sendmail -bp and queue list say that it waits for the start", async () => {
  await inHome(async (home) => {
    configure(home, 1);
    mkdirSync(home.data);
    const store = new SqliteQueueStore(home.queueFile, () => undefined);
    const delivery = { lane: "smarthost/sink", recipient: "r@b.test", options: "", due: 0, last: "" };
    const deliveries = [{ ...delivery, priority: "normal" as const }];
    const content = new Uint8Array(0);
    const arrival = {
      id: "0VbfQUpNXUfJly",
      receivedAt: 0,
      octets: 0,
      envelope: '{"from":"a@b.test"}',
      content,
      deliveries,
    };
    store.commit([{ arrivals: [{ arrival, isInHand: true }], settlements: [] }]);
    store.close();
    for (const args of [
      ["queue", "list"],
      ["sendmail", "-bp"],
    ]) {
      const { code, output } = await runCommand(args, { cwd: home.folder });
      expect(code).toBe(0);
      expect(output).toMatch(/^ {4}smarthost\/sink: .*; recovered: it was in hand when the relay stopped/m);
    }
  });
});

test("send to a server of no trusted authority names its own option, which a key of a file is not", async () => {
  const { certificate, key } = selfSigned("127.0.0.1", "IP:127.0.0.1");
  const server = tls.createServer({ cert: certificate, key }, (peer) => peer.on("error", () => undefined).destroy());
  server.on("tlsClientError", () => undefined);
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await inHome(async (home) => {
    const login = { cwd: home.folder, environment: { WAYPOST_SEND_PASSWORD: "x" } };
    const { code, output } = await runCommand(
      ["send", "-t", "a@b.test", "-u", "app", "-s", `smtps://127.0.0.1:${port}`],
      login,
    );
    expect(output).toMatch(/of no authority that is trusted here \(.*\); --tls-ca can name one/);
    expect(code).toBe(1);
  });
});

test("send goes to the listener of the configuration that is for programs here; --server comes before it", async () => {
  await inHome(async (home) => {
    // Nobody listens on these.
    const implicit = { listen: "127.0.0.1:0", tls: "implicit" };
    const listeners = [implicit, { listen: "127.0.0.1:2", tls: "starttls" }, { listen: "127.0.0.1:3", tls: "none" }];
    configure(home, 1, { listeners });
    const send = async (...args: string[]): ReturnType<typeof runCommand> =>
      await runCommand(["send", "-t", "a@b.test", ...args], { cwd: home.folder });
    expect((await send()).output).toMatch(/ECONNREFUSED 127\.0\.0\.1:3$/m);
    expect((await send("--server", "127.0.0.1:4")).output).toMatch(/ECONNREFUSED 127\.0\.0\.1:4$/m);
    const login = { cwd: home.folder, environment: { WAYPOST_SEND_PASSWORD: "x" } };
    const withLogin = await runCommand(["send", "-t", "a@b.test", "-u", "app"], login);
    expect(withLogin.output).toMatch(/ECONNREFUSED 127\.0\.0\.1:2$/m);
    const named = home.write(
      "other.yaml",
      readFileSync(home.configFile, "utf8").replaceAll("127.0.0.1:3", "127.0.0.1:5"),
    );
    expect((await send("--config", named)).output).toMatch(/ECONNREFUSED 127\.0\.0\.1:5$/m);
    configure(home, 1, { listeners: [{ listen: "127.0.0.1:0", tls: "none" }] });
    const relay = new RelayProcess(home);
    try {
      const [port = 0] = await relay.ports();
      configure(home, 1, { listeners: [{ listen: `0.0.0.0:${port}`, tls: "none" }] });
      expect(await send()).toMatchObject({ code: 0, output: expect.stringMatching(/^<a@b\.test>: accepted: 250 /) });
    } finally {
      relay.kill("SIGKILL");
      await relay.stop();
    }
    configure(home, 1, { listeners: [implicit] });
    expect(await send()).toMatchObject({ code: 64, errors: expect.stringContaining("name one with --server") });
    configure(home, 1, { listner: [] });
    const invalid = await send();
    expect([invalid.code, invalid.errors]).toEqual([78, expect.stringMatching(/unknown key[^]*--server HOST:PORT/)]);
  });
});
