import * as fc from "fast-check";
import { expect, test } from "vitest";
import { QUEUE } from "../base/limits.ts";
import { FRESH_WINDOW, PROBE_WINDOW, type Window, narrowed, widened } from "./window.ts";

test("one connection more for a full round of deliveries", () => {
  expect(widened(FRESH_WINDOW, 4)).toEqual({ limit: 5, credit: 4, price: 1 });
  expect(widened(widened(FRESH_WINDOW, 4), 1)).toEqual({ limit: 6, credit: 0, price: 1 });
  expect(widened(PROBE_WINDOW, 3)).toEqual({ limit: 3, credit: 0, price: 1 });
});

test("after a failure as many as stand, at least one, and growing again takes longer each time", () => {
  const refused = narrowed({ limit: 5, credit: 4, price: 1 }, 2);
  expect(refused).toEqual({ limit: 2, credit: 0, price: 2 });
  expect(widened(refused, 3).limit).toBe(2);
  expect(widened(refused, 4)).toEqual({ limit: 3, credit: 0, price: 1 });
  expect(narrowed(PROBE_WINDOW, 0).limit).toBe(1);
  expect(narrowed({ limit: 2, credit: 0, price: 1 }, 9).limit).toBe(2);
});

test("whatever happens the limit is between 1 and the most, and reports may be put together", () => {
  const failure = fc.record({ standing: fc.nat({ max: 30 }) });
  const step = fc.oneof(fc.nat({ max: 400 }), failure);
  fc.assert(
    fc.property(fc.array(step), fc.nat({ max: 100 }), fc.nat({ max: 100 }), (steps, a, b) => {
      let window: Window = FRESH_WINDOW;
      for (const step of steps) {
        window = typeof step === "number" ? widened(window, step) : narrowed(window, step.standing);
        expect(window.limit).toBeGreaterThanOrEqual(1);
        expect(window.limit).toBeLessThanOrEqual(QUEUE.windowMax);
      }
      expect(widened(widened(window, a), b)).toEqual(widened(window, a + b));
    }),
  );
});
