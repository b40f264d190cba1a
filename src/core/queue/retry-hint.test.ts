import { expect, test } from "vitest";
import { hour, minute, second } from "../base/time.ts";
import { retryHint } from "./retry-hint.ts";

test.each([
  ["Try again in 300 seconds", 300 * second],
  ["Greylisted, please try again in 5 minutes", 5 * minute],
  ["Greylisting in effect, please come back in 00:04:32", 4 * minute + 32 * second],
  ["4.7.1 rate limited; retry after 90s", 90 * second],
  ["Please wait 2 hours before sending more", 2 * hour],
  ["Graylisted for 10 min", 10 * minute],
  ["too many connections, retry later (in 1 hour)", hour],
  ["try again in 1 second", 30 * second],
  ["try again in 3 hours or retry in 9 hours", 3 * hour],
  ["try again in 99999 hours", 4 * hour],
  ["Try again later", undefined],
  ["mailbox of 300 seconds is full", undefined],
  ["retry; the limit is 100 messages", undefined],
  ["try again in 300", undefined],
  ["", undefined],
])("%s", (text, expected) => {
  expect(retryHint([text], 2 * minute)).toBe(expected);
});

test.each([
  ["try again in 5 seconds", 2 * minute, 30 * second],
  ["try again in 5 seconds", 1 * second, 5 * second],
  ["try again in 5 seconds", 10 * second, 10 * second],
  ["try again in 0 seconds", 1 * second, 1 * second],
  ["try again in 40 seconds", 1 * second, 40 * second],
])("a short wish, %s, where the wait by schedule is %i ms: %i ms", (text, planned, expected) => {
  expect(retryHint([text], planned)).toBe(expected);
});

test("a wish may go over a line's end, and a flood of words costs no more than its length", () => {
  expect(retryHint(["Please try again", "in 10 minutes"], 2 * minute)).toBe(10 * minute);
  const started = performance.now();
  expect(retryHint(["retry wait ".repeat(400)], 2 * minute)).toBeUndefined();
  expect(performance.now() - started).toBeLessThan(1000); // milliseconds where it is quick; backtracking takes minutes
});

test("a flood of blanks behind a number costs no more than its length", () => {
  const started = performance.now();
  expect(retryHint([`try again in 123456${" ".repeat(100_000)}x`], 2 * minute)).toBeUndefined();
  expect(performance.now() - started).toBeLessThan(1000); // looked at twice from each place it is half a minute
});
