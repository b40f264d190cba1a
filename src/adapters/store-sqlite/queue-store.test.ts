import * as fc from "fast-check";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { IMPORT, STORE } from "../../core/base/limits.ts";
import { messageId } from "../../core/mail/message-id.ts";
import {
  type Arrival,
  type Claimed,
  FROM_THE_OLDEST,
  type ImportedArrival,
  KNOWN,
  KNOWN_OTHERWISE,
  type OverduePlace,
  type Settlement,
  deliveryRow,
} from "../../ports/store.ts";
import { lockFolder } from "./folder-lock.ts";
import { QueueReader } from "./queue-reader.ts";
import { QueueCopy } from "./queue-copy.ts";
import { PRIORITIES, type Priority } from "../../core/queue/priority.ts";
import { SqliteQueueStore } from "./queue-store.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) fs.rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-store-"));
  folders.push(made);
  return made;
}

function open(at = folder(), removed: string[] = []): { store: SqliteQueueStore; file: string; removed: string[] } {
  const file = path.join(at, "queue.db");
  return { store: new SqliteQueueStore(file, (id) => removed.push(id)), file, removed };
}

let made = 0;
function arrival(lanes: readonly string[], options: { due?: number; isFile?: boolean; at?: number } = {}): Arrival {
  made++;
  const at = options.at ?? 1000 + made;
  const content = options.isFile === true ? undefined : new Uint8Array([1, 2, 3]);
  const deliveries = lanes.map((lane, n) => ({
    lane,
    recipient: `r${n}@${made}.example`,
    options: "",
    priority: "normal" as const,
    due: options.due ?? 0,
    last: "",
  }));
  return {
    id: messageId(at, new Uint8Array([0, 0, made >> 8, made, 1])),
    receivedAt: at,
    octets: 3,
    envelope: '{"from":"a@b.example"}',
    content,
    deliveries,
  };
}

const parked = (found: Arrival): { arrival: Arrival; isInHand: boolean } => ({ arrival: found, isInHand: false });
const held = (found: Arrival): { arrival: Arrival; isInHand: boolean } => ({ arrival: found, isInHand: true });
const rowsOf = (claimed: readonly Claimed[]): number[] =>
  claimed.flatMap(({ deliveries }) => deliveries.map(({ row }) => row));
const finish = (row: number): Settlement => ({ kind: "finish", row, entry: `{"row":${row}}` });
const park = (row: number, lane: string, due: number): Settlement => ({
  kind: "park",
  row,
  lane,
  due,
  attempts: 1,
  isTold: false,
  last: "",
  entry: "",
});

test("what is parked is claimed when it is due, once, and with all that a delivery needs", () => {
  const { store } = open();
  const [row] = store.commit([{ arrivals: [parked(arrival(["a"], { due: 50 }))], settlements: [] }]);
  expect(store.nextWake()).toBe(50);
  expect(store.claimDue(49, 10, 10)).toEqual([]);
  const [claim] = store.claimDue(50, 10, 10);
  expect(claim).toMatchObject({ lane: "a", count: 1, hasMore: false });
  expect(claim!.claimed[0]!.message).toMatchObject({
    row,
    octets: 3,
    envelope: '{"from":"a@b.example"}',
    content: new Uint8Array([1, 2, 3]),
  });
  expect(store.claimDue(1e9, 10, 10)).toEqual([]);
});

test("what is in hand is claimed by nobody until the next start", () => {
  const { store, file } = open();
  store.commit([{ arrivals: [held(arrival(["a", "b"]))], settlements: [] }]);
  expect(store.claimDue(1e9, 10, 10)).toEqual([]);
  store.close();
  const again = new SqliteQueueStore(file, () => undefined);
  expect(again.recover(2000, "why")).toBe(2);
  expect(again.claimDue(2000, 10, 10).map(({ lane, count }) => [lane, count])).toEqual([
    ["a", 1],
    ["b", 1],
  ]);
});

test("what went on to another lane in hand is tried there after a crash too", () => {
  const { store } = open();
  const [row = 0] = store.commit([{ arrivals: [held(arrival(["a", "a"]))], settlements: [] }]);
  const moved = deliveryRow(row, 1);
  const settle = (settlement: Settlement): void => void store.commit([{ arrivals: [], settlements: [settlement] }]);
  settle({ kind: "move", row: moved, lane: "backup", entry: "" });
  expect(store.recover(0, "")).toBe(2);
  const { claimed } = store.claimLane("backup", 0, 10);
  expect(claimed.flatMap(({ deliveries }) => deliveries.map((delivery) => delivery.row))).toEqual([moved]);
  expect(store.claimLane("a", 0, 10).count).toBe(1);
});

test("a message goes with its last delivery, its file after the commit", () => {
  const { store, file, removed } = open();
  const [row = 0] = store.commit([{ arrivals: [held(arrival(["a", "a"], { isFile: true }))], settlements: [] }]);
  expect(store.files().size).toBe(1);
  store.commit([{ arrivals: [], settlements: [finish(deliveryRow(row, 0))] }]);
  expect(removed).toEqual([]);
  store.commit([{ arrivals: [], settlements: [finish(deliveryRow(row, 1))] }]);
  expect(removed).toHaveLength(1);
  expect(store.files().size).toBe(0);
  const reader = new QueueReader(file);
  expect(reader.message(row)).toBeUndefined();
  expect(reader.depth()).toEqual({ waiting: 0, inHand: 0, oldest: undefined });
  expect(store.read(10).map(({ entries }) => JSON.parse(entries) as unknown)).toEqual([
    [{ row: deliveryRow(row, 0) }],
    [{ row: deliveryRow(row, 1) }],
  ]);
});

test("claims are bounded and fair: the lanes that woke first, so many of each, and a lane with more is served until it rests", () => {
  const { store } = open();
  const arrivals = ["c", "b", "a", "a", "a"].map((lane, n) => parked(arrival([lane], { due: 10 * (5 - n) })));
  store.commit([{ arrivals, settlements: [] }]);
  const claims = store.claimDue(100, 2, 2);
  expect(claims.map(({ lane, count, hasMore }) => [lane, count, hasMore])).toEqual([
    ["a", 2, true],
    ["b", 1, false],
  ]);
  expect(store.claimDue(100, 2, 2).map(({ lane }) => lane)).toEqual(["c"]);
  expect(store.claimLane("a", 100, 2)).toMatchObject({ count: 1, hasMore: false });
  expect(store.nextWake()).toBeUndefined();
});

test("a blocked lane does not wake, whatever arrives for it", () => {
  const { store } = open();
  store.commit([{ arrivals: [parked(arrival(["a"])), parked(arrival(["a"]))], settlements: [] }]);
  const [claim] = store.claimDue(10, 1, 1);
  store.rest("a", 500);
  store.commit([
    { arrivals: [parked(arrival(["a"], { due: 20 }))], settlements: [park(rowsOf(claim!.claimed)[0]!, "a", 30)] },
  ]);
  expect(store.nextWake()).toBe(500);
  expect(store.claimDue(499, 10, 10)).toEqual([]);
  expect(store.claimDue(500, 10, 10)).toMatchObject([{ lane: "a", count: 3 }]);
});

test("a transaction that fails leaves nothing behind", () => {
  const { store } = open();
  store.commit([{ arrivals: [held(arrival(["a"]))], settlements: [] }]);
  const same = arrival(["a"], { isFile: true });
  store.commit([{ arrivals: [parked(same)], settlements: [] }]);
  expect(() => store.commit([{ arrivals: [parked(arrival(["z"])), parked(same)], settlements: [] }])).toThrow(/UNIQUE/);
  expect(store.claimDue(1e9, 10, 10).map(({ lane }) => lane)).toEqual(["a"]);
  expect(store.commit([{ arrivals: [parked(arrival(["a"]))], settlements: [] }])).toEqual([3]);
});

test("what is asked together is one transaction: all of it, its files after it, or nothing", () => {
  const { store, removed } = open();
  const [row = 0] = store.commit([{ arrivals: [held(arrival(["a"], { isFile: true }))], settlements: [] }]);
  const end = (): void => {
    store.commit([{ arrivals: [parked(arrival(["b"]))], settlements: [finish(deliveryRow(row, 0))] }]);
    store.rest("b", 500);
    expect(removed).toEqual([]);
  };
  const failing = (): void => {
    end();
    throw new Error("stop");
  };
  expect(() => store.together(failing)).toThrow("stop");
  expect(store.nextWake()).toBeUndefined();
  store.together(end);
  expect(store.nextWake()).toBe(500);
  expect(removed).toHaveLength(1);
});

test("a claim of many lanes ends before it takes long; what is left of them stays due", () => {
  const { store } = open();
  const lanes = ["a", "b", "c", "d", "e"];
  for (const [at, lane] of lanes.entries()) {
    const arrivals = Array.from({ length: 100 }, () => parked(arrival([lane], { due: at })));
    store.commit([{ arrivals, settlements: [] }]);
  }
  const claims = store.claimDue(1000, 50, 100);
  expect(claims.map(({ lane, count }) => [lane, count])).toEqual([
    ["a", 100],
    ["b", 100],
    ["c", 100],
  ]);
  expect(store.nextWake()).toBe(3);
  expect(store.claimDue(1000, 50, 100).map(({ lane }) => lane)).toEqual(["d", "e"]);
});

test("what ended makes the file shorter again, in steps", () => {
  const { store, file } = open();
  const large = (): Arrival => ({ ...arrival(["a"]), octets: 60_000, content: new Uint8Array(60_000) });
  const rows = store.commit([{ arrivals: Array.from({ length: 300 }, () => held(large())), settlements: [] }]);
  store.shortenLog();
  const full = fs.statSync(file).size;
  store.commit([{ arrivals: [], settlements: rows.map((row) => finish(deliveryRow(row, 0))) }]);
  store.shrink(100);
  store.shortenLog();
  const step = full - fs.statSync(file).size;
  expect(step).toBe(100 * 8192);
  store.shrink(1_000_000);
  store.shortenLog();
  expect(fs.statSync(file).size).toBeLessThan(full / 2);
  const kept = 1000 * 8192; // for what comes next
  expect(fs.statSync(file).size).toBeGreaterThan(kept);
});

test("ends of messages look at no queue: the plan of every statement goes by a key", () => {
  const { file } = open();
  const database = new DatabaseSync(file);
  const plans = [
    "DELETE FROM message WHERE row = 1",
    "DELETE FROM upload WHERE id = 'x'",
    "DELETE FROM delivery WHERE row = 1",
  ];
  for (const sql of plans) {
    const [plan] = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
    expect(plan!["detail"]).toMatch(/^SEARCH/);
  }
  database.close();
});

test("a note goes to history, and the delivery stays where it is", () => {
  const { store } = open();
  store.commit([{ arrivals: [held(arrival(["a"]))], settlements: [] }]);
  store.commit([{ arrivals: [], settlements: [{ kind: "note", entry: '{"x":1}' }] }]);
  expect(store.read(10).map(({ entries }) => entries)).toEqual(['[{"x":1}]']);
  expect(store.recover(0, "")).toBe(1);
});

test("synchronous is FULL on every open, also of a database that forgot", () => {
  const { store, file } = open();
  store.close();
  const other = new DatabaseSync(file);
  other.exec("PRAGMA synchronous = NORMAL");
  other.close();
  const again = new SqliteQueueStore(file, () => undefined);
  expect(again.setting("synchronous")).toBe(2);
  expect(again.setting("journal_mode")).toBe("wal");
});

test("an older program does not touch a newer schema", () => {
  const { store, file } = open();
  store.close();
  const other = new DatabaseSync(file);
  other.exec("PRAGMA user_version = 99");
  other.close();
  expect(() => new SqliteQueueStore(file, () => undefined)).toThrow(/schema 99.*newer Waypost/);
  expect(() => new QueueReader(file)).toThrow(/schema 99.*newer Waypost/);
  expect(() => new QueueCopy(file, `${file}.copy`)).toThrow(/schema 99.*newer Waypost/);
});

test("a message is found by its public id without an index, also after the clock jumped", () => {
  const { store, file } = open();
  const many = [5000, 6000, 7000, 100, 200, 8000].map((at) => arrival(["a"], { at }));
  const rows = store.commit([{ arrivals: many.map(held), settlements: [] }]);
  const reader = new QueueReader(file);
  for (const [at, { id }] of many.entries()) expect(reader.messageById(id)?.row).toBe(rows[at]);
  expect(reader.messageById(messageId(6000, new Uint8Array([9, 9, 9, 9, 9])))).toBeUndefined();
});

test("a second process, or a second lock, is refused; a released one is free", () => {
  const at = folder();
  const lock = lockFolder(at);
  expect(lock).toBeDefined();
  expect(lockFolder(at)).toBeUndefined();
  lock!.release();
  expect(lockFolder(at)).toBeDefined();
});

// A model in twenty lines: where each delivery is. The store must agree after every step.
test("any order of arrivals, claims, ends, retries and restarts: nothing is lost, doubled or early", () => {
  const lane = fc.constantFrom("a", "b", "c");
  const step = fc.oneof(
    fc.record({
      kind: fc.constant("arrive" as const),
      lanes: fc.array(lane, { minLength: 1, maxLength: 3 }),
      due: fc.nat(100),
      isInHand: fc.boolean(),
    }),
    fc.record({
      kind: fc.constant("claim" as const),
      now: fc.nat(100),
      lanes: fc.integer({ min: 1, max: 3 }),
      each: fc.integer({ min: 1, max: 3 }),
    }),
    fc.record({ kind: fc.constant("finish" as const), pick: fc.nat() }),
    fc.record({ kind: fc.constant("park" as const), pick: fc.nat(), lane, due: fc.nat(100) }),
    fc.record({ kind: fc.constant("rest" as const), lane, until: fc.nat(100) }),
    fc.record({ kind: fc.constant("restart" as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const opened = open();
      let { store } = opened;
      const waiting = new Map<number, number>(); // row -> due
      const inHand = new Set<number>();
      const pickOf = (n: number): number | undefined => [...inHand][n % Math.max(1, inHand.size)];
      for (const s of steps) {
        if (s.kind === "arrive") {
          const found = arrival(s.lanes, { due: s.due });
          const [row = 0] = store.commit([{ arrivals: [{ arrival: found, isInHand: s.isInHand }], settlements: [] }]);
          for (const n of s.lanes.keys()) {
            if (s.isInHand) inHand.add(deliveryRow(row, n));
            else waiting.set(deliveryRow(row, n), s.due);
          }
        } else if (s.kind === "claim") {
          for (const { claimed } of store.claimDue(s.now, s.lanes, s.each)) {
            for (const row of rowsOf(claimed)) {
              expect(waiting.get(row)).toBeLessThanOrEqual(s.now);
              waiting.delete(row);
              inHand.add(row);
            }
          }
        } else if (s.kind === "restart") {
          store.close();
          store = new SqliteQueueStore(opened.file, () => undefined);
          expect(store.recover(0, "")).toBe(inHand.size);
          for (const row of inHand) waiting.set(row, 0);
          inHand.clear();
        } else if (s.kind === "rest") store.rest(s.lane, s.until);
        else {
          const row = pickOf(s.pick);
          if (row === undefined) continue;
          inHand.delete(row);
          if (s.kind === "park") waiting.set(row, s.due);
          store.commit([{ arrivals: [], settlements: [s.kind === "park" ? park(row, s.lane, s.due) : finish(row)] }]);
        }
      }
      // In the end everything that waits can be claimed.
      store.close();
      store = new SqliteQueueStore(opened.file, () => undefined);
      store.recover(0, "");
      for (const name of ["a", "b", "c"]) store.rest(name, 0);
      const all = store.claimDue(1000, 10, 1000).flatMap(({ claimed }) => rowsOf(claimed));
      expect(all.toSorted((x, y) => x - y)).toEqual([...waiting.keys(), ...inHand].toSorted((x, y) => x - y));
      store.close();
    }),
    { numRuns: 60 },
  );
});

/** A look for what was received at 2000 or earlier, to its end; answers the rows behind which it went on. */
function placesOf(store: SqliteQueueStore, senders: "all" | "null"): number[] {
  const rows: number[] = [];
  let after = store.wakeOverdue(2000, senders, FROM_THE_OLDEST, 10_000);
  for (; after !== undefined; after = store.wakeOverdue(2000, senders, after, 10_000)) rows.push(after.row);
  return rows;
}

test("a lane in which mail is too old wakes although it is blocked, as often as it takes; one that is paused does not", () => {
  const { store } = open();
  const far = 1e12;
  const old = Array.from({ length: 250 }, () => parked(arrival(["mx/dead.example"], { at: 1000, due: 5000 })));
  const young = parked(arrival(["mx/dead.example"], { at: 9000, due: far }));
  const paused = parked(arrival(["smarthost/paused"], { at: 1000, due: 5000 }));
  store.commit([{ arrivals: [...old, young, paused], settlements: [] }]);
  store.rest("mx/dead.example", far);
  store.pause({ kind: "lane", lane: "smarthost/paused" }, 5000);
  expect(placesOf(store, "all")).toEqual([0, 100, 200, 252]);
  const taken: string[] = [];
  for (let look = 0; look < 4; look++) {
    placesOf(store, "all");
    for (const { lane, count } of store.claimDue(10_000, 50, 100)) {
      taken.push(`${lane} ${count}`);
      store.rest(lane, far); // its site is still blocked
    }
  }
  expect(taken).toEqual(["mx/dead.example 100", "mx/dead.example 100", "mx/dead.example 50"]);
  expect(store.nextWake()).toBe(far);
});

/** As another relay's queue has it. */
function imported(lane: string, receivedAt: number, envelope = '{"from":"a@b.example"}'): ImportedArrival {
  const { id, octets, content, deliveries } = arrival([lane], { at: receivedAt });
  const states = { attempts: 3, isHeld: false, isExpiring: false, isTold: false };
  const { recipient, options, priority, last } = deliveries[0]!;
  return {
    id,
    was: id,
    receivedAt,
    octets,
    envelope,
    content,
    deliveries: [{ lane, recipient, options, priority, last, ...states }],
  };
}

test("what was imported is too old in its time, however much younger mail stands before it; the oldest is the oldest", () => {
  const { store, file } = open();
  const far = 1e12;
  const young = Array.from({ length: 3000 }, () => parked(arrival(["mx/dead.example"], { at: 9000, due: 5000 })));
  store.commit([{ arrivals: young, settlements: [] }]);
  store.import([imported("mx/old.example", 1000), imported("mx/young.example", 8000)], 5000);
  store.import([imported("mx/nobody.example", 1500, '{"from":""}')], 5000);
  const reader = new QueueReader(file);
  onTestFinished(() => reader.close());
  expect(reader.depth().oldest).toBe(1000);
  const lanes = ["mx/dead.example", "mx/old.example", "mx/young.example", "mx/nobody.example"];
  const woken = (senders: "all" | "null"): unknown => {
    for (const lane of lanes) store.rest(lane, far);
    expect(placesOf(store, senders)).toEqual([0]); // one step of what was imported, one of the others
    return store.claimDue(10_000, 50, 100).map(({ lane, count }) => [lane, count]);
  };
  expect(woken("null")).toEqual([["mx/nobody.example", 1]]);
  expect(woken("all")).toEqual([["mx/old.example", 1]]); // the other one is in hand
  store.commit([{ arrivals: [], settlements: [3001, 3003].map((row) => finish(deliveryRow(row, 0))) }]);
  expect(reader.depth().oldest).toBe(8000);
});

test("what was imported long ago is forgotten some at a time, without another import and not by one", () => {
  const { store, file } = open();
  const old = imported("mx/old.example", 1000);
  store.import([old], 5000);
  const other = new DatabaseSync(file);
  onTestFinished(() => other.close());
  other.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${2 * STORE.rowsPerStatementMax})
    INSERT INTO imported (was, id, at) SELECT 'old' || i, 'x', 4000 FROM n`);
  const left = (): unknown => Object.values(other.prepare("SELECT count(*) FROM imported").get()!)[0];
  const now = 5000 + IMPORT.knownFor;
  expect(store.import([{ ...imported("mx/new.example", 1000), was: old.was }], now)).toEqual([false]);
  expect(store.import([{ ...imported("mx/new.example", 1000), was: "old1" }], now)).toEqual([true]);
  expect(left()).toBe(2 * STORE.rowsPerStatementMax + 1);
  const counts = [1, 2, 3, 4].map(() => {
    store.forgetImports(now);
    return left();
  });
  expect(counts).toEqual([STORE.rowsPerStatementMax + 1, 2, 2, 2]); // those of `old` and `old1`, which are known still
  expect(store.import([{ ...imported("mx/new.example", 1000), was: old.was }], now + 1)).toEqual([true]);
});

test("a look for what is too old among what was imported goes on step by step, each of so many messages", () => {
  const { store } = open();
  const old = Array.from({ length: 250 }, (_, n) => imported("mx/old.example", 1000 + (n % 7)));
  store.import(old.toReversed(), 5000);
  const far = 1e12;
  const seen = new Set<string>();
  let steps = 0;
  let after: OverduePlace | undefined = FROM_THE_OLDEST;
  while (after?.receivedAt !== undefined) {
    store.rest("mx/old.example", far);
    after = store.wakeOverdue(2000, "all", after, 10_000);
    expect(store.nextWake()).toBe(10_000);
    if (after?.receivedAt !== undefined) seen.add(`${after.receivedAt} ${after.row}`);
    steps++;
  }
  expect([steps, seen.size]).toEqual([3, 2]);
  expect(after).toEqual({ receivedAt: undefined, row: 0 });
});

test("where only the null sender's mail is too old, only its lanes wake", () => {
  const { store } = open();
  const far = 1e12;
  const options = { at: 1000, due: 5000 };
  const others = Array.from({ length: 250 }, () => parked(arrival(["mx/dead.example"], options)));
  const report = { ...arrival(["smarthost/away"], options), envelope: '{"from":"","identity":"mailer-daemon"}' };
  const young = { ...arrival(["smarthost/other"], { at: 9000, due: 5000 }), envelope: '{"from":""}' };
  store.commit([{ arrivals: [...others, parked(report), parked(young)], settlements: [] }]);
  for (const lane of ["mx/dead.example", "smarthost/away", "smarthost/other"]) store.rest(lane, far);
  expect(placesOf(store, "null")).toEqual([0, 100, 200, 251]);
  expect(store.claimDue(10_000, 50, 100).map(({ lane, count }) => [lane, count])).toEqual([["smarthost/away", 1]]);
});

test("of a claim each priority has its share, and the others what one has no use for", () => {
  const { store } = open();
  const of = (priority: Priority, count: number) =>
    Array.from({ length: count }, () => {
      const found = arrival(["smarthost/a"]);
      return parked({ ...found, deliveries: found.deliveries.map((one) => ({ ...one, priority })) });
    });
  store.commit([{ arrivals: [...of("low", 100), ...of("normal", 100), ...of("high", 80)], settlements: [] }]);
  const shares = (): (readonly number[] | boolean)[] => {
    const { claimed, hasMore } = store.claimLane("smarthost/a", 1, 100);
    const all = claimed.flatMap(({ deliveries }) => deliveries);
    return [PRIORITIES.map((one) => all.filter(({ priority }) => priority === one).length), hasMore];
  };
  expect([shares(), shares(), shares(), shares()]).toEqual([
    [[70, 20, 10], true],
    [[10, 80, 10], true],
    [[0, 0, 80], false],
    [[0, 0, 0], false],
  ]);
});

test("what was made of a file of the spool is committed once, also after a crash, until the file is gone", () => {
  const at = folder();
  const name = "0".repeat(41);
  const spooled = (of: string): Arrival => ({ ...arrival(["a"]), spooled: of });
  const { store } = open(at);
  const [first, other, again] = store.commit([
    { arrivals: [parked(spooled(name)), parked(arrival(["a"])), parked(spooled(name))], settlements: [] },
  ]);
  expect(first).toBeGreaterThan(0);
  expect(other).toBeGreaterThan(0);
  expect(again).toBe(KNOWN);
  store.close();
  const { store: next } = open(at);
  const commit = (of: string): number => next.commit([{ arrivals: [parked(spooled(of))], settlements: [] }])[0]!;
  expect(commit(name)).toBe(KNOWN);
  expect(commit(`${name}/0`)).toBeGreaterThan(0); // the report about it
  const there = (names: readonly string[]): void =>
    void next.commit([{ arrivals: [], settlements: [{ kind: "spool", names, entry: "" }] }]);
  there([name]);
  expect([commit(name), commit(`${name}/0`)]).toEqual([KNOWN, KNOWN]);
  there([]);
  expect(commit(name)).toBeGreaterThan(0);
  next.close();
});

test("a file that was committed for others of its recipients is neither new nor the same; forgotten, it is new; others stay known", () => {
  const { store } = open(folder());
  const [one, two] = ["1", "2"].map((digit) => `0mabcdefg${digit.repeat(32)}`);
  const commit = (of: string): number =>
    store.commit([{ arrivals: [parked({ ...arrival(["a"]), spooled: of })], settlements: [] }])[0]!;
  expect(commit(`${one}/0`)).toBeGreaterThan(0); // a report about it is no message of it
  expect(commit(`${one}/!1.3`)).toBeGreaterThan(0);
  expect(commit(two!)).toBeGreaterThan(0);
  const known = [`${one}/!1.3`, one!, `${one}/!1`, `${one}/0`, two!, `${two}/!0`].map(commit);
  expect(known).toEqual([KNOWN, KNOWN_OTHERWISE, KNOWN_OTHERWISE, KNOWN, KNOWN, KNOWN_OTHERWISE]);
  expect([one!, two!, "3".repeat(41)].map((name) => store.markOf(name))).toEqual([`${one}/!1.3`, two, undefined]);
  store.commit([{ arrivals: [], settlements: [{ kind: "forget", names: [one!], entry: "" }] }]);
  expect(store.markOf(one!)).toBeUndefined();
  expect(commit(two!)).toBe(KNOWN);
  expect(commit(one!)).toBeGreaterThan(0);
  expect(commit(`${one}/0`)).toBeGreaterThan(0);
});
