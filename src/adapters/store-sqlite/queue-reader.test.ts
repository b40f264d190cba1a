import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { STORE } from "../../core/base/limits.ts";
import { second } from "../../core/base/time.ts";
import { messageId } from "../../core/mail/message-id.ts";
import { QueueReader } from "./queue-reader.ts";
import { SqliteQueueStore } from "./queue-store.ts";

const START = Date.UTC(2026, 10, 21);
const ROWS = 40_000;
const FAR = STORE.lookedThroughMax;

/** The message that is committed as this row, one a second, with a name of its own. */
const idOf = (row: number): string => messageId(timeOfRow(row), octetsOf(row));
const timeOfRow = (row: number): number => START + row * second;
const octetsOf = (number: number): Uint8Array => Uint8Array.of(1, 0, number >> 16, number >> 8, number);

/** Rows whose messages were received at another time than their place says: place, and place of their time. */
const MISPLACED: ReadonlyMap<number, number> = new Map([
  [15_000, 15_000 - FAR + 100], // a long session
  [15_001, 15_001 - FAR - 100], // one that is longer than anybody looks for
  [22_345, 22_345 + FAR - 100], // the clock was set back
  [22_346, 22_346 + FAR + 100],
]);
const misplacedId = (row: number): string => messageId(timeOfRow(MISPLACED.get(row)!), octetsOf(ROWS + row));
const UPLOAD = { row: 30_000, id: messageId(START, octetsOf(2 * ROWS)) };

let folder: string;
let reader: QueueReader;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-reader-"));
  const file = path.join(folder, "queue.db");
  new SqliteQueueStore(file, () => undefined).close();
  const database = new DatabaseSync(file);
  const insert = database.prepare(
    "INSERT INTO message (row, id, received_at, octets, envelope) VALUES (?, ?, ?, 3, '{}')",
  );
  database.exec("BEGIN");
  for (let row = 1; row <= ROWS; row++) {
    if (row === UPLOAD.row) insert.run(row, UPLOAD.id, START);
    else if (MISPLACED.has(row)) insert.run(row, misplacedId(row), timeOfRow(MISPLACED.get(row)!));
    else insert.run(row, idOf(row), timeOfRow(row));
  }
  database.prepare("INSERT INTO upload (id, message) VALUES (?, ?)").run(UPLOAD.id, UPLOAD.row);
  database.exec("COMMIT");
  database.close();
  reader = new QueueReader(file);
});
afterAll(() => {
  reader.close();
  fs.rmSync(folder, { recursive: true });
});

test("a message is found by its id wherever it stands", () => {
  for (const row of [1, 2, 9_999, 14_999, 15_002, ROWS - 1, ROWS])
    expect(reader.messageById(idOf(row))).toMatchObject({ row, id: idOf(row) });
});

test("one whose session took long, or that came before the clock was set back, is found within a bound", () => {
  expect(reader.messageById(misplacedId(15_000))).toMatchObject({ row: 15_000 });
  expect(reader.messageById(misplacedId(22_345))).toMatchObject({ row: 22_345 });
});

test("nobody looks through more rows than the bound: a queue of a million costs what this one does", () => {
  expect(reader.messageById(misplacedId(15_001))).toBeUndefined();
  expect(reader.messageById(misplacedId(22_346))).toBeUndefined();
  expect(reader.messageById(messageId(timeOfRow(10_000), octetsOf(3 * ROWS)))).toBeUndefined();
});

test("a content in a file is found whatever its time: it may have come for hours", () => {
  expect(reader.messageById(UPLOAD.id)).toMatchObject({ row: UPLOAD.row });
});

test("an empty queue has no message", () => {
  const file = path.join(folder, "empty.db");
  new SqliteQueueStore(file, () => undefined).close();
  const empty = new QueueReader(file);
  expect(empty.messageById(idOf(1))).toBeUndefined();
  empty.close();
});
