import { expect, test } from "vitest";
import type { Round } from "./round.ts";
import { median, ratios, summaryOf } from "./summary.ts";

function round(relayedPerSecond: number, relayMs: number, acceptP99Ms?: number): Round {
  return {
    contender: "waypost",
    messages: 100,
    acceptedPerSecond: relayedPerSecond,
    relayedPerSecond,
    relayMs,
    loadMs: 0.1,
    peakMiB: 100,
    acceptP50Ms: undefined,
    acceptP99Ms,
  };
}

test("the median of an even number is one of the values", () => {
  expect(median([4, 1, 3, 2])).toBe(2);
  expect(median([3, 1, 2])).toBe(2);
});

test("a summary has the median of each number, and none of what nobody said", () => {
  const summary = summaryOf([round(100, 0.3, 9), round(300, 0.1, 7), round(200, 0.2, 8)]);
  expect(summary).toMatchObject({ rounds: 3, relayedPerSecond: 200, relayMs: 0.2, acceptP99Ms: 8 });
  expect(summary.acceptP50Ms).toBeUndefined();
});

test("a ratio says how much more, for how much less", () => {
  const ours = summaryOf([round(1000, 0.2)]);
  const theirs = summaryOf([round(100, 2)]);
  expect(ratios(ours, theirs)).toEqual({ relayed: 10, processor: 10 });
});
