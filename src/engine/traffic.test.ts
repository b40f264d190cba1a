import { expect, test } from "vitest";
import { TRAFFIC } from "../core/base/limits.ts";
import { second } from "../core/base/time.ts";
import type { HistoryEntry } from "../ports/history.ts";
import { deliveryRow } from "../ports/store.ts";
import { Traffic } from "./traffic.ts";

const START = 1_000_000 * second;

function entry(message: number, at: number, took: number, outcome = "delivered"): HistoryEntry {
  return { row: deliveryRow(message, 0), at, receivedAt: at - took, outcome } as HistoryEntry;
}

test("nothing is a report of nothing", () => {
  expect(new Traffic().report(START)).toEqual({
    arrivedPerSecond: 0,
    deliveredPerSecond: 0,
    deferredPerSecond: 0,
    failedPerSecond: 0,
    latency: undefined,
  });
});

test("rates are those of the last seconds that are over, by when things ended and not by when that was known", () => {
  const traffic = new Traffic();
  const now = START + 30 * second;
  for (let at = START; at < now; at += second) {
    const ends = [entry(1, at, 10), entry(2, at, 10), entry(3, at, 10, "failed"), entry(4, at, 10, "next-hop-refused")];
    traffic.ended([...ends, entry(5, at, 10, "cancelled")], now);
  }
  expect(traffic.report(now)).toMatchObject({ deliveredPerSecond: 2, failedPerSecond: 1, deferredPerSecond: 1 });
  const late = now + (TRAFFIC.rateSeconds + TRAFFIC.settleSeconds) * second;
  expect(traffic.report(late)).toMatchObject({ deliveredPerSecond: 0, latency: { half: 10 } });
  expect(traffic.report(now + 2 * TRAFFIC.seconds * second).latency).toBeUndefined();
});

test("half of the deliveries took no longer, and most of them, within a tenth", () => {
  const traffic = new Traffic();
  const ends = Array.from({ length: 100 }, (_, n) => entry(n, START, n < 50 ? 20 : n < 95 ? 500 : 60_000));
  traffic.ended(ends, START + second);
  const { half = 0, most = 0 } = traffic.report(START + second).latency ?? {};
  expect(half).toBeGreaterThanOrEqual(20);
  expect(half).toBeLessThan(22);
  expect(most).toBeGreaterThanOrEqual(500);
  expect(most).toBeLessThan(550);
});

test("what is not of the last minute counts nowhere, also by a clock that jumped", () => {
  const traffic = new Traffic();
  const ends = [entry(1, START - 3600 * second, 1), entry(2, START + 3600 * second, 1), entry(3, START, -5)];
  traffic.ended(ends, START);
  expect(traffic.report(START).latency).toEqual({ half: 1, most: 1 });
});

test("arrivals are counted by their rows, also those that came and went between two looks", () => {
  const traffic = new Traffic();
  for (let n = 0; n <= 5; n++) {
    traffic.ended([entry(100 + 40 * n, START + n * second, 1)], START + n * second);
    traffic.look(n === 3 ? 0 : 90, START + n * second);
  }
  expect(traffic.report(START + 5 * second).arrivedPerSecond).toBe(40);
  traffic.look(90, START - second);
  expect(traffic.report(START).arrivedPerSecond).toBe(0);
});
