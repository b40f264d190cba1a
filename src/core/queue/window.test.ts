import * as fc from "fast-check";
import { expect, test } from "vitest";
import { QUEUE } from "../base/limits.ts";
import { freshWindow, PROBE_WINDOW, type Window, narrowed, widened } from "./window.ts";

const MOST = QUEUE.windowMax;

test("one connection more for a full round of deliveries", () => {
  expect(widened(freshWindow(MOST), 4, MOST)).toEqual({ limit: 5, credit: 4, price: 1 });
  expect(widened(widened(freshWindow(MOST), 4, MOST), 1, MOST)).toEqual({ limit: 6, credit: 0, price: 1 });
  expect(widened(PROBE_WINDOW, 3, MOST)).toEqual({ limit: 3, credit: 0, price: 1 });
});

test("after a failure as many as stand, at least one, and growing again takes longer each time", () => {
  const refused = narrowed({ limit: 5, credit: 4, price: 1 }, 2);
  expect(refused).toEqual({ limit: 2, credit: 0, price: 2 });
  expect(widened(refused, 3, MOST).limit).toBe(2);
  expect(widened(refused, 4, MOST)).toEqual({ limit: 3, credit: 0, price: 1 });
  expect(narrowed(PROBE_WINDOW, 0).limit).toBe(1);
  expect(narrowed({ limit: 2, credit: 0, price: 1 }, 9).limit).toBe(2);
});

test("whatever happens the limit is between 1 and the most, and reports may be put together", () => {
  const failure = fc.record({ standing: fc.nat({ max: 30 }) });
  const step = fc.oneof(fc.nat({ max: 400 }), failure);
  fc.assert(
    fc.property(fc.array(step), fc.nat({ max: 100 }), fc.nat({ max: 100 }), (steps, a, b) => {
      let window: Window = freshWindow(MOST);
      for (const step of steps) {
        window = typeof step === "number" ? widened(window, step, MOST) : narrowed(window, step.standing);
        expect(window.limit).toBeGreaterThanOrEqual(1);
        expect(window.limit).toBeLessThanOrEqual(MOST);
      }
      expect(widened(widened(window, a, MOST), b, MOST)).toEqual(widened(window, a + b, MOST));
    }),
  );
});

test("a site with a bound of its own begins within it and stays within it", () => {
  expect(freshWindow(2).limit).toBe(2);
  expect(widened(freshWindow(2), 1000, 2).limit).toBe(2);
  expect(widened(freshWindow(100), 100_000, 100).limit).toBe(100);
});
