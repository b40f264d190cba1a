import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { contentFile } from "../adapters/content-files/content-files.ts";
import { SqliteQueueStore } from "../adapters/store-sqlite/queue-store.ts";
import { StoreLostError, checkStore, tellsOfLog } from "./lost-store.ts";
import { dataPaths } from "./plan.ts";

let paths: ReturnType<typeof dataPaths>;
let log: string;
beforeEach(() => {
  paths = dataPaths(fs.mkdtempSync(path.join(os.tmpdir(), "waypost-lost-")));
  log = `${paths.queue}-wal`;
});
afterEach(() => {
  fs.rmSync(path.dirname(paths.queue), { recursive: true });
});

function addContent(id: string): void {
  const file = contentFile(paths.content, id);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, "content");
}

function makeStore(): void {
  new SqliteQueueStore(paths.queue, () => undefined).close();
}

test.each([
  ["is missing", () => undefined, /queue\.db is missing, /],
  ["is empty", () => fs.writeFileSync(paths.queue, ""), /queue\.db has no queue in it, /],
])("a store that %s beside contents is refused with what to do, and nothing is made", (_, lose, text) => {
  addContent("0abcdefABCDEF1");
  addContent("0abcdefABCDEF2");
  lose();
  const before = fs.readdirSync(path.dirname(paths.queue));
  expect(() => checkStore(paths)).toThrow(StoreLostError);
  expect(() => checkStore(paths)).toThrow(text);
  expect(() => checkStore(paths)).toThrow(
    / 2 contents in .*content: put queue\.db and queue\.db-wal back .*, move .*content away$/,
  );
  expect(fs.readdirSync(path.dirname(paths.queue))).toEqual(before);
});

test("a store whose schema went with its log is refused beside contents", () => {
  const store = new SqliteQueueStore(paths.queue, () => undefined);
  addContent("0abcdefABCDEF1");
  const young = { ...paths, queue: `${paths.queue}.young` };
  fs.copyFileSync(paths.queue, young.queue);
  fs.copyFileSync(log, `${young.queue}-wal`);
  store.close();
  expect(() => checkStore(young)).not.toThrow();
  fs.rmSync(`${young.queue}-wal`);
  expect(() => checkStore(young)).toThrow(/has no queue in it, .* 1 content in /);
});

test("a log without a store is refused, for SQLite would throw it away", () => {
  fs.writeFileSync(log, Buffer.alloc(33));
  expect(() => checkStore(paths)).toThrow(/queue\.db is missing, .*queue\.db-wal: put .*, move .*queue\.db-wal away$/);
  fs.writeFileSync(log, Buffer.alloc(32)); // nothing is in it
  expect(() => checkStore(paths)).not.toThrow();
});

test("a fresh folder, the first start that was killed, and a store that is there are as ever; orphans are no contents", () => {
  expect(() => checkStore(paths)).not.toThrow();
  const orphans = path.join(paths.content, "orphans");
  fs.mkdirSync(orphans, { recursive: true });
  fs.writeFileSync(path.join(orphans, "0abcdefABCDEF1"), "content");
  fs.mkdirSync(path.join(paths.content, "17"));
  expect(() => checkStore(paths)).not.toThrow();
  fs.writeFileSync(paths.queue, "");
  expect(() => checkStore(paths)).not.toThrow();
  makeStore();
  addContent("0abcdefABCDEF2");
  expect(() => checkStore(paths)).not.toThrow();
});

test("a log that is not there is told of after a kill, one that is garbled always, and one that is whole never", () => {
  expect(tellsOfLog(paths.queue, true)).toBeUndefined();
  makeStore();
  expect(tellsOfLog(paths.queue, false)).toBeUndefined();
  expect(tellsOfLog(paths.queue, true)).toEqual({ event: "store.log-missing", file: log, fault: "missing" });
  fs.writeFileSync(log, Buffer.alloc(33));
  for (const wasKilled of [true, false])
    expect(tellsOfLog(paths.queue, wasKilled)).toEqual({ event: "store.log-missing", file: log, fault: "garbled" });
  fs.rmSync(log);
  const store = new SqliteQueueStore(paths.queue, () => undefined);
  expect(tellsOfLog(paths.queue, true)).toBeUndefined();
  store.close();
});
