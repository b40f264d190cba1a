import { expect, test } from "vitest";
import { INBOUND } from "../core/base/limits.ts";
import { LongWork } from "./long-work.ts";

/** Turns of an event loop by hand; each piece of work takes 1 ms. */
class Loop {
  now = 0;
  turns = 0;
  #soon: (() => void)[] = [];
  monotonic = (): number => this.now;
  soon = (call: () => void): void => void this.#soon.push(call);

  turn(): void {
    this.turns++;
    for (const call of this.#soon.splice(0)) call();
  }

  get isIdle(): boolean {
    return this.#soon.length === 0;
  }
}

test("in a turn there is a bound for all together, and everybody has a piece before anybody has two", () => {
  const loop = new Loop();
  const work = new LongWork(loop);
  const order: number[] = [];
  const peer = (n: number, pieces: number): void =>
    work.later(() => {
      loop.now++;
      order.push(n);
      if (pieces > 1) peer(n, pieces - 1);
    });
  for (let n = 0; n < 30; n++) peer(n, 3);
  const before = loop.now;
  loop.turn();
  expect(loop.now - before).toBe(INBOUND.longWorkMsPerTurn);
  while (!loop.isIdle) loop.turn();
  expect(order.slice(0, 30)).toEqual(Array.from({ length: 30 }, (_, n) => n));
  expect(order).toHaveLength(90);
  expect(loop.turns).toBeLessThanOrEqual(Math.ceil(90 / INBOUND.longWorkMsPerTurn) + 3);
});

test("what comes when there is nothing has its turn next, once", () => {
  const loop = new Loop();
  const work = new LongWork(loop);
  let done = 0;
  work.later(() => done++);
  expect(done).toBe(0);
  loop.turn();
  work.later(() => done++);
  loop.turn();
  expect(done).toBe(2);
  expect(loop.isIdle).toBe(true);
});

test("a piece that throws takes no other with it", () => {
  const loop = new Loop();
  const work = new LongWork(loop);
  let done = 0;
  work.later(() => {
    throw new Error("for the test");
  });
  work.later(() => done++);
  expect(() => loop.turn()).toThrow("for the test");
  loop.turn();
  expect(done).toBe(1);
});
