import * as fc from "fast-check";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { day } from "../../core/base/time.ts";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { messageId } from "../../core/mail/message-id.ts";
import {
  type Effect,
  QUEUE_ACTIONS,
  type QueueAction,
  type Standing,
  type Wish,
  effectOf,
  effectOfWish,
} from "../../core/queue/action.ts";
import type { LastWord, Reason } from "../../core/queue/reason.ts";
import type { HistoryEntry } from "../../ports/history.ts";
import { type ClaimedDelivery, type Settlement, deliveryRow, messageRow } from "../../ports/store.ts";
import { STANDINGS, migrate, schemaVersion } from "./schema.ts";
import { QueueReader } from "./queue-reader.ts";
import { SqliteQueueStore } from "./queue-store.ts";

const NOW = 10_000;

let folder: string;
let file: string;
let store: SqliteQueueStore;
let removed: string[];
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-actions-"));
  file = path.join(folder, "queue.db");
  removed = [];
  store = new SqliteQueueStore(file, (id) => removed.push(id));
});
afterEach(() => {
  store.close();
  fs.rmSync(folder, { recursive: true });
});

let made = 0;
/** Rows of a new message's deliveries, one for each lane. */
function arrive(lanes: readonly string[], options: { due?: number; isInHand?: boolean; isFile?: boolean } = {}) {
  made++;
  const arrival = {
    id: messageId(1000 + made, new Uint8Array([0, 0, 0, made, 1])),
    receivedAt: 1000,
    octets: 3,
    envelope: '{"from":"a@b.example","identity":"user a","client":"::1","subject":"s"}',
    content: options.isFile === true ? undefined : new Uint8Array(3),
    deliveries: lanes.map((lane, n) => ({
      lane,
      recipient: `r${n}@c.example`,
      options: "",
      priority: "normal" as const,
      due: options.due ?? 0,
      last: "",
    })),
  };
  const [row = 0] = store.commit([{ arrivals: [{ arrival, isInHand: options.isInHand === true }], settlements: [] }]);
  return lanes.map((_, n) => deliveryRow(row, n));
}

const park = (row: number, lane: string, due: number, isTold = false): Settlement => ({
  kind: "park",
  row,
  lane,
  due,
  attempts: 1,
  last: JSON.stringify({ because: "next-hop-refused", text: "450 not now", at: 5000 }),
  entry: "",
  isTold,
});
const settle = (...settlements: Settlement[]): unknown => store.commit([{ arrivals: [], settlements }]);
const claim = (now = NOW): ClaimedDelivery[] =>
  store.claimDue(now, 10, 10).flatMap(({ claimed }) => claimed.flatMap(({ deliveries }) => deliveries));

function look<Row>(sql: string): Row[] {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return database.prepare(sql).all() as Row[];
  } finally {
    database.close();
  }
}
const stateOf = (row: number): { state: number; due: number; reason: Reason | undefined; text: string | undefined } => {
  const [found] = look<{ state: number; due: number; last: string }>(
    `SELECT state, due, last FROM delivery WHERE row = ${row}`,
  );
  const word = found!.last === "" ? undefined : (JSON.parse(found!.last) as LastWord);
  return { state: found!.state, due: found!.due, reason: word?.because, text: word?.text };
};
const backlog = (lane: string): number | undefined =>
  look<{ backlog: number }>(`SELECT backlog FROM lane WHERE name = '${lane}'`)[0]?.backlog;
const history = (): HistoryEntry[] => store.read(100).flatMap(({ entries }) => JSON.parse(entries) as HistoryEntry[]);
const deliveries = (): number => look<{ n: number }>("SELECT count(*) AS n FROM delivery")[0]!.n;

test("hold: what is parked waits for an operator, is claimed by nobody and counted by no lane", () => {
  const [held = 0, other = 0] = arrive(["a", "b"]);
  expect(store.act("hold", [held], NOW)).toEqual({ changed: 1, inHand: 0, lanes: [] });
  expect(stateOf(held)).toMatchObject({ state: 2, reason: "held" });
  expect([backlog("a"), backlog("b")]).toEqual([undefined, 1]);
  expect(store.act("hold", [held], NOW)).toEqual({ changed: 0, inHand: 0, lanes: [] });
  expect(claim(1e12).map(({ row }) => row)).toEqual([other]);
});

test("hold: what is in hand is held where it would be parked, and finished where it ends", () => {
  const rows = arrive(["a", "a"], { isInHand: true });
  expect(store.act("hold", rows, NOW)).toEqual({ changed: 0, inHand: 2, lanes: [] });
  settle(park(rows[0]!, "a", 50), { kind: "finish", row: rows[1]!, entry: "{}" });
  expect(stateOf(rows[0]!)).toEqual({ state: 2, due: 5000, reason: "held", text: "450 not now" });
  expect([deliveries(), backlog("a")]).toEqual([1, undefined]);
});

test("release: what is held is due now; what is in hand is not held any more", () => {
  const [held = 0, untouched = 0] = arrive(["a", "a"], { due: 1e9 });
  const [inHand = 0] = arrive(["a"], { isInHand: true });
  store.act("hold", [held, inHand], NOW);
  expect(store.act("release", [held, untouched, inHand], NOW)).toEqual({ changed: 1, inHand: 1, lanes: ["a"] });
  expect(stateOf(held)).toMatchObject({ state: 0, due: NOW, reason: "released" });
  expect(backlog("a")).toBe(2);
  settle(park(inHand, "a", 2e9));
  expect(stateOf(inHand)).toMatchObject({ state: 0, due: 2e9, reason: "next-hop-refused" });
  expect(claim().map(({ row }) => row)).toEqual([held]);
});

test("retry: what is parked is due now, in a blocked lane once that is unblocked; what is held stays so", () => {
  const [row = 0, held = 0] = arrive(["a", "a"], { due: 1e9 });
  const [inHand = 0] = arrive(["a"], { isInHand: true });
  store.rest("a", NOW + 60_000);
  store.act("hold", [held], NOW);
  expect(store.act("retry", [row, held, inHand], NOW)).toEqual({ changed: 1, inHand: 1, lanes: ["a"] });
  expect(stateOf(row)).toMatchObject({ state: 0, due: NOW, reason: "retried" });
  expect([backlog("a"), store.nextWake()]).toEqual([1, NOW + 60_000]);
  expect([store.unblock("a", NOW), store.unblock("a", NOW)]).toEqual([true, false]);
  expect(claim()).toMatchObject([{ row, wish: "none" }]);
});

test("expire: what is due by it waits for its lane's block as all else does", () => {
  const now = 10 * day; // a block is short beside it: due since ever is no clock that was set back
  const [row = 0] = arrive(["a"], { due: 11 * day });
  store.rest("a", now + 60_000);
  expect(store.act("expire", [row], now)).toMatchObject({ changed: 1, lanes: ["a"] });
  expect(look("SELECT blocked_until, wake_at FROM lane")).toEqual([
    { blocked_until: now + 60_000, wake_at: now + 60_000 },
  ]);
});

test("cancel: parked or held it is gone, on record, with its message and the message's file", () => {
  const [parked = 0, held = 0] = arrive(["a", "b"], { isFile: true });
  store.act("hold", [held], NOW);
  expect(store.act("cancel", [parked], NOW)).toEqual({ changed: 1, inHand: 0, lanes: [] });
  expect(removed).toEqual([]);
  expect(store.act("cancel", [held, parked], NOW)).toEqual({ changed: 1, inHand: 0, lanes: [] });
  expect(removed).toHaveLength(1);
  expect(store.files().size).toBe(0);
  expect(look("SELECT 1 FROM message UNION SELECT 1 FROM lane")).toEqual([]);
  expect(history()).toMatchObject([
    { row: parked, outcome: "cancelled", at: NOW, lane: "a", recipient: "r0@c.example", from: "a@b.example" },
    { row: held, outcome: "cancelled", lane: "b", identity: "user a", subject: "s", octets: 3, receivedAt: 1000 },
  ]);
  // With the first recipient alone: a million may be cancelled at once.
  const arrivals = history().map((entry) => (entry as { readonly arrival: string }).arrival);
  expect(arrivals).toEqual(['{"client":"::1"}', ""]);
});

test("cancel: what is in hand ends where it would be parked, in the same transaction as its neighbours", () => {
  const rows = arrive(["a", "a"], { isInHand: true, isFile: true });
  expect(store.act("cancel", [rows[0]!], NOW)).toEqual({ changed: 0, inHand: 1, lanes: [] });
  settle({ kind: "finish", row: rows[1]!, entry: '{"x":1}' }, park(rows[0]!, "a", 50));
  expect(deliveries()).toBe(0);
  expect(removed).toHaveLength(1);
  expect(history()).toMatchObject([{ x: 1 }, { outcome: "cancelled", at: 5000, attempts: 1 }]);
  expect(backlog("a")).toBeUndefined();
});

test.each(["expire", "reroute"] as const)("%s: parked or held it is handed out first, with the wish", (wish) => {
  const [parked = 0, held = 0, other = 0] = arrive(["a", "a", "a"], { due: 1e9 });
  store.act("hold", [held], NOW);
  store.act("retry", [other], NOW);
  expect(store.act(wish, [parked, held], NOW)).toEqual({ changed: 2, inHand: 0, lanes: ["a"] });
  expect(stateOf(held)).toMatchObject({ state: 0, due: 0 });
  const claimed = claim();
  expect(claimed.map(({ row, wish: found }) => [row, found])).toEqual([
    [parked, wish],
    [held, wish],
    [other, "none"],
  ]);
  settle(park(parked, "b", 50), park(other, "b", 60)); // which fulfils it
  expect(claim()).toMatchObject([
    { row: parked, wish: "none" },
    { row: other, wish: "none" },
  ]);
  store.recover(NOW, "");
  const again = claim(); // and a crash does not
  expect(again.find(({ row }) => row === held)).toMatchObject({ wish });
  expect(again.find(({ row }) => row === parked)).toMatchObject({ wish: "none" });
});

test("the last that was asked for counts", () => {
  const [first = 0, second = 0] = arrive(["a", "a"], { due: 1e9 });
  store.act("expire", [first, second], NOW);
  store.act("retry", [first], NOW);
  store.act("hold", [second], NOW);
  store.act("release", [second], NOW);
  expect(claim().map(({ wish }) => wish)).toEqual(["none", "none"]);
  store.act("cancel", [first], NOW);
  store.act("hold", [first], NOW); // while it is in hand, each time
  settle(park(first, "a", 50));
  expect(stateOf(first)).toMatchObject({ state: 2 });
});

test("what an operator asked of deliveries in hand is done after a crash", () => {
  const rows = arrive(["a", "a", "a"], { isInHand: true });
  for (const [at, action] of (["hold", "cancel", "expire"] as const).entries()) store.act(action, [rows[at]!], NOW);
  store.close();
  store = new SqliteQueueStore(file, (id) => removed.push(id));
  expect(store.recover(NOW, "")).toBe(3);
  expect(stateOf(rows[0]!)).toMatchObject({ state: 2, reason: "held" });
  expect(history()).toMatchObject([{ row: rows[1], outcome: "cancelled" }]);
  expect(backlog("a")).toBe(1);
  expect(claim()).toMatchObject([{ row: rows[2], wish: "expire" }]);
});

test("whether the sender heard of the delay is kept with the delivery", () => {
  const [row = 0] = arrive(["a"]);
  expect(claim()).toMatchObject([{ isTold: false }]);
  settle(park(row, "a", 50, true));
  expect(claim()).toMatchObject([{ isTold: true }]);
  store.act("hold", [row], NOW);
  settle(park(row, "a", 50, true));
  store.act("release", [row], NOW);
  expect(claim()).toMatchObject([{ isTold: true }]);
});

test("a paused lane does not wake, whatever happens to it, also after a start; others do", () => {
  const lane = { kind: "lane", lane: "a" } as const;
  const [first = 0] = arrive(["a", "b"]);
  expect([store.pause(lane, NOW), store.pause(lane, NOW + 1)]).toEqual([true, false]);
  arrive(["a"]);
  store.rest("a", 20);
  store.act("retry", [first], NOW);
  store.unblock("a", NOW);
  expect(claim().map((delivery) => delivery.lane)).toEqual(["b"]);
  expect(store.claimLane("a", NOW, 1).count).toBe(1); // it was under way when the lane was paused
  store.close();
  store = new SqliteQueueStore(file, () => undefined);
  store.recover(NOW, "");
  expect(store.pauses()).toEqual([{ target: lane, since: NOW }]);
  expect(claim().map((delivery) => delivery.lane)).toEqual(["b"]);
  expect([store.pause(lane, undefined), store.pause(lane, undefined)]).toEqual([true, false]);
  expect(claim().map((delivery) => delivery.lane)).toEqual(["a", "a"]);
  store.pause({ kind: "inbound" }, NOW);
  store.pause({ kind: "outbound" }, NOW);
  expect(store.pauses().map(({ target }) => target.kind)).toEqual(["inbound", "outbound"]);
});

test("a lane that is paused while it is empty takes what comes, and rests when it is resumed empty", () => {
  const lane = { kind: "lane", lane: "a" } as const;
  store.pause(lane, NOW);
  const [row = 0] = arrive(["a"]);
  expect([claim(), store.nextWake()]).toEqual([[], undefined]);
  store.act("cancel", [row], NOW);
  store.pause(lane, undefined);
  expect(backlog("a")).toBeUndefined();
});

// A model: where each delivery is, and what an operator wants of it. The store must agree after every step.
test("any order of arrivals, claims, ends, parks, actions and restarts: the store is where the model is", () => {
  const lane = fc.constantFrom("a", "b");
  const step = fc.oneof(
    fc.record({ kind: fc.constant("arrive" as const), lane, isInHand: fc.boolean() }),
    fc.record({ kind: fc.constant("claim" as const) }),
    fc.record({ kind: fc.constant("finish" as const), pick: fc.nat() }),
    fc.record({ kind: fc.constant("park" as const), pick: fc.nat(), lane, due: fc.nat(100) }),
    fc.record({ kind: fc.constant("act" as const), pick: fc.nat(), action: fc.constantFrom(...QUEUE_ACTIONS) }),
    fc.record({ kind: fc.constant("restart" as const) }),
  );
  interface Modelled {
    standing: Standing;
    lane: string;
    wish: Wish;
    /** The wish went out with the claim, and is fulfilled where the delivery is parked. */
    isOut: boolean;
  }
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: "max" }), (steps) => {
      store.close();
      fs.rmSync(file);
      store = new SqliteQueueStore(file, () => undefined);
      const model = new Map<number, Modelled>();
      const rows = (...standings: Standing[]): number[] =>
        [...model].filter(([, { standing }]) => standings.includes(standing)).map(([row]) => row);
      const pick = (from: readonly number[], n: number): number | undefined => from[n % Math.max(1, from.length)];
      const act = (row: number, action: QueueAction): void => {
        const { standing, wish } = model.get(row)!;
        apply(row, effectOf(action, standing, wish));
      };
      const apply = (row: number, effect: Effect): void => {
        const found = model.get(row)!;
        if (effect.kind === "end") model.delete(row);
        else if (effect.kind === "hold") Object.assign(found, { standing: "held", wish: effect.wish });
        else if (effect.kind === "wake") Object.assign(found, { standing: "parked", wish: effect.wish });
        else if (effect.kind === "note") Object.assign(found, { wish: effect.wish, isOut: false });
      };
      const comeBack = (row: number, isFulfilled: boolean): void => {
        const found = model.get(row)!;
        const { wish, isOut } = found;
        Object.assign(found, { standing: "parked", wish: "none", isOut: false });
        if (wish !== "none" && !(isOut && isFulfilled)) apply(row, effectOfWish(wish));
      };
      for (const s of steps) {
        if (s.kind === "arrive") {
          const [row = 0] = arrive([s.lane], s);
          model.set(row, { standing: s.isInHand ? "in-hand" : "parked", lane: s.lane, wish: "none", isOut: false });
        } else if (s.kind === "claim") {
          for (const { row, wish } of claim(1e12)) {
            expect(model.get(row)).toMatchObject({ standing: "parked", wish });
            Object.assign(model.get(row)!, { standing: "in-hand", isOut: true });
          }
          for (const name of ["a", "b"]) store.rest(name, 0);
        } else if (s.kind === "restart") {
          store.close();
          store = new SqliteQueueStore(file, () => undefined);
          store.recover(0, "");
          for (const row of rows("in-hand")) comeBack(row, false);
        } else if (s.kind === "act") {
          const row = pick(rows("parked", "in-hand", "held"), s.pick);
          if (row === undefined) continue;
          store.act(s.action, [row], NOW);
          act(row, s.action);
        } else {
          const row = pick(rows("in-hand"), s.pick);
          if (row === undefined) continue;
          settle(s.kind === "park" ? park(row, s.lane, s.due) : { kind: "finish", row, entry: "" });
          if (s.kind === "finish") model.delete(row);
          else {
            model.get(row)!.lane = s.lane;
            comeBack(row, true);
          }
        }
      }
      const wanted = [...model].map(([row, { standing, lane: name }]) => [row, standing, name]);
      const stored = look<{ row: number; state: number; lane: string }>("SELECT row, state, lane FROM delivery");
      expect(stored.map(({ row, state, lane: name }) => [row, STANDINGS[state], name])).toEqual(
        wanted.toSorted(([one], [other]) => Number(one) - Number(other)),
      );
      for (const name of ["a", "b"])
        expect(backlog(name) ?? 0).toBe(rows("parked").filter((row) => model.get(row)!.lane === name).length);
      const messages = look<{ row: number }>("SELECT row FROM message").map(({ row }) => row);
      expect(messages).toEqual(stored.map(({ row }) => messageRow(row)));
    }),
    { numRuns: 60 },
  );
});

test("a store of schema 1 keeps its mail, none of it held and nobody told", () => {
  store.close();
  fs.rmSync(file);
  const database = new DatabaseSync(file);
  migrate(database, 1);
  expect(schemaVersion(database)).toBe(1);
  database.exec(`
    INSERT INTO message (row, id, received_at, octets, envelope) VALUES (1, '00000000000001', 5, 3, '{}');
    INSERT INTO delivery VALUES (4096, 0, 'a', 7, 2, 'r@c.example', '', ''), (4097, 1, 'a', 7, 2, 's@c.example', '', '');
    INSERT INTO lane VALUES ('a', 7, 0, 1);`);
  database.close();
  store = new SqliteQueueStore(file, () => undefined);
  expect(store.recover(NOW, "")).toBe(1);
  expect(claim()).toMatchObject([
    { row: 4096, attempts: 2, isTold: false, wish: "none" },
    { row: 4097, attempts: 2, isTold: false, wish: "none" },
  ]);
  expect(store.pauses()).toEqual([]);
});

/** Rows of an imported message's deliveries, the second of which is held. */
function arriveFromElsewhere(): [parked: number, held: number] {
  const delivery = { lane: "elsewhere", options: "", attempts: 2, last: "", isExpiring: false, isTold: false } as const;
  const deliveries = [false, true].map((isHeld, n) => ({
    ...delivery,
    recipient: `r${n}@c.example`,
    priority: "normal" as const,
    isHeld,
  }));
  const id = messageId(1000, new Uint8Array([0, 0, 0, 0, 9]));
  const was = messageId(900, new Uint8Array([0, 0, 0, 0, 9]));
  const arrival = {
    id,
    was,
    receivedAt: 900,
    octets: 3,
    envelope: '{"from":"a@b.example"}',
    content: new Uint8Array(3),
  };
  expect(store.import([{ ...arrival, deliveries }], NOW)).toEqual([true]);
  const rows = look<{ row: number }>("SELECT row FROM delivery ORDER BY row").map(({ row }) => row);
  return [rows[0]!, rows[1]!];
}

test("what was imported has its routes looked up whatever an operator does before, and is told apart until then", () => {
  const [parked, held] = arriveFromElsewhere();
  const reader = new QueueReader(file);
  const unrouted = (): number[] => reader.deliveries(0, 9).flatMap(({ row, isUnrouted }) => (isUnrouted ? [row] : []));
  expect(unrouted()).toEqual([parked, held]);
  store.act("retry", [parked], NOW);
  store.act("hold", [parked], NOW);
  store.act("release", [parked, held], NOW);
  expect(unrouted()).toEqual([parked, held]);
  expect(claim().map(({ row, wish }) => [row, wish])).toEqual([
    [parked, "route"],
    [held, "route"],
  ]);
  expect(unrouted()).toEqual([]); // a mail thread does it
  store.close(); // and is killed
  store = new SqliteQueueStore(file, () => undefined);
  store.recover(NOW, "");
  expect(unrouted()).toEqual([parked, held]);
  expect(claim().map(({ wish }) => wish)).toEqual(["route", "route"]);
  // No route takes the one, and the other is held meanwhile.
  expect(store.act("hold", [held], NOW)).toMatchObject({ inHand: 1 });
  settle(...[parked, held].map((row) => ({ ...park(row, "mx/b.test", NOW), isUnrouted: true })));
  expect(stateOf(held).state).toBe(2);
  store.act("release", [held], NOW);
  expect(claim().map(({ wish }) => wish)).toEqual(["route", "route"]);
  settle(...[parked, held].map((row) => park(row, "mx/b.test", NOW)));
  expect(claim().map(({ wish }) => wish)).toEqual(["none", "none"]); // routes chose a lane
  settle(park(parked, "here", 0), park(held, "here", 0));
  expect(unrouted()).toEqual([]);
  expect(claim(20_000).map(({ row, wish }) => [row, wish])).toEqual([
    [parked, "none"],
    [held, "none"],
  ]);
  reader.close();
});
