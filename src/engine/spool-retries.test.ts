import { expect, test } from "vitest";
import { SPOOL } from "../core/base/limits.ts";
import { SpoolRetries } from "./spool-retries.ts";

test("of so many files it is known that they failed, and of those that failed last", () => {
  const retries = new SpoolRetries();
  for (let n = 0; n <= SPOOL.retriesMax; n++) retries.failed(String(n), 0);
  expect(["0", "1", String(SPOOL.retriesMax)].map((name) => retries.isDue(name, 1))).toEqual([true, false, false]);
  retries.failed("1", 1);
  retries.failed("more", 1);
  expect(["1", "2"].map((name) => retries.isDue(name, 2))).toEqual([false, true]);
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
