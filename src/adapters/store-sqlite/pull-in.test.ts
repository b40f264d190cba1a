import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { EMPTY_ARRIVAL } from "../../../test/support/arrival.ts";
import { QUEUE } from "../../core/base/limits.ts";
import { hour } from "../../core/base/time.ts";
import { SITE_BLOCK_MAX } from "../../core/queue/backoff.ts";
import type { Arrival } from "../../ports/store.ts";
import { SqliteQueueStore } from "./queue-store.ts";

// What a clock that was ahead put off is brought forward.

let folder: string;
let store: SqliteQueueStore;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-store-"));
  store = new SqliteQueueStore(path.join(folder, "queue.db"), () => undefined);
});

afterEach(() => {
  store.close();
  fs.rmSync(folder, { recursive: true });
});

function look(question: string, ...values: SQLInputValue[]): Record<string, SQLInputValue>[] {
  const database = new DatabaseSync(path.join(folder, "queue.db"), { readOnly: true });
  const found = database.prepare(question).all(...values);
  database.close();
  return found;
}

let made = 0;
function parked(lane: string, due: number): { arrival: Arrival; isInHand: boolean } {
  const delivery = { lane, recipient: "r@b.example", options: "", priority: "normal" as const, due, last: "" };
  const id = String(++made).padStart(14, "0");
  return { arrival: { ...EMPTY_ARRIVAL, id, deliveries: [delivery] }, isInHand: false };
}

const NOW = 12 * hour;
const pullIn = (): number => {
  let steps = 1;
  for (let lane = store.pullIn("", NOW, 4 * hour); lane !== undefined; lane = store.pullIn(lane, NOW, 4 * hour))
    steps++;
  return steps;
};

test("is due within the longest wait, spread over its end, and what waits for less is left alone", () => {
  const dues = [NOW, NOW + hour, NOW + 4 * hour, NOW + 4 * hour + 1, NOW + 87_600 * hour];
  store.commit([{ arrivals: dues.map((due) => parked("a", due)), settlements: [] }]);
  expect(pullIn()).toBe(1);
  const found = look("SELECT due FROM delivery ORDER BY row").map(({ due }) => Number(due));
  expect(found.slice(0, 3)).toEqual(dues.slice(0, 3));
  for (const due of found.slice(3)) {
    expect(due).toBeGreaterThan(NOW + 3 * hour);
    expect(due).toBeLessThanOrEqual(NOW + 4 * hour);
  }
  expect(new Set(found).size).toBe(5);
});

test("wakes its lane in time, unless that is served; a block lasts no longer than one may, and others stay", () => {
  store.commit([{ arrivals: ["a", "b"].map((lane) => parked(lane, NOW)), settlements: [] }]);
  store.rest("a", 36 * hour);
  store.rest("b", NOW + 1000);
  pullIn();
  expect(store.nextWake()).toBe(NOW + 1000);
  expect(store.claimDue(NOW + 1000, 10, 10)).toMatchObject([{ lane: "b", count: 1 }]);
  expect(store.nextWake()).toBe(NOW + SITE_BLOCK_MAX);
  expect(store.claimDue(NOW + SITE_BLOCK_MAX, 10, 10)).toMatchObject([{ lane: "a", count: 1 }]);
  store.commit([{ arrivals: ["c"].map((lane) => parked(lane, 40 * hour)), settlements: [] }]);
  pullIn();
  expect(store.nextWake()).toBeLessThanOrEqual(NOW + 4 * hour);
  store.claimDue(41 * hour, 10, 10);
  store.commit([{ arrivals: [parked("d", 41 * hour), parked("d", 41 * hour)], settlements: [] }]);
  expect(store.claimDue(41 * hour, 10, 1)).toMatchObject([{ lane: "d", hasMore: true }]);
  pullIn();
  expect(store.nextWake()).toBeUndefined();
  expect(store.claimLane("d", NOW + 4 * hour, 10)).toMatchObject({ count: 1 });
});

test("a block of a clock that was ahead lasts no longer than one may where nothing is parked behind it, either", () => {
  store.rest("a", 36 * hour);
  store.commit([{ arrivals: [parked("a", NOW)], settlements: [] }]);
  expect(store.claimDue(36 * hour, 10, 10)).toMatchObject([{ lane: "a", count: 1 }]);
  store.rest("a", 36 * hour);
  pullIn();
  expect(store.nextWake()).toBe(NOW + SITE_BLOCK_MAX);
  store.commit([{ arrivals: [parked("a", 13 * hour)], settlements: [] }]);
  expect(store.nextWake()).toBe(NOW + SITE_BLOCK_MAX);
});

test("is brought forward in steps, of lanes and of deliveries", () => {
  const lanes = Array.from({ length: QUEUE.lanesPerPullIn + 1 }, (_, n) => `lane${String(n).padStart(4, "0")}`);
  const many = Array.from({ length: QUEUE.deliveriesPerPullIn + 1 }, () => parked("z", 40 * hour));
  const some = lanes.map((lane) => parked(lane, 40 * hour));
  store.commit([{ arrivals: [...some, ...many], settlements: [] }]);
  expect(pullIn()).toBe(3);
  expect(look("SELECT count(*) AS n FROM delivery WHERE due > ?", NOW + 4 * hour)).toEqual([{ n: 0 }]);
});
