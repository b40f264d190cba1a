import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { takeDataFolder } from "./data-folder.ts";

let data: string;
beforeEach(() => {
  data = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-data-"));
});
afterEach(() => {
  fs.rmSync(data, { recursive: true });
});

const number = (): string => fs.readFileSync(path.join(data, "waypost.pid"), "utf8");

test("who ends by itself takes its number along, and the next one knows that it was not killed", () => {
  for (const isOpened of [true, false]) {
    const listeners = process.listenerCount("exit");
    const taken = takeDataFolder(data, path.join(data, "spool"));
    expect(taken.wasKilled).toBe(false);
    expect(number()).toBe(`${process.pid}\n`);
    expect(() => takeDataFolder(data, path.join(data, "spool"))).toThrow(
      `another Waypost, process ${process.pid}, runs on ${data}`,
    );
    if (isOpened) taken.storeOpened();
    taken.release();
    expect(fs.existsSync(path.join(data, "waypost.pid"))).toBe(false);
    expect(process.listenerCount("exit")).toBe(listeners);
  }
});

test("who leaves a log behind leaves its number, too, for the next one to look for it", () => {
  const taken = takeDataFolder(data, path.join(data, "spool"));
  taken.storeOpened();
  const log = path.join(data, "queue.db-wal");
  fs.writeFileSync(log, "");
  taken.release();
  const next = takeDataFolder(data, path.join(data, "spool"));
  expect(next.wasKilled).toBe(true);
  next.storeOpened();
  fs.rmSync(log);
  next.release();
  const last = takeDataFolder(data, path.join(data, "spool"));
  expect(last.wasKilled).toBe(false);
  last.release();
});

test("a log that a start which failed took over is no missing one", () => {
  fs.writeFileSync(path.join(data, "waypost.pid"), "1\n");
  const log = path.join(data, "queue.db-wal");
  fs.writeFileSync(log, "");
  for (const isTakenOver of [false, true]) {
    const failed = takeDataFolder(data, path.join(data, "spool"));
    expect(failed.wasKilled).toBe(true);
    if (isTakenOver) fs.rmSync(log);
    failed.release();
  }
  const next = takeDataFolder(data, path.join(data, "spool"));
  expect(next.wasKilled).toBe(false);
  next.release();
});

test("after a kill each start knows of it, until one has opened the store", () => {
  fs.writeFileSync(path.join(data, "waypost.pid"), "1\n");
  const failed = takeDataFolder(data, path.join(data, "spool"));
  expect(failed.wasKilled).toBe(true);
  failed.release(); // before it had the store
  const next = takeDataFolder(data, path.join(data, "spool"));
  expect(next.wasKilled).toBe(true);
  next.storeOpened();
  next.release();
  const last = takeDataFolder(data, path.join(data, "spool"));
  expect(last.wasKilled).toBe(false);
  last.release();
});
