import { afterAll, describe, expect, test } from "vitest";
import { PATIENCE_MS } from "../support/patience.ts";
import { corpusOf } from "./corpus.ts";
import { argsFor, plantedTargets } from "./planted.ts";
import { fuzz, replay } from "./run.ts";
import { type Target, Violation } from "./target.ts";
import { allTargets } from "./targets.ts";

// A slice of `npm run fuzz`: what once found something, and some inputs of each target.

const INPUTS = 1500;
const MS = 400;
const LOOPBACK = "session-loopback"; // a relay that runs is no unit test

const targets = (await allTargets()).filter(({ name }) => name !== LOOPBACK);

test.for(targets.map((target) => [target.name, target] as const))("%s holds", async ([name, target]) => {
  const outcome = await fuzz(target, { inputs: Math.ceil(INPUTS * (target.share ?? 1)), ms: MS, seed: 7 });
  expect(outcome.findings).toEqual([]);
  expect(outcome.inputs).toBeGreaterThan(10);
  expect(await replay(target, corpusOf(name))).toEqual([]);
});

afterAll(async () => {
  for (const target of targets) await target.close?.();
});

const broken = (check: Target["check"]): Target => ({
  name: "broken",
  files: [],
  seeds: ["abc"],
  tokens: ["X"],
  check,
});

test("a finding is told, and made small", async () => {
  const target = broken((input) => {
    if (input.includes("X")) throw new Violation(`no X | ${input.length}`);
  });
  const { findings } = await fuzz(target, { inputs: 1000, ms: 5000, seed: 1 });
  expect(findings).toMatchObject([{ kind: "violation", input: "X" }]);
});

test("what is thrown is a crash, and what takes long a hang", { timeout: 2 * PATIENCE_MS }, async () => {
  const crash = broken(() => (undefined as unknown as Target).check("x"));
  expect((await fuzz(crash, { inputs: 20, ms: 5000, seed: 1 })).findings).toMatchObject([{ kind: "crash" }]);
  const hang = broken(() => {
    const before = process.threadCpuUsage().user;
    while (process.threadCpuUsage().user < before + 1_100_000);
  });
  const { findings } = await fuzz(hang, { inputs: 1, ms: 20_000, seed: 1 });
  expect(findings).toMatchObject([{ kind: "hang" }]);
});

describe("what waits long, and takes nothing of the processor", () => {
  const waiting = (isLong: (input: string, times: number) => boolean): Target => {
    const times = new Map<string, number>();
    const target = broken(async (input) => {
      times.set(input, (times.get(input) ?? 0) + 1);
      await new Promise((resolve) => setTimeout(resolve, isLong(input, times.get(input)!) ? 1100 : 1));
    });
    return { ...target, seeds: ["abc", "wait"] };
  };

  test.each([
    ["again", (input: string) => input === "wait", ["hang"]],
    ["once", (input: string, times: number) => input === "wait" && times === 1, []],
    ["as all do, on a machine that is slow", () => true, []],
  ] as const)("%s", { timeout: 2 * PATIENCE_MS }, async (_, isLong, kinds) => {
    const { findings } = await fuzz(waiting(isLong), { inputs: 2, ms: 20_000, seed: 1 });
    expect(findings.map(({ kind }) => kind)).toEqual(kinds);
  });
});

test("each target has a bug that was planted for it", () => {
  expect(plantedTargets().toSorted()).toEqual([...targets.map(({ name }) => name), LOOPBACK, "differential"].sort());
});

test.each(["domain", "differential"])(
  "the seed that is recorded is the one that finds the bug planted for %s",
  (target) => {
    expect(argsFor(target, { seconds: 5, seed: 7 }).join(" ")).toContain("--seed 7");
  },
);
