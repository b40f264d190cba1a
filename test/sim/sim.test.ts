import { expect, test } from "vitest";
import { runPlanted } from "./planted-worlds.ts";
import { runSeed } from "./run-seed.ts";
import { Tally } from "./tally.ts";

// Each commit lives through some worlds; `npm run sim -- --seeds 1000` through as many as a release has.
const SEEDS = 20;
const HOURS = 2;

test("worlds in which much goes wrong: no promise is broken, and everything ends", { timeout: 300_000 }, async () => {
  const tally = new Tally();
  const violations: string[] = [];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const outcome = await runSeed(seed, HOURS);
    tally.add(outcome);
    violations.push(...outcome.violations.map((text) => `${text} (npm run sim -- --seed ${seed} --hours ${HOURS})`));
  }
  expect(violations).toEqual([]);
  // What no world shows is not shown.
  expect(tally.acknowledged).toBeGreaterThan(1000);
  expect(tally.crashes).toBeGreaterThan(5);
  expect(tally.duplicatesExplained).toBeGreaterThan(0);
});

test("the same seed is the same world, to the last octet", { timeout: 120_000 }, async () => {
  const [first, second, other] = [await runSeed(3, HOURS), await runSeed(3, HOURS), await runSeed(4, HOURS)];
  expect(second.trace).toBe(first.trace);
  expect(other.trace).not.toBe(first.trace);
});

test.each(["ack-before-commit", "completion-dropped"])(
  "a world shows a bug that is planted: %s",
  { timeout: 300_000 },
  (patch) => {
    expect(runPlanted({ patch: [patch], seed: 1, seeds: 10, hours: HOURS, record: false })).toBe(0);
  },
);
