import { mkdirSync, symlinkSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { RelayHome, runCommand } from "../support/relay.ts";
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
  ["send -t a@b.test -s foo:bar", 64, "--server takes HOST:PORT, [IPV6]:PORT, smtp://HOST:PORT or smtps://HOST:PORT"],
  ["send -t nobody", 64, "nobody is no address"],
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
      warnings: [
        "WAYPOST_SENDER: there is no such variable; did you mean WAYPOST_SENDERS?",
        expect.stringMatching(/^WAYPOST_NETWORKS: clients of 198\.18\.77\.0\/24 are trusted by their address/),
      ],
    });
  });
});

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
    expect(await start({ data: "./file" })).toMatch(/data folder .*file cannot be used: it is not a folder\./);
    expect(await start({ data: "./dangling" })).toMatch(/dangling cannot be used: it is a symbolic link to nothing\./);
    for (const threads of [1, 2])
      expect(await start({ listeners: [{ listen: "192.0.2.1:2525", tls: "none" }], threads })).toMatch(
        /192\.0\.2\.1 is no address of this machine; name one that is, or 0\.0\.0\.0 for all, in `listeners\[\]\.listen`/,
      );
  });
});
