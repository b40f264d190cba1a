import { expect, test } from "vitest";
import { HISTORY } from "../core/base/limits.ts";
import { minute, second } from "../core/base/time.ts";
import type { Event } from "../core/events.ts";
import type { HistoryEntry } from "../ports/history.ts";
import { FakeClock } from "../../test/support/fake-clock.ts";
import { Historian } from "./historian.ts";

/** An outbox with so many rows of one entry each, and a history that may fail. */
class Scene {
  readonly clock = new FakeClock();
  readonly events: Event[] = [];
  readonly written: number[] = [];
  readonly retiredAt: number[] = [];
  rows: { readonly row: number; readonly entries: string }[];
  failure: Error | undefined;
  isSpaceLow = false;
  shortened = 0;
  isDamaged = false;
  readonly historian: Historian;

  constructor(rows: number) {
    this.rows = Array.from({ length: rows }, (_, at) => ({ row: at + 1, entries: `[{"row":${at + 1}}]` }));
    this.historian = new Historian({
      outbox: { read: (after, limit) => this.rows.filter(({ row }) => row > after).slice(0, limit) },
      history: {
        write: (entries: readonly HistoryEntry[]) => {
          if (this.failure !== undefined) throw this.failure;
          this.written.push(...entries.map(({ row }) => row));
        },
        retire: (now) => {
          if (this.failure !== undefined) throw this.failure;
          this.retiredAt.push(now);
        },
        shortenLogs: () => {
          this.shortened++;
          if (this.isDamaged) throw new Error("for the test");
        },
      },
      isSpaceLow: () => this.isSpaceLow,
      forget: (upTo) => (this.rows = this.rows.filter(({ row }) => row > upTo)),
      recorder: { record: (event) => void this.events.push(event) },
      clock: this.clock,
    });
  }
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1);

test("what is in the outbox is in history, and then no longer in the outbox", () => {
  const scene = new Scene(250);
  scene.historian.start();
  scene.clock.advance(0);
  expect(scene.written).toEqual(numbers(250));
  expect(scene.rows).toEqual([]);
  scene.rows.push({ row: 251, entries: `[{"row":251}]` });
  scene.clock.advance(1 * second);
  expect(scene.written).toEqual(numbers(251));
});

test("nothing is done before the thread had its turn: it is ready whatever history does", () => {
  const scene = new Scene(1);
  scene.failure = new Error("for the test");
  scene.historian.start();
  expect(scene.events).toEqual([]);
});

test("a history that cannot be written is told, tried again later and later, and loses nothing", () => {
  const scene = new Scene(3);
  scene.failure = new Error("for the test");
  scene.historian.start();
  scene.clock.advance(5 * minute);
  const waits = scene.events.flatMap((event) => (event.event === "history.failed" ? [event.retryMs] : []));
  // Twice each: it is neither filled nor retired.
  expect(waits.filter((_, at) => at % 2 === 0).slice(0, 8)).toEqual(
    [1, 2, 4, 8, 16, 32, 60, 60].map((n) => n * second),
  );
  expect(scene.rows).toHaveLength(3);
  scene.failure = undefined;
  scene.clock.advance(1 * minute);
  expect(scene.written).toEqual([1, 2, 3]);
  expect(scene.retiredAt).toHaveLength(1);
  scene.clock.advance(HISTORY.retireEvery);
  expect(scene.retiredAt).toHaveLength(2);
});

test("an outbox row that is no JSON does not end the thread either", () => {
  const scene = new Scene(1);
  scene.rows[0] = { row: 1, entries: "{" };
  scene.historian.start();
  scene.clock.advance(1 * second);
  expect(scene.events[0]).toMatchObject({ event: "history.failed", retryMs: 1000 });
});

test("at the end all that is there is moved, and nothing after it", () => {
  const scene = new Scene(250);
  scene.historian.start();
  scene.historian.finish();
  expect(scene.written).toEqual(numbers(250));
  scene.rows.push({ row: 251, entries: `[{"row":251}]` });
  scene.clock.advance(1 * minute);
  expect(scene.written).toEqual(numbers(250));
});

test("a failure at the end is told, and ends it", () => {
  const scene = new Scene(1);
  scene.failure = new Error("for the test");
  scene.historian.finish();
  expect(scene.events).toEqual([{ event: "history.failed", text: "for the test", retryMs: undefined }]);
});

test("who looks something up finds what ended a moment ago; a backlog is no reason to wait for all of it", () => {
  const scene = new Scene(3);
  scene.historian.catchUp();
  expect(scene.written).toEqual(numbers(3));
  const behind = new Scene(HISTORY.rowsPerBatch * (HISTORY.batchesPerLook + 2));
  behind.historian.catchUp();
  expect(behind.written).toHaveLength(HISTORY.rowsPerBatch * HISTORY.batchesPerLook);
  behind.failure = new Error("for the test");
  behind.historian.catchUp();
  expect(behind.events).toMatchObject([{ event: "history.failed", text: "for the test" }]);
});

test("while the disk has little room the logs of history are kept short, and only then", () => {
  const scene = new Scene(0);
  scene.historian.start();
  scene.clock.advance(10 * second);
  expect(scene.shortened).toBe(0);
  scene.isSpaceLow = true;
  scene.clock.advance(3 * second);
  expect(scene.shortened).toBe(3);
});

test("logs that cannot be kept short keep nothing from being written", () => {
  const scene = new Scene(3);
  scene.isSpaceLow = true;
  scene.isDamaged = true;
  scene.historian.start();
  scene.clock.advance(5 * second);
  expect(scene.written).toEqual(numbers(3));
  expect(scene.events).toHaveLength(1);
});
