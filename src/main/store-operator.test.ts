import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { HistoryReader } from "../adapters/history-sqlite/history-reader.ts";
import { QueueReader } from "../adapters/store-sqlite/queue-reader.ts";
import { SqliteQueueStore } from "../adapters/store-sqlite/queue-store.ts";
import { StoreOperator } from "./store-operator.ts";

const FACTS = { version: "1.2.3", startedAt: 0, config: { hostname: "relay.test", data: os.tmpdir(), listeners: [] } };

test("status begins with the lanes that are in trouble, and counts those that it leaves out", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-operator-"));
  const file = path.join(folder, "queue.db");
  const store = new SqliteQueueStore(file, () => undefined);
  const database = new DatabaseSync(file);
  const insert = database.prepare("INSERT INTO lane (name, wake_at, blocked_until, backlog) VALUES (?, 0, ?, ?)");
  const soon = Date.now() + 60_000;
  for (let n = 1; n <= 25; n++) insert.run(`smarthost/${n}`, n === 3 ? soon : 0, n);
  database.close();
  const reader = new QueueReader(file);
  const history = new HistoryReader(path.join(folder, "history"));
  const { lanes, lanesLeftOut } = new StoreOperator(FACTS, reader, history).status();
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
