import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BACKUP } from "../../core/base/limits.ts";
import { messageId } from "../../core/mail/message-id.ts";
import { type Arrival, deliveryRow } from "../../ports/store.ts";
import { QueueCopy } from "./queue-copy.ts";
import { SqliteQueueStore } from "./queue-store.ts";

let folder: string;
let source: string;
let target: string;
let store: SqliteQueueStore;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-copy-"));
  [source, target] = [path.join(folder, "queue.db"), path.join(folder, "copy.db")];
  store = new SqliteQueueStore(source, () => undefined);
});
afterEach(() => {
  store.close();
  fs.rmSync(folder, { recursive: true });
});

function arrival(n: number, recipients = 1, isFile = false): Arrival {
  const id = messageId(1_000_000 + n, new Uint8Array([0, 0, 0, n >> 8, n]));
  const deliveries = Array.from({ length: recipients }, (_, at) => ({
    lane: at % 2 === 0 ? "smarthost/a" : "mx/b.test",
    recipient: `r${at}@b.test`,
    options: "",
    priority: "normal" as const,
    due: 5 + n,
    last: "",
  }));
  const content = isFile ? undefined : new Uint8Array([n]);
  return { id, receivedAt: n, octets: 1, envelope: '{"from":""}', content, deliveries };
}

function commit(arrivals: readonly Arrival[], isInHand = false): number[] {
  return store.commit([{ arrivals: arrivals.map((one) => ({ arrival: one, isInHand })), settlements: [] }]);
}

function rowsOf(file: string, table: string): unknown[] {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return database.prepare(`SELECT * FROM ${table} ORDER BY 1`).all();
  } finally {
    database.close();
  }
}

/** Empties the log of the store; false where a look at it keeps it from that. */
function canEmptyLog(): boolean {
  const database = new DatabaseSync(source);
  const busy = database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()?.["busy"];
  database.close();
  return busy === 0;
}

test("a copy has everything, in steps that leave the log of the store free between them", () => {
  const messages = BACKUP.messagesPerStep + 10;
  const rows = commit(Array.from({ length: messages }, (_, n) => arrival(n, 2, n === 3)));
  store.act("hold", [deliveryRow(rows[5]!, 0)], 1);
  store.pause({ kind: "lane", lane: "mx/b.test" }, 1);
  commit([arrival(9000, 3)], true);
  const copy = new QueueCopy(source, target);
  expect(copy.total()).toBe(messages + 1);
  const first = copy.step();
  expect(first).toEqual({
    messages: BACKUP.messagesPerStep,
    deliveries: 2 * BACKUP.messagesPerStep,
    files: [{ row: rows[3], id: arrival(3).id, octets: 1 }],
    isLast: false,
  });
  expect(canEmptyLog()).toBe(true);
  expect(copy.step()).toEqual({ messages: 11, deliveries: 23, files: [], isLast: true });
  copy.finish();
  copy.close();
  for (const table of ["message", "delivery", "upload", "outbox", "setting"])
    expect(rowsOf(target, table)).toEqual(rowsOf(source, table));
  expect(rowsOf(target, "lane")).toEqual([
    { name: "mx/b.test", wake_at: 5, blocked_until: 0, backlog: messages },
    { name: "smarthost/a", wake_at: 5, blocked_until: 0, backlog: messages - 1 },
  ]);
  expect(fs.statSync(target).mode & 0o777).toBe(0o600);
});

const SPOOLED = `${"1".padStart(40, "0")}s`;

test("files of the spool and mail of other queues that were taken are known to the copy, those alone whose messages it has", () => {
  const { deliveries, ...message } = arrival(1);
  const states = { attempts: 0, isHeld: false, isExpiring: false, isTold: false };
  const brought = { ...message, was: "old", deliveries: deliveries.map((one) => ({ ...one, ...states })) };
  store.import([brought], 5);
  commit([{ ...arrival(2), spooled: SPOOLED }]);
  const copy = new QueueCopy(source, target);
  commit([{ ...arrival(3), spooled: SPOOLED.replace("1", "2") }]);
  while (!copy.step().isLast);
  commit([{ ...arrival(4), spooled: SPOOLED.replace("1", "3") }]); // it is not in the copy: its file is still to be taken
  copy.finish();
  copy.close();
  expect(rowsOf(target, "imported")).toEqual([{ was: "old", id: message.id, at: 5 }]);
  expect(rowsOf(target, "spooled")).toMatchObject([{ name: SPOOLED }]);
  const restored = new SqliteQueueStore(target, () => undefined);
  expect(restored.import([{ ...brought, id: arrival(9).id }], 6)).toEqual([false]);
  restored.close();
});

test("what a copy has can be started on: in hand is waiting again, pauses hold, nothing else is changed", () => {
  const [row = 0] = commit([arrival(1, 2)], true);
  store.pause({ kind: "lane", lane: "mx/b.test" }, 1);
  const copy = new QueueCopy(source, target);
  expect(copy.step().isLast).toBe(true);
  copy.finish();
  copy.close();
  const restored = new SqliteQueueStore(target, () => undefined);
  expect(restored.recover(100, "")).toBe(2);
  expect(restored.claimDue(100, 10, 10)).toMatchObject([{ lane: "smarthost/a", count: 1 }]);
  expect(restored.pause({ kind: "lane", lane: "mx/b.test" }, undefined)).toBe(true);
  const [claim] = restored.claimDue(100, 10, 10);
  expect(claim?.claimed[0]?.deliveries.map((delivery) => delivery.row)).toEqual([deliveryRow(row, 1)]);
  restored.close();
});

test("a message with many recipients is a step, and one that ended before its content was copied is dropped", () => {
  const [many = 0, file = 0] = commit([arrival(1, 4000), arrival(2, 4000, true), arrival(3)]);
  const copy = new QueueCopy(source, target);
  const first = copy.step();
  expect(first).toMatchObject({ messages: 2, deliveries: 8000, isLast: false });
  expect(copy.isQueued(first.files[0]!)).toBe(true);
  for (let at = 0; at < 4000; at += 100)
    store.act(
      "cancel",
      Array.from({ length: 100 }, (_, n) => deliveryRow(file, at + n)),
      1,
    );
  expect(copy.isQueued(first.files[0]!)).toBe(false);
  expect(copy.drop(first.files[0]!)).toBe(4000);
  const arrived = commit([arrival(4)]); // also what comes meanwhile
  expect(copy.step()).toMatchObject({ messages: 2, isLast: true });
  copy.finish();
  copy.close();
  expect(rowsOf(target, "message").map((row) => (row as { row: number }).row)).toEqual([many, file + 1, ...arrived]);
  expect(rowsOf(target, "upload")).toEqual([]);
});
