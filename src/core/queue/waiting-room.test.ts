import * as fc from "fast-check";
import { expect, test } from "vitest";
import { PRIORITIES, type Priority } from "./priority.ts";
import { WaitingRoom } from "./waiting-room.ts";

function filled(count: number): WaitingRoom<string, Priority> {
  const room = new WaitingRoom<string, Priority>();
  for (let n = 0; n < count; n++)
    for (const priority of ["low", "normal", "high"] as const) room.push(priority, "a", priority);
  return room;
}

const take = <Entry>(room: WaitingRoom<string, Entry>, count: number): (Entry | undefined)[] =>
  Array.from({ length: count }, () => room.shift());

test("of ten turns high mail has seven, normal two and low one, while all of them wait", () => {
  const taken = take(filled(100), 100);
  const share = (priority: Priority): number => taken.filter((one) => one === priority).length;
  expect(PRIORITIES.map(share)).toEqual([70, 20, 10]);
  expect(taken[0]).toBe("high");
});

test("a turn that nobody of one priority has a use for is the next one's", () => {
  const room = new WaitingRoom<string, string>();
  for (const entry of ["l1", "l2", "l3"]) room.push("low", "a", entry);
  expect(take(room, 2)).toEqual(["l1", "l2"]);
  room.push("high", "a", "h1");
  expect(take(room, 3)).toEqual(["h1", "l3", undefined]);
});

test("within a priority each key has its turn; what is drained is gone", () => {
  const room = new WaitingRoom<string, string>();
  for (const entry of ["a1", "a2", "b1"]) room.push("normal", entry[0]!, entry);
  room.unshift("normal", "b", "b0");
  expect(take(room, 2)).toEqual(["a1", "b0"]);
  expect(room.drain((key) => key === "b")).toEqual(["b1"]);
  expect(room.length).toBe(1);
});

test("nothing is lost, whatever comes and goes", () => {
  const step = fc.option(fc.constantFrom(...PRIORITIES), { nil: undefined });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const room = new WaitingRoom<number, number>();
      let pushed = 0;
      let taken = 0;
      for (const [at, priority] of steps.entries()) {
        if (priority !== undefined) room.push(priority, at % 3, pushed++);
        else if (room.shift() !== undefined) taken++;
      }
      expect(room.length).toBe(pushed - taken);
      while (room.shift() !== undefined) taken++;
      expect(taken).toBe(pushed);
    }),
  );
});
