import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { HistoryReader } from "../adapters/history-sqlite/history-reader.ts";
import { OutboxReader } from "../adapters/store-sqlite/outbox-reader.ts";
import { QueueReader } from "../adapters/store-sqlite/queue-reader.ts";
import { SqliteQueueStore } from "../adapters/store-sqlite/queue-store.ts";
import { messageId } from "../core/mail/message-id.ts";
import { lastWord } from "../core/queue/reason.ts";
import type { HistoryEntry } from "../ports/history.ts";
import { deliveryRow } from "../ports/store.ts";
import { StoppedQueue } from "./stopped-queue.ts";
import { StoreOperator } from "./store-operator.ts";

const FACTS = () => ({
  version: "1.2.3",
  startedAt: 0,
  isStopping: false,
  config: { hostname: "relay.test", listeners: [] },
});
const space = (): { freeOctets: number; neededOctets: number } => ({ freeOctets: 2, neededOctets: 1 });
const NOW = 1_000_000;
const clock = { now: () => NOW };

test("status begins with the lanes that are in trouble, and counts those that it leaves out", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-operator-"));
  const file = path.join(folder, "queue.db");
  const store = new SqliteQueueStore(file, () => undefined);
  const database = new DatabaseSync(file);
  const insert = database.prepare("INSERT INTO lane (name, wake_at, blocked_until, backlog) VALUES (?, 0, ?, ?)");
  const soon = NOW + 60_000;
  for (let n = 1; n <= 25; n++) insert.run(`smarthost/${n}`, n === 3 ? soon : 0, n);
  database.close();
  const reader = new QueueReader(file);
  const history = new HistoryReader(path.join(folder, "history"));
  const { lanes, lanesLeftOut } = new StoreOperator({
    facts: FACTS,
    queue: reader,
    history,
    clock,
    space,
  }).status();
  expect(lanes.slice(0, 3)).toMatchObject([
    { lane: "smarthost/3", blockedUntil: soon },
    { lane: "smarthost/25", waiting: 25, blockedUntil: undefined },
    { lane: "smarthost/24" },
  ]);
  expect([lanes.length, lanesLeftOut]).toEqual([20, 5]);
  reader.close();
  store.close();
  fs.rmSync(folder, { recursive: true });
});

const ID = messageId(1_000_000, new Uint8Array([0, 0, 0, 0, 1]));

test("a recipient without a transcript says whose attempt it shared, and none where it shared none", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-operator-"));
  const file = path.join(folder, "queue.db");
  const store = new SqliteQueueStore(file, () => undefined);
  const reader = new QueueReader(file);
  const rest = {
    id: ID,
    attempts: 1,
    reply: "",
    note: "",
    from: "",
    identity: "",
    subject: "",
    octets: 1,
    receivedAt: 0,
    arrival: "",
  };
  const entry = (row: number, at: number, host: string, transcript: string): HistoryEntry => ({
    ...rest,
    row,
    at,
    host,
    transcript,
    outcome: "deferred",
    recipient: `r${row}`,
    lane: "smarthost/a",
  });
  const entries = [
    entry(1, 1000, "192.0.2.1:25", "+0 first"),
    entry(2, 1001, "192.0.2.1:25", ""),
    entry(3, 1002, "192.0.2.1:25", "+0 another transaction"),
    entry(4, 1003, "192.0.2.1:25", ""),
    entry(5, 1003, "192.0.2.2:25", ""),
    entry(6, 9000, "192.0.2.1:25", ""),
    entry(7, 1003, "", ""),
    entry(8, 20_000, "192.0.2.1:25", ""), // what was due first goes first
    entry(9, 20_000, "192.0.2.1:25", "+0 once more"),
  ];
  const operator = new StoreOperator({ facts: FACTS, queue: reader, history: { find: () => entries }, clock, space });
  const told = operator
    .show(ID)
    ?.history.flatMap(({ recipient, transcriptOf: of }) => (of === undefined ? [] : [[recipient, of]]));
  expect(told).toEqual([
    ["r2", "r1"],
    ["r4", "r3"],
    ["r8", "r9"],
  ]);
  reader.close();
  store.close();
  fs.rmSync(folder, { recursive: true });
});

test("how a message came is told while it waits, and from history once it is gone", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-operator-"));
  const file = path.join(folder, "queue.db");
  const store = new SqliteQueueStore(file, () => undefined);
  const session = { listener: "plain", hello: "app.test", protocol: "ESMTP", tls: "", senderRule: "" };
  const envelope = { from: "a@b.test", identity: "network ::1/128", client: "::1", prefix: "", subject: "s", session };
  const delivery = {
    lane: "smarthost/a",
    recipient: "r@b.test",
    options: "",
    priority: "normal" as const,
    due: 0,
    last: "",
  };
  const arrival = { id: ID, receivedAt: 0, octets: 0, envelope: JSON.stringify(envelope), content: new Uint8Array(0) };
  const [row = 0] = store.commit([
    { arrivals: [{ arrival: { ...arrival, deliveries: [delivery] }, isInHand: false }], settlements: [] },
  ]);
  const reader = new QueueReader(file);
  const entries: HistoryEntry[] = [];
  const operator = new StoreOperator({ facts: FACTS, queue: reader, history: { find: () => entries }, clock, space });
  expect(operator.show(ID)).toMatchObject({ client: "::1", session });
  store.act("cancel", [deliveryRow(row, 0)], NOW);
  expect(operator.show(ID)).toBeUndefined();
  const kept = new OutboxReader(file).read(0, 1).flatMap((each) => JSON.parse(each.entries) as HistoryEntry[]);
  entries.push({ ...kept[0]!, arrival: "" }, ...kept); // as an older version wrote it, too
  expect(operator.show(ID)).toMatchObject({ client: "::1", session, deliveries: [{ state: "cancelled" }, {}] });
  entries.pop();
  expect(operator.show(ID)).toMatchObject({ client: "" });
  reader.close();
  store.close();
  fs.rmSync(folder, { recursive: true });
});

test("what waits in a paused lane says so, and what is held does not", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-operator-"));
  const file = path.join(folder, "queue.db");
  const store = new SqliteQueueStore(file, () => undefined);
  const lanes = ["smarthost/a", "smarthost/b", "smarthost/a"];
  const deliveries = lanes.map((lane, n) => ({
    lane,
    recipient: `r${n}@b.test`,
    options: "",
    priority: "normal" as const,
    due: 0,
    last: "",
  }));
  const arrival = { id: ID, receivedAt: 0, octets: 0, envelope: '{"from":""}', content: new Uint8Array(0), deliveries };
  const [message = 0] = store.commit([{ arrivals: [{ arrival, isInHand: false }], settlements: [] }]);
  store.act("hold", [deliveryRow(message, 2)], 1);
  const reader = new QueueReader(file);
  const history = new HistoryReader(path.join(folder, "history"));
  const operator = new StoreOperator({ facts: FACTS, queue: reader, history, clock, space });
  const paused = (): unknown => {
    const page = operator.list({ limit: 9, after: undefined, filter: {} });
    return "refused" in page ? page : page.deliveries.map(({ isPaused }) => isPaused === true);
  };
  expect(paused()).toEqual([false, false, false]);
  store.pause({ kind: "lane", lane: "smarthost/a" }, 1);
  expect(paused()).toEqual([true, false, false]);
  store.pause({ kind: "outbound" }, 1);
  expect(paused()).toEqual([true, true, false]);
  reader.close();
  store.close();
  fs.rmSync(folder, { recursive: true });
});

test("recipients whose delivery has ended stand beside those that still wait", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-operator-"));
  const file = path.join(folder, "queue.db");
  const store = new SqliteQueueStore(file, () => undefined);
  const envelope = { from: "a@b.test", identity: "network ::1/128", client: "::1", prefix: "", subject: "s" };
  const delivery = (recipient: string) => ({
    lane: "smarthost/a",
    recipient,
    options: "",
    priority: "normal" as const,
    due: 0,
    last: "",
  });
  const deliveries = [delivery("one@b.test"), delivery("two@b.test"), delivery("three@b.test")];
  const arrival = { id: ID, receivedAt: 0, octets: 0, envelope: JSON.stringify(envelope), content: new Uint8Array(0) };
  const [row = 0] = store.commit([
    { arrivals: [{ arrival: { ...arrival, deliveries }, isInHand: false }], settlements: [] },
  ]);
  store.act("cancel", [deliveryRow(row, 1)], NOW);
  const reader = new QueueReader(file);
  const entries = new OutboxReader(file).read(0, 9).flatMap((each) => JSON.parse(each.entries) as HistoryEntry[]);
  const operator = new StoreOperator({ facts: FACTS, queue: reader, history: { find: () => entries }, clock, space });
  expect(operator.show(ID)?.deliveries.map(({ recipient, state }) => [recipient, state])).toEqual([
    ["one@b.test", "waiting"],
    ["three@b.test", "waiting"],
    ["two@b.test", "cancelled"],
  ]);
  reader.close();
  store.close();
  fs.rmSync(folder, { recursive: true });
});

test("of a relay that does not run nothing is in hand: it waits for the start, in lists, counts and single messages", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-operator-"));
  const file = path.join(folder, "queue.db");
  const store = new SqliteQueueStore(file, () => undefined);
  const delivery = (recipient: string) => ({
    lane: "smarthost/a",
    recipient,
    options: "",
    priority: "normal" as const,
    due: 0,
    last: "",
  });
  const deliveries = [delivery("one@b.test"), delivery("two@b.test")];
  const arrival = { id: ID, receivedAt: 0, octets: 0, envelope: '{"from":""}', content: new Uint8Array(0), deliveries };
  store.commit([{ arrivals: [{ arrival, isInHand: true }], settlements: [] }]);
  const reader = new QueueReader(file);
  const history = new HistoryReader(path.join(folder, "history"));
  const rest = { facts: FACTS, history, clock, space };
  const running = new StoreOperator({ ...rest, queue: reader });
  const stopped = new StoreOperator({ ...rest, queue: new StoppedQueue(reader, NOW) });
  const states = (operator: StoreOperator, state?: string): unknown => {
    const page = operator.list({ limit: 9, after: undefined, filter: state === undefined ? {} : { state } });
    return "refused" in page ? page : page.deliveries.map((found) => found.state);
  };
  expect([states(running), states(running, "in-hand"), states(running, "waiting")]).toEqual([
    ["in hand", "in hand"],
    ["in hand", "in hand"],
    [],
  ]);
  expect([states(stopped), states(stopped, "in-hand"), states(stopped, "waiting")]).toEqual([
    ["waiting", "waiting"],
    [],
    ["waiting", "waiting"],
  ]);
  const query = { action: undefined, after: undefined, counted: undefined };
  expect(stopped.count({ filter: { state: "waiting" }, ...query })).toMatchObject({ deliveries: 2 });
  expect(stopped.show(ID)?.deliveries[0]).toMatchObject({
    state: "waiting",
    at: NOW,
    reason: expect.stringContaining("in hand when the relay stopped"),
  });
  expect([running.status(), stopped.status()]).toMatchObject([
    { waiting: 0, inHand: 2 },
    { waiting: 2, inHand: 0 },
  ]);
  // As the start will have it.
  store.recover(NOW, lastWord("recovered", "", NOW));
  expect(running.show(ID)).toEqual(stopped.show(ID));
  reader.close();
  store.close();
  fs.rmSync(folder, { recursive: true });
});
