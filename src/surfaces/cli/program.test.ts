import { Command } from "commander";
import { expect, test, vi } from "vitest";
import { type Commands, buildProgram, runProgram } from "./program.ts";
import { allOf, treeOf } from "./tree.ts";

const nothing = (): Promise<void> => Promise.resolve();

type Called = (name: string) => (...given: unknown[]) => Promise<void>;

function commandsOf(called: Called): Commands {
  return {
    version: "1.2.3",
    relay: { start: nothing, tryMode: nothing, status: nothing, top: nothing, reload: nothing },
    config: {
      check: called("configCheck"),
      diff: nothing,
      describe: () => undefined,
      schema: () => undefined,
      example: () => undefined,
    },
    queue: {
      list: called("queueList"),
      show: nothing,
      act: called("queueAct"),
      pause: called("pause"),
      exportTo: called("queueExport"),
      importFrom: called("queueImport"),
    },
    backup: { backup: called("backup") },
    history: { prune: called("historyPrune") },
    send: { send: nothing },
    trace: { trace: called("trace") },
    sink: { list: (options) => void called("sinkList")(options), show: () => undefined },
  };
}

/** What the command was called with, and the exit code that is due to the arguments. */
async function ran(...args: string[]): Promise<{ readonly code: number | undefined; readonly calls: unknown[][] }> {
  const calls: unknown[][] = [];
  const called =
    (name: string) =>
    (...given: unknown[]): Promise<void> => {
      calls.push([name, ...given.filter((value) => !(value instanceof Command))]);
      return Promise.resolve();
    };
  const commands = commandsOf(called);
  const silent = [vi.spyOn(process.stderr, "write"), vi.spyOn(process.stdout, "write")];
  for (const stream of silent) stream.mockReturnValue(true);
  try {
    return { code: await runProgram(commands, args), calls };
  } finally {
    for (const stream of silent) stream.mockRestore();
  }
}

test.each([
  "",
  "nope",
  "queue",
  "queue list --limit x",
  "queue list --after foo",
  "queue list --state parked",
  "history",
  "completion",
  "completion powershell",
  "history prune --older-than 1h",
  "history prune --older-than x",
  "queue list --nope",
  "queue show",
  "send",
  "queue hold a b",
  "queue hold --nope",
  "pause",
  "resume a b",
  "send --to",
  "sink show",
  "trace",
  "trace a b",
  "config",
  "config check --nope",
  "config diff --nope",
  "reload now",
  "try --plain-port 65536",
])("%j is wrong usage: 64", async (text) => {
  expect(await ran(...text.split(" ").filter((word) => word !== ""))).toEqual({ code: 64, calls: [] });
});

test.each([
  ["start", "--config", ""],
  ["config", "check", "-c", ""],
  ["config", "diff", "-c", ""],
  ["status", "--data="],
  ["try", "--data", ""],
  ["sink", "list", "-d", ""],
])("a path that is empty is wrong usage: %s %s %s", async (...args) => {
  expect(await ran(...args)).toEqual({ code: 64, calls: [] });
});

test.each(["help", "--help", "queue list --help", "--version"])("%s is none", async (text) => {
  expect(await ran(...text.split(" "))).toEqual({ code: 0, calls: [] });
});

test("what is right reaches its command", async () => {
  expect(await ran("queue", "list", "--after", "17", "-n", "3", "--json")).toEqual({
    code: undefined,
    calls: [["queueList", { after: "17", limit: 3, json: true }]],
  });
  expect(await ran("queue", "cancel", "ID", "--recipient", "a@b.test", "--json")).toMatchObject({
    calls: [["queueAct", "cancel", "ID", { recipient: "a@b.test", json: true }]],
  });
  expect(await ran("queue", "hold", "--sender", "@b.test")).toMatchObject({
    calls: [["queueAct", "hold", undefined, { sender: "@b.test" }]],
  });
  expect(await ran("pause", "inbound")).toMatchObject({ calls: [["pause", "inbound", true, {}]] });
  expect(await ran("resume", "smarthost/a")).toMatchObject({ calls: [["pause", "smarthost/a", false, {}]] });
  expect(await ran("config", "check", "--json")).toMatchObject({ calls: [["configCheck", { json: true }]] });
  expect(await ran("backup", "f", "--no-history")).toMatchObject({ calls: [["backup", "f", { history: false }]] });
  const sevenDays = 7 * 24 * 3_600_000;
  expect(await ran("history", "prune", "--older-than", "7d")).toMatchObject({
    calls: [["historyPrune", { olderThan: sevenDays }]],
  });
  expect(await ran("trace", "-", "--json")).toMatchObject({ calls: [["trace", "-", { json: true }]] });
  expect(await ran("sink", "list")).toMatchObject({ calls: [["sinkList", { data: "waypost-data/try" }]] });
});

test("every command says in its help how somebody types it, and takes what it shows there", () => {
  const leaves = allOf(treeOf(buildProgram(commandsOf(() => nothing)))).filter(({ commands }) => commands.length === 0);
  expect(leaves.length).toBeGreaterThan(15);
  for (const { path, example } of leaves) expect(example?.startsWith(path), path).toBe(true);
});

test.each(
  allOf(treeOf(buildProgram(commandsOf(() => nothing)))).flatMap(({ example }) =>
    example === undefined ? [] : [example],
  ),
)("the example `waypost %s` is no wrong usage", async (example) => {
  const words = example.replace(/ > .*/, "").match(/"[^"]*"|\S+/g) ?? [];
  expect((await ran(...words.map((word) => word.replaceAll('"', "")))).code).toBeUndefined();
});
