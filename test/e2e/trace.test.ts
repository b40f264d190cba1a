import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { RelayHome, RelayProcess, TREE, runCommand } from "../support/relay.ts";
import { STARTTLS, USER, configure } from "../support/scene.ts";
import { ScriptedHost } from "../support/scripted-host.ts";
import { SourceSession } from "../support/source.ts";

// The life of a message of ours, as an operator hears it: of one that was delivered, one that waits, and one that failed,
// from the relay that runs and from its store once it is stopped.

interface Traced {
  readonly message: {
    readonly client: string;
    readonly identity: string;
    readonly session?: Readonly<Record<string, string>>;
    readonly about?: string;
    readonly deliveries: readonly { readonly state: string }[];
    readonly history: readonly { readonly transcript: string }[];
  };
  readonly routes?: readonly unknown[];
  readonly reports: readonly {
    readonly id: string;
    readonly about?: string;
    readonly deliveries: readonly { readonly recipient: string; readonly state: string }[];
  }[];
}

interface Scene {
  readonly home: RelayHome;
  readonly relay: RelayProcess;
  readonly ports: readonly number[];
}

/** Its next hop takes mail for ok@, puts off mail for later@, and refuses mail for nobody@. */
async function scene(play: (scene: Scene) => Promise<void>): Promise<void> {
  const home = new RelayHome();
  const replies: Readonly<Record<string, string>> = {
    "RCPT TO:<later@example.net>": "450 4.2.1 greylisted",
    "RCPT TO:<nobody@example.net>": "550 5.1.1 no such user",
  };
  const hop = await ScriptedHost.start({
    keywords: ["8BITMIME"],
    script: (place, { line }) => (place === "CONNECT" || place === "CONTENT" ? undefined : replies[line.trim()]),
  });
  configure(home, hop.port, {
    threads: 1,
    credentials: [{ ...USER, senders: ["<>", "@example.com"] }],
    smarthosts: { sink: { url: `smtp://127.0.0.1:${hop.port}`, tls: "none" } },
    routes: [{ when: { recipient: "@example.org" }, deliver: "mx" }, { deliver: "sink" }],
  });
  const relay = new RelayProcess(home);
  try {
    await play({ home, relay, ports: await relay.ports() });
  } finally {
    relay.kill("SIGKILL");
    await relay.stop();
    await hop.close();
    home.remove();
  }
}

/** Answers the relay's id of the message. */
async function send(session: SourceSession, recipient: string): Promise<string> {
  await session.expect(250, "MAIL FROM:<app@example.com>");
  await session.expect(250, `RCPT TO:<${recipient}>`);
  await session.expect(354, "DATA");
  const reply = await session.expect(250, "Subject: Invoice 42\r\n\r\nbody\r\n.");
  await session.quit();
  return reply.split(" ").at(-1)!;
}

async function traced(home: RelayHome, id: string): Promise<Traced | undefined> {
  const args = ["trace", id, "--json", "--config", home.configFile];
  const { code, output } = await runCommand(args, { cwd: home.folder });
  return code === 0 ? (JSON.parse(output) as Traced) : undefined;
}

async function page(home: RelayHome, id: string): Promise<string> {
  const { code, output, errors } = await runCommand(["trace", id, "--config", home.configFile], { cwd: home.folder });
  expect([code, errors]).toEqual([0, ""]);
  return output;
}

test("a message that was delivered, one that waits, and one that failed; running and stopped", async () => {
  await scene(async ({ home, relay, ports }) => {
    const secure = await SourceSession.connect({
      port: ports[STARTTLS]!,
      tls: "starttls",
      auth: { mechanism: "PLAIN", ...USER },
    });
    const delivered = await send(secure, "ok@example.net");
    const later = await send(await SourceSession.connect({ port: ports[0]! }), "later@example.net");
    const failed = await send(await SourceSession.connect({ port: ports[0]! }), "nobody@example.net");

    const stateOf = async (id: string): Promise<string | undefined> =>
      (await traced(home, id))?.message.deliveries[0]?.state;
    await expect.poll(() => stateOf(delivered)).toBe("delivered");
    await expect.poll(() => stateOf(failed)).toBe("failed");
    await expect.poll(async () => (await traced(home, later))?.message.history.length).toBe(1);
    await expect.poll(async () => (await traced(home, failed))?.reports[0]?.deliveries[0]?.state).toBe("delivered");

    const look = async (): Promise<void> => {
      expect(await traced(home, delivered)).toMatchObject({
        message: {
          client: "127.0.0.1",
          identity: "user app",
          session: {
            listener: "starttls",
            protocol: "ESMTPSA",
            tls: expect.stringMatching(/^TLSv1\.3 TLS_/) as string,
            senderRule: "@example.com",
          },
          history: [{ transcript: expect.stringMatching(/^\+[0-9]+ [\s\S]*S: 250 /) as string }],
        },
        routes: [{ recipient: "ok@example.net", route: 2, when: "for all mail", lanes: ["smarthost/sink"] }],
        reports: [],
      });
      const waits = await page(home, later);
      expect(waits).toContain(`${later}: waiting for 1\n`);
      expect(waits).toContain("  identity  its address is in 127.0.0.0/8 (access.networks)\n");
      expect(waits).toContain("  <later@example.net> deferred: rcpt-refused: 450 4.2.1 greylisted; next-hop-refused");
      expect(waits).toMatch(/ (connect [0-9]+ ms, )?session [0-9]+ ms, envelope [0-9]+ ms\n/);
      expect(waits).toMatch(/\+[0-9]+ C: RCPT TO:<later@example\.net>/);
      const report = (await traced(home, failed))!.reports[0]!;
      expect(report).toMatchObject({
        about: failed,
        deliveries: [{ recipient: "app@example.com", state: "delivered" }],
      });
      expect(await page(home, delivered)).toContain("  sender    may be used: it is like @example.com ");
      const told = await page(home, failed);
      expect(told).toContain(`${failed}: failed for 1, after `);
      expect(told).toMatch(new RegExp(`Reports\n  ${report.id} [^>]*\n    to <app@example\\.com>: delivered`));
      expect(await page(home, report.id)).toContain(`written here: a report about ${failed}`);
      for (const text of [waits, told]) expect(text.split("\n").filter((line) => line.length > 100)).toEqual([]);
    };
    await look();
    await relay.stop();
    await look();
  });
});

test("what is traced is a file where it is written as one, and standard input", async () => {
  const home = new RelayHome();
  try {
    const chain = fs.readFileSync(path.join(TREE, "test/corpus/chains/waypost.eml"), "utf8");
    const expected = fs.readFileSync(path.join(TREE, "test/corpus/chains/waypost.expected.txt"), "utf8");
    home.write("0UzvMQ2k000001", chain);
    const run = (...args: string[]): ReturnType<typeof runCommand> =>
      runCommand(["trace", ...args], { cwd: home.folder });
    expect(await run("./0UzvMQ2k000001")).toEqual({ code: 0, output: expected, errors: "" });
    expect(JSON.parse((await run("./0UzvMQ2k000001", "--json")).output)).toMatchObject({
      networked: 2,
      encrypted: 2,
      hops: [{ number: 1, stamp: { by: "relay.example.com" } }, { number: 2 }],
    });
    const program = [path.join(TREE, "bin/waypost.mjs"), "trace", "-"];
    const piped = spawnSync(process.execPath, program, { input: `${chain}${"x".repeat(4_000_000)}`, encoding: "utf8" });
    expect(piped).toMatchObject({ status: 0, stdout: expected });
    home.write("nothing.eml", "no field, no message\n");
    expect(await run("nothing.eml")).toMatchObject({
      code: 1,
      errors: expect.stringContaining("is no message") as string,
    });
    expect(await run("/etc/passwd")).toMatchObject({
      code: 1,
      errors: expect.stringContaining("is no message") as string,
    });
    const pipe = path.join(home.folder, "pipe");
    expect(spawnSync("mkfifo", [pipe]).status).toBe(0);
    expect(await run("pipe")).toMatchObject({
      code: 1,
      errors: expect.stringContaining("pipe cannot be read: it is a pipe that nobody writes to; ") as string,
    });
    const script = '(sleep 0.5; cat "$2"; sleep 0.2; printf x) > pipe & sleep 0.1; "$0" "$1" trace pipe';
    const launcher = path.join(TREE, "bin/waypost.mjs");
    const words = ["-c", script, process.execPath, launcher, path.join(home.folder, "0UzvMQ2k000001")];
    const late = spawnSync("sh", words, { cwd: home.folder, encoding: "utf8", timeout: 20_000 });
    expect({ status: late.status, output: late.stdout }).toEqual({ status: 0, output: expected });
    expect(await run("nowhere.eml")).toMatchObject({
      code: 1,
      errors: expect.stringMatching(
        /^waypost: nowhere\.eml cannot be read: there is no such file; .*standard input/,
      ) as string,
    });
  } finally {
    home.remove();
  }
});
