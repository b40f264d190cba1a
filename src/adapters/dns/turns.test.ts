import { describe, expect, test } from "vitest";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import { DNS } from "../../core/base/limits.ts";
import { TOO_MANY, Turns } from "./turns.ts";

interface Lookup {
  readonly number: number;
  /** Its answer comes. */
  answer(): void;
}

/** Lookups that end when a test says so, or when their turn is over. */
class Crowd {
  readonly clock = new FakeClock();
  readonly turns = new Turns(this.clock);
  readonly asking = new Map<number, Lookup>();
  readonly order: number[] = [];
  readonly ends = new Map<number, string>();
  #count = 0;

  /** So many more want a turn; answers the number of the first. */
  async come(count: number): Promise<number> {
    const first = this.#count;
    for (let n = 0; n < count; n++) this.#lookup(this.#count++);
    await this.settle();
    return first;
  }

  async settle(): Promise<void> {
    for (let rounds = 0; rounds < 1000; rounds++) {
      const before = this.order.length;
      this.clock.runSoon();
      for (let ticks = 0; ticks < 10; ticks++) await Promise.resolve();
      if (this.order.length === before) return;
    }
  }

  async pass(duration: number): Promise<void> {
    this.clock.advance(duration);
    await this.settle();
  }

  #lookup(number: number): void {
    const work = (ended: AbortSignal): Promise<string> => {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      this.order.push(number);
      this.asking.set(number, { number, answer: () => resolve("answered") });
      ended.addEventListener("abort", () => reject(ended.reason as Error));
      return promise.finally(() => this.asking.delete(number));
    };
    void this.turns
      .run(work)
      .catch((error: unknown) => (error as Error).message)
      .then((end) => this.ends.set(number, end ?? "no turn"));
  }
}

describe("turns", () => {
  test("so many at a time, and the next one when one has its answer", async () => {
    const crowd = new Crowd();
    await crowd.come(DNS.youngMax);
    await crowd.come(1);
    expect(crowd.asking.size).toBe(DNS.youngMax);
    crowd.asking.get(0)!.answer();
    await crowd.settle();
    expect(crowd.order.at(-1)).toBe(DNS.youngMax);
    expect(crowd.asking.size).toBe(DNS.youngMax);
  });

  test("a thread looks after something else between them", async () => {
    const crowd = new Crowd();
    const coming = crowd.come(DNS.startsPerTurn * 3);
    expect(crowd.clock.monotonic()).toBe(0);
    for (let ticks = 0; ticks < 5; ticks++) await Promise.resolve();
    expect(crowd.order.length).toBeLessThanOrEqual(DNS.startsPerTurn * 2);
    await coming;
    expect(crowd.order).toHaveLength(DNS.startsPerTurn * 3);
  });

  test("silent ones make room for young ones after a moment, and go on", async () => {
    const crowd = new Crowd();
    await crowd.come(DNS.youngMax + 1);
    await crowd.pass(DNS.youngFor - 1);
    expect(crowd.order).toHaveLength(DNS.youngMax);
    await crowd.pass(1);
    expect(crowd.order).toHaveLength(DNS.youngMax + 1);
    expect(crowd.asking.size).toBe(DNS.youngMax + 1);
    expect(crowd.ends.size).toBe(0);
  });

  test("among thousands that say nothing the newest does not wait longer than a moment", async () => {
    const crowd = new Crowd();
    await crowd.come(6000);
    const newest = await crowd.come(1);
    await crowd.pass(DNS.youngFor);
    expect(crowd.asking.has(newest)).toBe(true);
  });

  test("where too many are slow, the oldest that had its time ends, and only where another wants its place", async () => {
    const crowd = new Crowd();
    await crowd.come(DNS.slowMax);
    await crowd.pass(DNS.youngFor);
    await crowd.pass(DNS.youngFor); // in two crowds, as far as they are more than the young ones
    const first = await crowd.come(DNS.youngMax);
    await crowd.pass(DNS.youngFor * 3);
    expect(crowd.asking.size).toBe(DNS.slowMax + DNS.youngMax);
    expect(crowd.ends.size).toBe(0);
    const newest = await crowd.come(1);
    expect(crowd.asking.has(newest)).toBe(true);
    expect([...crowd.ends]).toEqual([[first, TOO_MANY.slow]]);
    expect(crowd.asking.size).toBe(DNS.slowMax + DNS.youngMax);
  });

  test("when a slow one ends, one that is overdue takes its place", async () => {
    const crowd = new Crowd();
    await crowd.come(DNS.slowMax);
    await crowd.pass(DNS.youngFor);
    await crowd.pass(DNS.youngFor);
    await crowd.come(DNS.youngMax);
    await crowd.pass(DNS.youngFor);
    crowd.asking.get(0)!.answer();
    await crowd.settle();
    await crowd.come(1);
    expect([...crowd.ends]).toEqual([[0, "answered"]]);
    expect(crowd.asking.size).toBe(DNS.slowMax + DNS.youngMax);
  });

  test("beyond those that wait, the one that waited longest has none", async () => {
    const crowd = new Crowd();
    await crowd.come(DNS.youngMax);
    const oldest = await crowd.come(DNS.waitingMax);
    expect(crowd.ends.size).toBe(0);
    await crowd.come(1);
    expect([...crowd.ends]).toEqual([[oldest, "no turn"]]);
  });

  test("whatever comes and ends, the bounds hold, and in the end all places are free", async () => {
    const crowd = new Crowd();
    for (let round = 0; round < 40; round++) {
      await crowd.come(300);
      for (const [number, lookup] of crowd.asking) if ((number + round) % 7 === 0) lookup.answer();
      await crowd.pass(100);
      expect(crowd.asking.size).toBeLessThanOrEqual(DNS.youngMax + DNS.slowMax);
    }
    while (crowd.asking.size > 0) {
      for (const lookup of crowd.asking.values()) lookup.answer();
      await crowd.settle();
    }
    expect(crowd.ends.size).toBe(40 * 300);
    await crowd.come(DNS.youngMax);
    expect(crowd.asking.size).toBe(DNS.youngMax);
  });
});
