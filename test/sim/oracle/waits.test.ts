import { describe, expect, test } from "vitest";
import type { Letter } from "./accounts.ts";
import { MadeUpHistory } from "./made-up-history.ts";

const A = "a@good.test";
const MINUTE = 60_000;
/** The longest wait of the schedule, 15 % and a block more, and what clocks differ by. */
const LONGEST = 78 * MINUTE;

describe("where nothing is wrong, what waits is tried (promise P2)", () => {
  type Step = (world: MadeUpHistory, letter: Letter) => void;
  const calm: Step = (world) => world.ledger.calm();
  const tried: Step = (world) => world.ledger.tried(A, "primary");
  const wait =
    (ms: number): Step =>
    (world) =>
      void (world.now += ms);
  const back: Step = (world) => world.ledger.jumped(-60 * MINUTE);
  const forward: Step = (world) => world.ledger.jumped(60 * MINUTE);

  test.each<readonly [string, readonly Step[], number]>([
    ["as long as a wait may be", [calm, wait(LONGEST - MINUTE)], 0],
    ["for longer", [calm, wait(LONGEST + MINUTE)], 1],
    ["for longer while something was wrong", [wait(2 * LONGEST), calm, wait(MINUTE)], 0],
    ["for longer, and something is wrong", [wait(2 * LONGEST)], 0],
    ["since it was tried", [calm, wait(LONGEST - MINUTE), tried, wait(LONGEST - MINUTE)], 0],
    ["for longer since it was tried", [calm, tried, wait(LONGEST + MINUTE)], 1],
    ["as long as a wait may be, and a clock was set back", [back, calm, wait(LONGEST - MINUTE)], 0],
    ["for longer by a clock that was set back", [back, calm, wait(LONGEST + MINUTE)], 1],
    ["for longer, and a clock was set forward", [forward, calm, wait(LONGEST + MINUTE)], 1],
  ])("it waits %s", (_, steps, violations) => {
    const world = new MadeUpHistory();
    const letter = world.letter([A]);
    world.kept(letter);
    for (const step of steps) step(world, letter);
    world.ledger.judgeWaits();
    expect(world.found).toHaveLength(violations);
  });

  test("where much waits, it has its turn later", () => {
    const world = new MadeUpHistory();
    const all = Array.from({ length: 200 }, (_, n) => `a${n}@good.test`);
    world.kept(world.letter(all));
    world.ledger.calm();
    world.now += LONGEST + 9 * MINUTE; // each has three seconds
    world.ledger.judgeWaits();
    expect(world.found).toEqual([]);
    world.now += 2 * MINUTE;
    world.ledger.judgeWaits();
    expect(world.found).not.toEqual([]);
  });

  test.each([
    ["nobody was asked", false, 1],
    ["its next hop was asked", true, 0],
  ])("an end by age is none where %s", (_, isTried, violations) => {
    const world = new MadeUpHistory();
    const letter = world.letter([A]);
    world.kept(letter);
    world.ledger.calm();
    world.now += 100 * 60 * MINUTE;
    if (isTried) tried(world, letter);
    world.failedWithReport(letter, A, "s@src.test");
    expect(world.found).toHaveLength(violations);
  });
});
