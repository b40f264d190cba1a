import { expect, test } from "vitest";
import { FakeClock } from "../../test/support/fake-clock.ts";
import { CLOCK } from "../core/base/limits.ts";
import { day, hour, minute, second } from "../core/base/time.ts";
import type { Event } from "../core/events.ts";
import { ClockWatch } from "./clock-watch.ts";

function scene(): { clock: FakeClock; watch: ClockWatch; events: Event[]; age(receivedAt: number): number } {
  const clock = new FakeClock();
  const events: Event[] = [];
  const watch = new ClockWatch(clock, { record: (event) => void events.push(event) });
  watch.start();
  return { clock, watch, events, age: (receivedAt) => clock.now() - watch.receivedByNow(receivedAt) };
}

test("time that passes makes messages older", () => {
  const { clock, events, age } = scene();
  const receivedAt = clock.now();
  clock.advance(6 * hour);
  expect(age(receivedAt)).toBe(6 * hour);
  expect(events).toEqual([]);
});

test("a clock that jumps by days makes no message older, and says so once", () => {
  const { clock, events, age } = scene();
  const before = clock.now();
  clock.advance(hour);
  clock.jump(9 * day);
  expect(age(before)).toBe(hour); // also between two looks
  const after = clock.now();
  clock.advance(hour);
  expect(age(before)).toBe(2 * hour);
  expect(age(after)).toBe(hour);
  clock.jump(-9 * day);
  expect(age(before)).toBe(2 * hour);
  expect(events).toMatchObject([
    { event: "clock.jumped", byMs: 9 * day },
    { event: "clock.jumped", byMs: -9 * day },
  ]);
});

test("a clock that is put right by seconds, again and again, does not jump", () => {
  const { clock, watch, events } = scene();
  for (let n = 0; n < 100; n++) {
    clock.jump(30 * second);
    clock.advance(minute);
  }
  watch.stop();
  clock.advance(hour);
  expect(events).toEqual([]);
});

test("a message of a time to come was there when the relay started, and from then on it gets older", () => {
  const { clock, age } = scene();
  const receivedAt = clock.now() + 3650 * day;
  expect(age(receivedAt)).toBe(0);
  clock.advance(5 * day);
  expect(age(receivedAt)).toBe(5 * day);
  expect(age(clock.now() + hour)).toBe(-hour); // a clock that was put right little by little
});

test("but not where so many jumps were that some are forgotten: one of them may explain it", () => {
  const { clock, age } = scene();
  clock.advance(5 * day);
  for (let n = 0; n < CLOCK.jumpsKept; n++) {
    clock.jump(hour);
    age(clock.now());
  }
  expect(age(clock.now() + 3650 * day)).toBe(-3650 * day);
});

test("however often it jumps, what is remembered is bounded", () => {
  const { clock, events, age } = scene();
  for (let n = 0; n < 1000; n++) {
    clock.jump(hour);
    age(clock.now());
  }
  expect(events).toHaveLength(1000);
  expect(age(clock.now())).toBe(0);
});
