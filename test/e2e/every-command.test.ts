import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { expect, test } from "vitest";
import { treeOf, allOf } from "../../src/surfaces/cli/tree.ts";
import { buildProgram } from "../../src/surfaces/cli/program.ts";
import { commands } from "../../src/main/commands.ts";
import { RelayHome, TREE, runCommand } from "../support/relay.ts";

// What somebody meets who runs `npm start` in one terminal, and everything else in another one: no option is needed.

interface Terminal {
  run(...args: string[]): Promise<{ readonly code: number | null; readonly output: string; readonly errors: string }>;
  json(...args: string[]): Promise<unknown>;
  /** Sends one; answers its id. */
  send(): Promise<string>;
  /** Paths of the commands that were run. */
  readonly seen: Set<string>;
}

async function beside(play: (terminal: Terminal) => Promise<void>): Promise<void> {
  const home = new RelayHome();
  const ports = ["--plain-port", "0", "--starttls-port", "0", "--tls-port", "0"];
  const child = spawn(process.execPath, [path.join(TREE, "bin/waypost.mjs"), "try", ...ports], {
    cwd: home.folder,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const seen = new Set<string>();
  try {
    let output = "";
    for await (const text of child.stdout.setEncoding("utf8")) {
      output += String(text);
      if (output.includes("Ctrl-C ends it.")) break;
    }
    const run: Terminal["run"] = (...args) => {
      seen.add(args.slice(0, 2).join(" ")).add(args[0]!);
      return runCommand(args, { cwd: home.folder });
    };
    const json = async (...args: string[]): Promise<unknown> => {
      const found = await run(...args, "--json");
      expect(found, args.join(" ")).toMatchObject({ code: 0, errors: "" });
      return JSON.parse(found.output) as unknown;
    };
    const status = (await json("status")) as { readonly listeners: readonly string[] };
    const server = `smtp://${status.listeners
      .find((listener) => listener.startsWith("plain"))!
      .split(" ")
      .at(-1)!}`;
    const send = async (): Promise<string> => {
      const [sent] = (await json("send", "--to", "ann@example.com", "--server", server)) as {
        readonly reply: string;
      }[];
      return sent!.reply.split(" ").at(-1)!;
    };
    await play({ run, json, send, seen });
  } finally {
    child.kill("SIGTERM");
    await exited;
    home.remove();
  }
}

test("every command does its work in a second terminal, for people and for programs", async () => {
  await beside(async ({ run, json, send, seen }) => {
    await json("pause", "outbound");
    const id = await send();
    expect(await json("queue", "list")).toMatchObject({ deliveries: [{ id, state: "waiting" }] });
    expect(await json("queue", "list", "--count")).toMatchObject({ deliveries: 1 });
    expect(await json("queue", "show", id)).toMatchObject({ id });
    expect((await run("queue", "list")).output).toContain(id);
    expect((await run("queue", "show", id)).output).toContain(`Message ${id}`);
    for (const action of ["hold", "release", "retry", "reroute"])
      expect(await json("queue", action, id)).toMatchObject({ action, changed: 1 });
    expect(await json("queue", "cancel", "--all", "--dry-run")).toMatchObject({ deliveries: 1 });
    expect(await json("queue", "cancel", "--all")).toMatchObject({ changed: 1 });
    const expired = await send();
    expect(await json("queue", "expire", expired)).toMatchObject({ changed: 1 });
    expect((await run("status")).output).toContain("Paused: outbound");
    expect(await json("top", "--once")).toMatchObject({
      hostname: "localhost",
      traffic: { failedPerSecond: expect.any(Number) },
    });
    expect((await run("top")).output).toContain("Paused   outbound");
    await json("resume", "outbound");
    const sent = await send();
    const sunk = async (): Promise<unknown> =>
      ((await json("sink", "list")) as { relayId?: string }[]).map(({ relayId }) => relayId);
    await expect.poll(sunk).toContain(sent);
    expect((await run("sink", "list")).output).toContain(sent);
    expect((await run("sink", "show", sent)).output).toContain("Subject: A test by waypost send");
    const [{ id: sinkId } = { id: "" }] = ((await json("sink", "list")) as { id: string; relayId?: string }[]).filter(
      ({ relayId }) => relayId === sent,
    );
    expect(await json("trace", sinkId)).toMatchObject({ message: { id: sent } });
    expect((await run("trace", sinkId)).output).toContain(
      `${sinkId} is the sink's ID; the relay's is ${sent}\n\n${sent}: `,
    );
    expect(await run("queue", "show", sinkId)).toMatchObject({
      code: 1,
      errors: expect.stringContaining(`it is the sink's ID, and the relay's is ${sent}`),
    });
    expect(await json("trace", sent)).toBeTypeOf("object");
    expect((await run("trace", sent)).output).toContain(sent);
    expect(await json("history", "prune")).toMatchObject({ days: [], daysLeft: 1 });
    expect((await run("history", "prune")).output).toMatch(/^No day of history is that old: 1 day left/);
    expect(await json("backup", "copy")).toMatchObject({ messages: 0 });
    expect((await run("backup", "another")).output).toMatch(
      /another: 0 deliveries of 0 messages, [1-9]\d* entries of history\n$/,
    );
    await json("pause", "outbound");
    await send();
    expect(await json("queue", "export", "queue.waypost")).toMatchObject({ messages: 1, deliveries: 1 });
    expect(await run("queue", "import", "queue.waypost")).toMatchObject({
      code: 64,
      errors: expect.stringMatching(/the file was exported here\n$/), // to import it once more helps nobody
    });
    await json("queue", "cancel", "--all");
    expect(await json("queue", "import", "queue.waypost")).toMatchObject({ messages: 1, deliveries: 1, known: 0 });
    expect((await run("queue", "import", "queue.waypost")).output).toMatch(
      /^0 deliveries of 0 messages of localhost, exported (just now|.* ago); 1 message came before\n$/,
    );
    await json("queue", "cancel", "--all");
    expect((await run("queue", "export", "another.waypost")).output).toContain("0 deliveries of 0 messages");
    for (const what of ["inbound", "outbound"]) await json("resume", what);
    expect(await json("version")).toMatchObject({ version: expect.any(String) });
    expect((await run("completion", "bash")).output).toContain("complete -F _waypost waypost");
    const unchanged = { source: expect.stringMatching(/waypost-data\/try\/waypost\.yaml$/), changes: [] };
    expect(await json("reload")).toMatchObject(unchanged);
    expect(await json("config", "diff")).toMatchObject(unchanged);
    expect((await run("reload")).output).toMatch(/waypost\.yaml: reloaded, no change\n$/);
    expect(await json("config", "check")).toMatchObject({ valid: true });
    expect((await run("config", "check")).output).toContain("waypost.yaml: valid");
    expect((await run("config", "describe", "hostname")).output).toContain("required");
    expect(JSON.parse((await run("config", "schema")).output)).toMatchObject({ type: "object" });
    expect((await run("config", "example")).output).toContain("#hostname: relay.example.com");
    expect(await run("sendmail", "-bd")).toMatchObject({ code: 69, errors: expect.stringContaining("waypost start") });
    // What try mode is not for takes a file that is named, or in its place.
    expect(await run("start")).toMatchObject({
      code: 78,
      errors: expect.stringContaining("there is no configuration"),
    });
    const leaves = allOf(treeOf(buildProgram(commands))).filter((node) => node.commands.length === 0);
    expect(leaves.map((node) => node.path).filter((place) => place !== "try" && !seen.has(place))).toEqual([]);
  });
});

test("where the relay of try mode does not run, what can be said is said, and the rest says why not", async () => {
  const home = new RelayHome();
  try {
    const run = (...args: string[]): ReturnType<typeof runCommand> => runCommand(args, { cwd: home.folder });
    for (const args of [["status"], ["queue", "hold", "--all"], ["pause", "inbound"], ["history", "prune"]]) {
      const { code, output, errors } = await run(...args, "--data", "nowhere");
      expect([code, output, errors.trimEnd().split("\n").length], args.join(" ")).toEqual([69, "", 1]);
    }
  } finally {
    home.remove();
  }
});
