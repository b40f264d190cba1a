import { expect, test } from "vitest";
import { saidTooSoon } from "./failed-sync.ts";
import { DELAY_MS, type Met, type Point } from "./points.ts";

const LOG: Point = { call: "fsync", nth: 3, thread: "store", file: "queue.db-wal" };
const AT = 100_000;
const MET: Met = { file: "queue.db-wal", at: AT };
/** Said before the sync; on its way when it began; of the commit that failed; of a later one. */
const SAID = [
  { recipients: ["before"], sentAt: AT - 90, saidAt: AT - 50 },
  { recipients: ["on its way"], sentAt: AT - 40, saidAt: AT + 10 },
  { recipients: ["its own"], sentAt: AT - 20, saidAt: AT + DELAY_MS + 5 },
  { recipients: ["later"], sentAt: AT + DELAY_MS + 10, saidAt: AT + DELAY_MS + 50 },
];

test("after a sync of the log that failed nothing is acknowledged any more", () => {
  expect(saidTooSoon(LOG, "EIO", MET, SAID)).toEqual(["its own", "later"]);
  expect(saidTooSoon({ ...LOG, call: "pwrite64" }, "EIO", MET, SAID)).toEqual([]);
  expect(saidTooSoon(LOG, "kill", MET, SAID)).toEqual([]);
});

test("a sync that takes its time is waited for", () => {
  expect(saidTooSoon(LOG, "delay", MET, SAID)).toEqual([]);
  const hasty = { recipients: ["hasty"], sentAt: AT - 20, saidAt: AT + DELAY_MS * 0.75 };
  expect(saidTooSoon(LOG, "delay", MET, [...SAID, hasty])).toEqual(["hasty"]);
});

test("of a content it is the message that was under way, and of other files none", () => {
  const content: Point = { call: "fsync", nth: 1, thread: "libuv-worker", file: undefined };
  expect(saidTooSoon(content, "EIO", { file: "content/17/0VcSKYQlTziRkl", at: AT }, SAID)).toEqual(["its own"]);
  expect(saidTooSoon(LOG, "EIO", { file: "history/2026-11-30.db", at: AT }, SAID)).toEqual([]);
});
