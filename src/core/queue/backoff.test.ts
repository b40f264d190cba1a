import * as fc from "fast-check";
import { expect, test } from "vitest";
import { hour, minute } from "../base/time.ts";
import { CONTROL_RETRY, DELIVERY_RETRY, SITE_RETRY, wait } from "./backoff.ts";

test.each([
  [1, 2 * minute],
  [2, 5 * minute],
  [7, 2 * hour],
  [8, 4 * hour],
  [1000, 4 * hour],
])("after failure %i the wait is %i ms on average", (failures, expected) => {
  expect(wait(DELIVERY_RETRY, failures, 0.5)).toBe(expected);
});

test("jitter stays within its share, on both sides, and waits never shrink by much", () => {
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(
      fc.constantFrom(DELIVERY_RETRY, SITE_RETRY, CONTROL_RETRY),
      fc.nat({ max: 50 }),
      chance,
      (policy, failures, share) => {
        const middle = wait(policy, failures, 0.5);
        const found = wait(policy, failures, share);
        expect(found).toBeGreaterThanOrEqual(Math.floor(middle * (1 - policy.jitter)));
        expect(found).toBeLessThanOrEqual(Math.ceil(middle * (1 + policy.jitter)));
        expect(wait(policy, failures + 1, 0.5)).toBeGreaterThanOrEqual(middle);
      },
    ),
  );
});
