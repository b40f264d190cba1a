import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SqliteQueueStore } from "./queue-store.ts";
import { OpenStoreFiles, faultOfLog, hasLog, logOf, standingOf } from "./store-files.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-store-files-"));
  file = path.join(folder, "queue.db");
});
afterEach(() => {
  fs.rmSync(folder, { recursive: true });
});

const open = (): SqliteQueueStore => new SqliteQueueStore(file, () => undefined);

/** The files as a kill would leave them now. */
function copied(): string {
  const copy = path.join(folder, "copy.db");
  for (const [from, to] of [
    [file, copy],
    [logOf(file), logOf(copy)],
  ] as const)
    fs.copyFileSync(from, to);
  return copy;
}

test("a store is there as soon as it has a schema, be it in its log alone, and a look leaves the log as it is", () => {
  expect(standingOf(file)).toBe("missing");
  fs.writeFileSync(file, "");
  expect(standingOf(file)).toBe("empty");
  const store = open();
  const young = copied();
  store.close();
  expect(standingOf(file)).toBe("there");
  const log = fs.readFileSync(logOf(young));
  expect(standingOf(young)).toBe("there");
  expect(fs.readFileSync(logOf(young))).toEqual(log);
  fs.rmSync(logOf(young));
  expect(standingOf(young)).toBe("new");
  expect(faultOfLog(young)).toBe("missing"); // the look made none
});

test("a store that was only being made is new, whatever of it is there, and misses no log", () => {
  const database = new DatabaseSync(file);
  database.exec("PRAGMA user_version = 0; CREATE TABLE a (b)");
  database.close();
  fs.writeFileSync(`${file}-journal`, Buffer.from([0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7])); // the head of a journal
  expect([standingOf(file), faultOfLog(file)]).toEqual(["new", undefined]);
  fs.writeFileSync(file, "");
  expect([standingOf(file), faultOfLog(file)]).toEqual(["empty", undefined]);
});

test("what is no database is found out when it is opened, and what is no file before", () => {
  fs.writeFileSync(file, "text".repeat(1000));
  expect(standingOf(file)).toBe("there");
  fs.rmSync(file);
  fs.mkdirSync(file);
  expect(standingOf(file)).toBe("no-file");
});

test("an open store has a log that is whole, and one that was closed has none", () => {
  const store = open();
  expect([faultOfLog(file), hasLog(file)]).toEqual([undefined, true]);
  const left = copied();
  store.close();
  expect([faultOfLog(file), hasLog(file)]).toEqual(["missing", false]);
  const log = fs.readFileSync(logOf(left));
  for (const [octets, fault] of [
    [log, undefined],
    [Buffer.concat([Buffer.alloc(32), log.subarray(32)]), "garbled"],
    [Buffer.concat([Buffer.from([0x37, 0x7f, 0x06, 0x81]), log.subarray(4)]), "garbled"],
    [Buffer.concat([Buffer.from([0x37, 0x7f, 0x06, 0x82]), log.subarray(4)]), undefined],
    [Buffer.alloc(32), undefined], // nothing was in it
    [Buffer.alloc(0), undefined],
  ] as const) {
    fs.writeFileSync(logOf(left), octets);
    expect(faultOfLog(left)).toBe(fault);
  }
});

test("a file that is removed, replaced or put back shows at the next look", () => {
  const store = open();
  const files = new OpenStoreFiles(file);
  expect(files.look()).toBeUndefined();
  for (const one of [file, logOf(file)]) {
    fs.renameSync(one, `${one}.away`);
    expect(files.look()).toBe(one);
    fs.copyFileSync(`${one}.away`, one);
    expect(files.look()).toBe(one);
    fs.renameSync(`${one}.away`, one);
    expect(files.look()).toBeUndefined();
  }
  store.close();
});

test("a log counts from when it is there first, however it is written or emptied then", () => {
  const database = new DatabaseSync(file);
  database.exec("CREATE TABLE a (b)");
  database.close();
  const files = new OpenStoreFiles(file);
  expect(files.look()).toBeUndefined();
  const store = open();
  expect(files.look()).toBeUndefined();
  store.shortenLog();
  expect([files.look(), hasLog(file)]).toEqual([undefined, false]);
  fs.rmSync(logOf(file));
  expect(files.look()).toBe(logOf(file));
  store.close();
});
