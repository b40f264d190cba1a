import { Command } from "commander";
import { expect, test, vi } from "vitest";
import { type Commands, runProgram } from "./program.ts";

const nothing = (): Promise<void> => Promise.resolve();

/** What the command was called with, and the exit code that is due to the arguments. */
async function ran(...args: string[]): Promise<{ readonly code: number | undefined; readonly calls: unknown[][] }> {
  const calls: unknown[][] = [];
  const called =
    (name: string) =>
    (...given: unknown[]): Promise<void> => {
      calls.push([name, ...given.filter((value) => !(value instanceof Command))]);
      return Promise.resolve();
    };
  const commands: Commands = {
    version: "1.2.3",
    relay: { start: nothing, tryMode: nothing, status: nothing, reload: nothing },
    config: {
      check: called("configCheck"),
      diff: nothing,
      describe: (key) => void calls.push(["configDescribe", key]),
      schema: () => undefined,
      example: () => undefined,
    },
    queue: { list: called("queueList"), show: nothing, act: called("queueAct"), pause: called("pause") },
    send: { send: nothing },
    sink: { list: (options) => void calls.push(["sinkList", options]), show: () => undefined },
    trace: { trace: called("trace") },
  };
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
  expect(await ran("trace", "-", "--json")).toMatchObject({ calls: [["trace", "-", { json: true }]] });
  expect(await ran("sink", "list")).toMatchObject({ calls: [["sinkList", { data: "waypost-data/try" }]] });
});
