import * as fc from "fast-check";
import { expect, test } from "vitest";
import { QUEUE } from "../base/limits.ts";
import { FRESH_WINDOW, PROBE_WINDOW, type Window, narrowed, widened } from "./window.ts";

test("one connection more for a full round of deliveries", () => {
  expect(widened(FRESH_WINDOW, 4)).toEqual({ limit: 5, credit: 4 });
  expect(widened(widened(FRESH_WINDOW, 4), 1)).toEqual({ limit: 6, credit: 0 });
  expect(widened(PROBE_WINDOW, 3)).toEqual({ limit: 3, credit: 0 });
});

test("half as many after a failure, at least one", () => {
  expect(narrowed({ limit: 20, credit: 7 })).toEqual({ limit: 10, credit: 0 });
  expect(narrowed(PROBE_WINDOW)).toEqual(PROBE_WINDOW);
});

test("whatever happens the limit is between 1 and the most, and reports may be put together", () => {
  const step = fc.oneof(fc.nat({ max: 400 }), fc.constant("failure" as const));
  fc.assert(
    fc.property(fc.array(step), fc.nat({ max: 100 }), fc.nat({ max: 100 }), (steps, a, b) => {
      let window: Window = FRESH_WINDOW;
      for (const step of steps) {
        window = step === "failure" ? narrowed(window) : widened(window, step);
        expect(window.limit).toBeGreaterThanOrEqual(1);
        expect(window.limit).toBeLessThanOrEqual(QUEUE.windowMax);
      }
      expect(widened(widened(window, a), b)).toEqual(widened(window, a + b));
    }),
  );
});
