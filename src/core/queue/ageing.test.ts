import * as fc from "fast-check";
import { expect, test } from "vitest";
import { day, hour, minute, second } from "../base/time.ts";
import { type ClockJump, type ClockLook, delayPolicy, expiresAt, jumpBetween, receivedByNow } from "./ageing.ts";

const WALL = Date.UTC(2026, 10, 21);

test.each([
  [10 * second, undefined],
  [10 * second + minute - 1, undefined],
  [10 * second + minute, minute],
  [3 * day, 3 * day - 10 * second],
  [-2 * day, -2 * day - 10 * second],
])("ten seconds in which the wall clock goes on by %i ms", (wall, by) => {
  const jump = jumpBetween({ wall: WALL, monotonic: 5 }, { wall: WALL + wall, monotonic: 5 + 10 * second }, minute);
  expect(jump?.by).toBe(by);
});

/** A wall clock that is set now and then, messages that arrive meanwhile, and their ages in truth and as we see them. */
const course = fc.array(
  fc.record({
    passes: fc.integer({ min: 1, max: 3 * day }),
    jumps: fc.constantFrom(0, 0, 30 * day, -30 * day, hour, -hour),
  }),
  { minLength: 1, maxLength: 20 },
);

const age = (receivedAt: number, jumps: readonly ClockJump[], wall: number): number =>
  wall - (receivedByNow(receivedAt, jumps, wall) ?? wall);

test("however the clock is set, no message is taken for older than it is", () => {
  fc.assert(
    fc.property(course, (steps) => {
      let wall = WALL;
      let truth = 0;
      const jumps: ClockJump[] = [];
      const messages: { receivedAt: number; truth: number }[] = [];
      for (const { passes, jumps: by } of steps) {
        messages.push({ receivedAt: wall, truth });
        const before = wall;
        wall += passes + by;
        truth += passes;
        const jump = jumpBetween({ wall: before, monotonic: truth - passes }, { wall, monotonic: truth }, minute);
        if (jump !== undefined) jumps.push(jump);
        for (const message of messages)
          expect(age(message.receivedAt, jumps, wall)).toBeLessThanOrEqual(truth - message.truth);
      }
    }),
  );
});

test("nor by a relay that began later, but for what the clock was set forward before that", () => {
  const lives = fc.array(
    fc.record({
      passes: fc.integer({ min: 1, max: 3 * day }),
      jumps: fc.constantFrom(0, 0, 30 * day, -30 * day, hour, -hour),
      isRestart: fc.boolean(),
    }),
    { minLength: 1, maxLength: 20 },
  );
  fc.assert(
    fc.property(lives, (steps) => {
      let wall = WALL;
      let truth = 0;
      let jumps: ClockJump[] = [];
      const messages: { readonly receivedAt: number; readonly truth: number; unseen: number; waits: number }[] = [];
      for (const { passes, jumps: by, isRestart } of steps) {
        messages.push({ receivedAt: wall, truth, unseen: 0, waits: 0 });
        const before = wall;
        wall += passes + by;
        truth += passes;
        const jump = jumpBetween({ wall: before, monotonic: truth - passes }, { wall, monotonic: truth }, minute);
        if (jump !== undefined) jumps.push(jump);
        for (const message of messages) message.waits += Math.max(0, by);
        if (isRestart) {
          jumps = [];
          for (const message of messages) message.unseen = message.waits;
        }
        for (const { receivedAt, truth: at, unseen } of messages)
          expect(age(receivedAt, jumps, wall)).toBeLessThanOrEqual(truth - at + unseen);
      }
    }),
  );
});

test("received by a clock that was ahead, before this relay began: as old as the jump that skipped that time", () => {
  const jump = jumpBetween({ wall: WALL, monotonic: 0 }, { wall: WALL + day, monotonic: second }, minute)!;
  expect(age(WALL + hour, [jump], WALL + day + hour)).toBe(hour + second);
});

test("a time that is still to come is of before the clock was set back, however it was set since; or of no clock that is known", () => {
  const back = jumpBetween({ wall: WALL + day, monotonic: 0 }, { wall: WALL, monotonic: second }, minute)!;
  const forth = jumpBetween({ wall: WALL, monotonic: second }, { wall: WALL + hour, monotonic: 2 * second }, minute)!;
  const receivedAt = WALL + day - 3 * hour;
  expect(age(receivedAt, [back], WALL)).toBe(3 * hour + second);
  expect(age(receivedAt, [back, forth], WALL + hour)).toBe(3 * hour + 2 * second);
  expect(receivedByNow(WALL + 1, [], WALL)).toBeUndefined();
  expect(receivedByNow(WALL + 2 * day, [back], WALL)).toBeUndefined();
});

test("set forward, or back by less than a message's age: its age is exact", () => {
  const at = (hours: number, wall: number): ClockLook => ({ wall: WALL + wall * hour, monotonic: hours * hour });
  const forward = jumpBetween(at(0.9, 0.9), at(1, 241), minute)!;
  expect(age(WALL, [forward], WALL + 241 * hour)).toBe(hour);
  const back = jumpBetween(at(2.9, 2.9), at(3, 1), minute)!;
  expect(age(WALL, [back], WALL + hour)).toBe(3 * hour);
  // Forth and back again: as if nothing had been.
  const again = jumpBetween(at(1.9, 241.9), at(2, 2), minute)!;
  expect(age(WALL, [forward, again], WALL + 2 * hour)).toBe(2 * hour);
});

test("a message without a sender lives a day at most", () => {
  expect(expiresAt(WALL, 5 * day, "a@b.example")).toBe(WALL + 5 * day);
  expect(expiresAt(WALL, 5 * day, "")).toBe(WALL + day);
  expect(expiresAt(WALL, hour, "")).toBe(WALL + hour);
});

test("who hears of delays, and when", () => {
  expect(delayPolicy(undefined)).toEqual({ after: 4 * hour, tellsAll: false });
  expect(delayPolicy(2 * hour)).toEqual({ after: 2 * hour, tellsAll: true });
  expect(delayPolicy("never")).toEqual({ after: Number.POSITIVE_INFINITY, tellsAll: false });
});
