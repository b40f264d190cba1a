import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { HISTORY } from "../../core/base/limits.ts";
import { day } from "../../core/base/time.ts";
import type { HistoryEntry } from "../../ports/history.ts";
import { HistoryReader } from "./history-reader.ts";
import { HistoryStore } from "./history-store.ts";

const NOON = Date.UTC(2026, 10, 21, 12);
const ID = "0abcdefABCDEF1";

let top: string;
let folder: string;
let store: HistoryStore;
beforeEach(() => {
  top = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-history-"));
  folder = path.join(top, "history");
  store = new HistoryStore(folder);
});
afterEach(() => {
  store.close();
  fs.rmSync(top, { recursive: true });
});

function entry(at: number, about: Partial<HistoryEntry> = {}): HistoryEntry {
  return {
    at,
    id: ID,
    row: 4096,
    outcome: "deferred",
    recipient: "b@example.net",
    lane: "smarthost/a",
    host: "192.0.2.1:25",
    attempts: 1,
    reply: "451 not now",
    note: "",
    transcript: "+0 C: QUIT",
    arrival: '{"client":"192.0.2.7"}',
    from: "a@example.com",
    identity: "user app",
    subject: "",
    octets: 3,
    receivedAt: NOON,
    ...about,
  };
}

const LIMITS = { keptFor: HISTORY.keptFor, octetsMax: HISTORY.octetsMax };

function days(): string[] {
  return fs.readdirSync(folder).filter((name) => name.endsWith(".db"));
}

test("what was written is found, over all days since then, the same entry twice being one", () => {
  const entries = [entry(NOON), entry(NOON + day, { attempts: 2, outcome: "delivered" })];
  store.write(entries);
  store.write(entries);
  const reader = new HistoryReader(folder);
  expect(reader.find(ID, NOON)).toEqual(entries);
  expect(reader.find(ID, NOON + day)).toEqual(entries.slice(1));
  expect(reader.find("0abcdefABCDEF2", NOON)).toEqual([]);
});

test("who reads makes nothing, also where there is no history yet", () => {
  expect(new HistoryReader(folder).find(ID, NOON)).toEqual([]);
  expect(fs.existsSync(folder)).toBe(false);
});

test("days that are over go", () => {
  store.write([entry(NOON), entry(NOON + day)]);
  expect(store.retire(NOON + HISTORY.keptFor, LIMITS)).toMatchObject({ days: ["2026-11-21"], daysLeft: 1 });
  expect(days()).toEqual(["2026-11-22.db"]);
});

test("too many octets: the oldest days go, the one that is written to stays", () => {
  store.write([0, 1, 2, 3].map((n) => entry(NOON + n * day)));
  store.close();
  const octets = fs.statSync(path.join(folder, "2026-11-21.db")).size;
  const retire = (octetsMax: number): unknown => store.retire(NOON + 3 * day, { ...LIMITS, octetsMax });
  retire(4 * octets);
  expect(days()).toHaveLength(4);
  retire(3 * octets - 1);
  expect(days()).toEqual(["2026-11-23.db", "2026-11-24.db"]);
  retire(1);
  expect(days()).toEqual(["2026-11-24.db"]);
  store.write([entry(NOON + 3 * day + 1, { attempts: 2 })]);
  expect(new HistoryReader(folder).find(ID, NOON)).toHaveLength(2);
});

test("a write that failed may be repeated once the reason is gone", () => {
  fs.mkdirSync(folder);
  const file = path.join(folder, "2026-11-21.db");
  fs.writeFileSync(file, "this is no database, and long enough that SQLite sees it".repeat(20));
  expect(() => store.write([entry(NOON)])).toThrow(/not a database/);
  fs.rmSync(file);
  store.write([entry(NOON)]);
  expect(new HistoryReader(folder).find(ID, NOON)).toHaveLength(1);
  const other = new DatabaseSync(file);
  other.exec("DROP TABLE attempt; CREATE TABLE attempt (id TEXT)");
  other.close();
  expect(() => store.write([entry(NOON, { attempts: 2 })])).toThrow(/attempt/);
  fs.rmSync(file);
  store.write([entry(NOON, { attempts: 2 })]);
  expect(new HistoryReader(folder).find(ID, NOON)).toHaveLength(1);
});

test("a day that an older version began is written to and read, its entries without what was said", () => {
  store.write([entry(NOON)]);
  store.close();
  const file = path.join(folder, days()[0]!);
  const old = new DatabaseSync(file);
  old.exec("ALTER TABLE attempt DROP COLUMN transcript; ALTER TABLE attempt DROP COLUMN arrival");
  old.close();
  const reader = new HistoryReader(folder);
  expect(reader.find(ID, NOON)).toMatchObject([{ transcript: "", arrival: "" }]);
  store = new HistoryStore(folder);
  store.write([entry(NOON + 1)]);
  expect(reader.find(ID, NOON)).toMatchObject([
    { transcript: "", arrival: "" },
    { transcript: "+0 C: QUIT", arrival: '{"client":"192.0.2.7"}' },
  ]);
});

test("a day that goes while history is read keeps nothing else from who reads", () => {
  const ids = ["0abcdefABCDEF1", "0abcdefABCDEF2"];
  store.write([0, 1, 2].flatMap((n) => ids.map((id) => entry(NOON + n * day, { id }))));
  const pages = new HistoryReader(folder).pages(1);
  expect(pages.next().value).toMatchObject([{ at: NOON }]);
  store.retire(NOON + 2 * day, { ...LIMITS, octetsMax: 1 });
  expect(days()).toEqual(["2026-11-23.db"]);
  const rest = [...pages].flat().filter(({ at }) => at > NOON); // of the day that was begun there may be more or not
  expect(rest.map(({ at }) => at)).toEqual([NOON + 2 * day, NOON + 2 * day]);
});

test("what is no history and stays is an error", () => {
  store.write([entry(NOON), entry(NOON + day)]);
  store.close();
  fs.writeFileSync(
    path.join(folder, "2026-11-21.db"),
    "this is no database, and long enough that SQLite sees it".repeat(20),
  );
  expect(() => [...new HistoryReader(folder).pages(10)]).toThrow(/not a database/);
  expect(() => new HistoryReader(folder).find(ID, NOON)).toThrow(/not a database/);
});

test("the log of a day is given back to the disk when asked, but for one that somebody reads", () => {
  const log = (): number => fs.statSync(path.join(folder, `${days()[0]}-wal`)).size;
  store.write([entry(NOON)]);
  const reader = new DatabaseSync(path.join(folder, days()[0]!), { readOnly: true });
  reader.exec("BEGIN; SELECT * FROM attempt");
  store.write([entry(NOON, { attempts: 2, at: NOON + 1 })]);
  const before = log();
  store.shortenLogs();
  expect(log()).toBe(before);
  reader.close();
  store.shortenLogs();
  expect(log()).toBe(0);
  expect(new HistoryReader(folder).find(ID, NOON)).toHaveLength(2);
});
