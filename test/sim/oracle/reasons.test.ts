import { describe, expect, test } from "vitest";
import { REASONS } from "../../../src/core/queue/reason.ts";
import type { Act, Letter } from "./accounts.ts";
import { MadeUpHistory } from "./made-up-history.ts";
import { KNOWN_REASONS } from "./reasons.ts";

const A = "a@good.test";
const MINUTE = 60_000;

test("the closed list is the relay's (promise P9)", () => {
  expect([...KNOWN_REASONS].toSorted()).toEqual(Object.keys(REASONS).toSorted());
});

test("what is no reason is told", () => {
  const world = new MadeUpHistory();
  world.ledger.reasons.given("bad-luck");
  expect(world.found).toEqual(["P9: bad-luck is no reason"]);
});

interface Scene {
  readonly world: MadeUpHistory;
  readonly letter: Letter;
}

/** One letter at a next hop that is not well. */
function scene(terms: ConstructorParameters<typeof MadeUpHistory>[0] = {}): Scene {
  const world = new MadeUpHistory(terms);
  const letter = world.letter([A]);
  world.kept(letter);
  world.ledger.troubled("primary");
  world.ledger.tried(A, "primary");
  return { world, letter };
}

describe("a reason is what the next hop did (promise P9)", () => {
  test.each<readonly [Act | undefined, string, number]>([
    ["put-off", "next-hop-refused", 0],
    ["put-off", "next-hop-named-a-time", 1],
    ["put-off", "connection-lost", 1],
    ["put-off", "possible-duplicate", 1],
    ["put-off", "lane-blocked", 1],
    ["time-named", "next-hop-named-a-time", 0],
    ["time-named", "next-hop-refused", 0],
    ["content-wanted", "connection-lost", 0],
    ["content-wanted", "possible-duplicate", 0],
    ["content-wanted", "lane-blocked", 0],
    ["content-over", "possible-duplicate", 0],
    ["content-over", "connection-lost", 1],
    ["content-over", "next-hop-refused", 1],
    [undefined, "possible-duplicate", 1],
    [undefined, "connection-lost", 0],
    [undefined, "lane-blocked", 0],
  ])("%s, and it waits for %s", (act, because, violations) => {
    const { world, letter } = scene();
    world.ledger.acted([A], act);
    world.parked(letter, A, because);
    expect(world.found).toHaveLength(violations);
  });

  test.each<readonly [string, (scene: Scene) => void, number]>([
    ["it went another way", ({ world, letter }) => world.moved(letter, A), 0],
    ["it was named to another", ({ world }) => world.ledger.tried(A, "backup"), 0],
    ["another process began", ({ world }) => world.restarted(), 0],
    ["nothing", () => undefined, 1],
  ])("of an attempt that is over: %s since it was put off", (_, between, violations) => {
    const { world, letter } = scene();
    world.ledger.acted([A], "put-off");
    between({ world, letter });
    world.parked(letter, A, "connection-lost");
    expect(world.found).toHaveLength(violations);
  });

  test("who may have it is told even where it went another way", () => {
    const { world, letter } = scene();
    world.ledger.acted([A], "content-over");
    world.moved(letter, A);
    world.parked(letter, A, "connection-lost");
    expect(world.found).toHaveLength(1);
  });
});

describe("a reason has something behind it (promise P9)", () => {
  const HOUR = 60 * MINUTE;
  const later = ({ world }: Scene): void => void (world.now += HOUR);
  const nothing = (): void => undefined;
  test.each<readonly [string, string, (scene: Scene) => void, number]>([
    ["lane-blocked", "its next hop is not well", nothing, 0],
    ["lane-blocked", "its next hop was not well an hour ago", later, 1],
    ["next-hop-refused", "its next hop was not well an hour ago", later, 1],
    ["source-unusable", "its source is gone", ({ world }) => world.ledger.reasons.sourceGone(), 0],
    ["source-unusable", "its source is there", nothing, 1],
    ["unresolved", "the DNS does not answer", ({ world }) => world.ledger.reasons.unanswered(), 0],
    ["unresolved", "the DNS answers", nothing, 1],
    ["rerouted-by-operator", "somebody wants that", ({ world, letter }) => world.acted(letter, A, "reroute", true), 0],
    [
      "rerouted-by-operator",
      "somebody wants something else",
      ({ world, letter }) => world.acted(letter, A, "retry", true),
      1,
    ],
    ["soft-bounce", "a refusal is final", ({ world }) => world.ledger.judged(A), 1],
  ])("%s: %s", (because, _, before, violations) => {
    const { world, letter } = scene();
    before({ world, letter });
    world.parked(letter, A, because);
    expect(world.found).toHaveLength(violations);
  });

  test.each([true, false])("soft-bounce, where no refusal is final; it was refused: %s", (isRefused) => {
    const { world, letter } = scene({ isSoftBounce: true });
    if (isRefused) world.ledger.judged(A);
    world.parked(letter, A, "soft-bounce");
    expect(world.found).toHaveLength(isRefused ? 0 : 1);
  });
});
