import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { damageOf } from "./damage.ts";
import { SqliteQueueStore } from "./queue-store.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-damage-"));
  file = path.join(folder, "queue.db");
});
afterEach(() => {
  fs.rmSync(folder, { recursive: true });
});

function failure(): unknown {
  try {
    new SqliteQueueStore(file, () => undefined).close();
    return undefined;
  } catch (error) {
    return error;
  }
}

test("a file that is no database", () => {
  fs.writeFileSync(file, "text".repeat(1000));
  expect(damageOf(file, failure())).toMatch(/queue\.db is no SQLite database: move it away/);
});

test("a database whose pages are damaged", () => {
  expect(failure()).toBeUndefined();
  const octets = fs.readFileSync(file);
  octets.fill(0xff, 100, 4096);
  fs.writeFileSync(file, octets);
  expect(damageOf(file, failure())).toMatch(/queue\.db is damaged: put a backup .* sqlite3 .*queue\.db \.recover$/);
});

test("other errors are others", () => {
  fs.mkdirSync(file);
  expect(failure()).toBeInstanceOf(Error);
  expect(damageOf(file, failure())).toBeUndefined();
  expect(damageOf(file, new Error("a bug"))).toBeUndefined();
});
