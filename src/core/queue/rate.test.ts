import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Rate } from "./rate.ts";

test("three in ten seconds: the fourth waits until the first is ten seconds old", () => {
  const rate = new Rate(3, 10_000);
  for (const at of [0, 1000, 2000]) rate.take(at);
  expect(rate.freeAt(2000)).toBe(10_000);
  expect(rate.freeAt(10_000)).toBe(10_000);
  expect([rate.room(9999), rate.room(10_000), rate.room(11_500)]).toEqual([0, 1, 2]);
  rate.take(10_000);
  expect(rate.freeAt(10_500)).toBe(11_000);
});

test("when so many at once may be taken; never more than the limit", () => {
  const rate = new Rate(3, 10_000);
  for (const at of [0, 1000]) rate.take(at);
  expect([1, 2, 3, 4].map((count) => rate.freeAt(2000, count))).toEqual([2000, 10_000, 11_000, Infinity]);
  for (const at of [2000, 10_500]) rate.take(at);
  expect([1, 2, 3].map((count) => rate.freeAt(10_500, count))).toEqual([11_000, 12_000, 20_500]);
});

test("within no span are there more than the limit, and nobody waits without need", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.array(fc.nat(3000), { maxLength: 60 }), (limit, pauses) => {
      const rate = new Rate(limit, 1000);
      const taken: number[] = [];
      let now = 0;
      for (const pause of pauses) {
        now = rate.freeAt(now + pause);
        rate.take(now);
        taken.push(now);
        const left = limit - taken.filter((moment) => moment > now - 1000).length;
        const counts = Array.from({ length: limit }, (_, n) => n + 1);
        expect(counts.filter((count) => rate.freeAt(now, count) === now)).toHaveLength(left);
        for (const count of counts) expect(rate.room(rate.freeAt(now, count))).toBeGreaterThanOrEqual(count);
        expect([rate.room(now), rate.isFresh(now), rate.isFresh(now + 1000)]).toEqual([left, false, true]);
      }
      for (const [at, end] of taken.entries()) {
        const within = taken.slice(0, at + 1).filter((moment) => moment > end - 1000);
        expect(within.length).toBeLessThanOrEqual(limit);
      }
      // Whoever had to wait did so because the span before was full.
      expect(rate.freeAt(now + 1000)).toBe(now + 1000);
    }),
  );
});

test("another limit: what was taken counts on, and the new one is never exceeded from then on", () => {
  const limits = fc.integer({ min: 1, max: 8 });
  fc.assert(
    fc.property(limits, limits, fc.array(fc.nat(400), { maxLength: 20 }), (before, after, pauses) => {
      let rate = new Rate(before, 1000);
      let now = 0;
      for (const pause of pauses) {
        now = rate.freeAt(now + pause);
        rate.take(now);
      }
      const left = rate.room(now);
      rate = rate.withLimit(after);
      expect(rate.room(now)).toBe(Math.max(0, left + after - before));
      const taken: number[] = [];
      for (const pause of pauses) {
        now = rate.freeAt(now + pause);
        rate.take(now);
        taken.push(now);
      }
      for (const [at, end] of taken.entries())
        expect(taken.slice(0, at + 1).filter((moment) => moment > end - 1000).length).toBeLessThanOrEqual(after);
    }),
  );
});
