import * as fc from "fast-check";
import { expect, test } from "vitest";
import { FairQueue } from "./fair-queue.ts";

test("each key has its turn, and within a key it is first come, first served", () => {
  const queue = new FairQueue<string, string>();
  for (const entry of ["a1", "a2", "a3", "b1", "c1", "c2"]) queue.push(entry[0]!, entry);
  const order = Array.from({ length: 6 }, () => queue.shift());
  expect(order).toEqual(["a1", "b1", "c1", "a2", "c2", "a3"]);
  expect(queue.shift()).toBeUndefined();
});

test("what comes back goes before the others of its key", () => {
  const queue = new FairQueue<string, string>();
  queue.push("a", "a2");
  queue.unshift("a", "a1");
  queue.unshift("b", "b1");
  expect(queue.length).toBe(3);
  queue.push("c", "c1");
  expect(queue.drain((key) => key === "c")).toEqual(["c1"]);
  expect(queue.drain()).toEqual(["a1", "a2", "b1"]);
  expect(queue.length).toBe(0);
});

test("nothing is lost, nothing comes twice, and nobody waits for more than one entry of each other key", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 60 }), (keys) => {
      const queue = new FairQueue<number, readonly [number, number]>();
      for (const [at, key] of keys.entries()) queue.push(key, [key, at]);
      const taken: (readonly [number, number])[] = [];
      for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) taken.push(entry);
      expect(taken.map(([, at]) => at).toSorted((a, b) => a - b)).toEqual(keys.map((_, at) => at));
      for (const key of new Set(keys)) {
        const first = taken.findIndex(([of]) => of === key);
        expect(new Set(taken.slice(0, first).map(([of]) => of)).size).toBe(first);
      }
    }),
  );
});
