import { expect, test } from "vitest";
import { SPOOL } from "../core/base/limits.ts";
import { SpoolRetries } from "./spool-retries.ts";

test("of so many files it is known that they failed: a flood keeps none of them from being given up, and those behind come when there is room", () => {
  const retries = new SpoolRetries();
  for (let n = 0; n <= SPOOL.retriesMax; n++) retries.failed(String(n), 0);
  const last = String(SPOOL.retriesMax);
  expect(["0", "1", last].map((name) => retries.isDue(name, 1))).toEqual([false, false, true]);
  expect([retries.failed("0", SPOOL.failingMin), retries.failed(last, SPOOL.failingMin)]).toEqual([
    SPOOL.failingMin,
    0,
  ]);
  retries.forget("1");
  retries.failed(last, 1);
  expect(retries.isDue(last, 2)).toBe(false);
});

test("what its owner took back is not known for ever, what is tried again is", () => {
  const retries = new SpoolRetries();
  retries.failed("gone", 0);
  retries.failed("there", 0);
  for (let now = 0; now < 2 * SPOOL.failingMin; now += SPOOL.retryMax) {
    retries.forgetOld(now);
    if (retries.isDue("there", now)) retries.failed("there", now);
  }
  const now = 2 * SPOOL.failingMin;
  expect(retries.failed("there", now)).toBe(now);
  expect(retries.failed("gone", now)).toBe(0);
});
