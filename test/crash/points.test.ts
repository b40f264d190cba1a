import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { temporaryFolder } from "../support/undo.ts";
import { type Point, commonTo, metIn, pointsIn } from "./points.ts";

const place = temporaryFolder("points");
afterAll(() => place.remove());

const DATA = "/data";
const THREADS = { MainThread: "10", store: "11", mail: "12", "libuv-worker": "13", queue: "14" };

async function found(...lines: readonly string[]): Promise<readonly Point[]> {
  const out = path.join(place.folder, "calls.out");
  writeFileSync(out, lines.map((line) => `${line}\n`).join(""));
  return pointsIn(out, DATA, 4, THREADS);
}

test("calls on one file are counted for each thread by itself, as the tracer counts them", async () => {
  const points = await found(
    '10 openat(AT_FDCWD</>, "/data", O_RDONLY) = 20</data>',
    "10 fsync(20</data>) = 0",
    "11 fsync(21</data>) = 0",
    "14 fsync(22</data/queue.db-wal>) = 0",
    "11 fsync(21</data> <unfinished ...>",
    "12 fsync(23</data>) = 0",
    '11 pwrite64(24</data/queue.db-wal>, ""..., 24, 0) = 24',
  );
  expect(points.map(({ thread, call, nth, file }) => `${thread} ${call} ${nth} ${file}`)).toEqual([
    "MainThread openat 1 .",
    "MainThread fsync 1 .",
    "store fsync 1 .",
    "store fsync 2 .",
    "mail fsync 1 .",
    "store pwrite64 1 queue.db-wal",
  ]);
});

test("contents are counted among all calls of their thread once the relay is up, and their folders but once", async () => {
  const points = await found(
    '11 mkdir("/data/content/0", 0700) = 0',
    '11 mkdir("/data/content/17", 0700) = 0',
    '13 openat(AT_FDCWD</>, "/etc/hosts", O_RDONLY) = 20</etc/hosts>',
    "10 fsync(20</data>) = 0",
    '13 openat(AT_FDCWD</>, "/etc/hosts", O_RDONLY) = 20</etc/hosts>',
    '13 openat(AT_FDCWD</>, "/data/content/17/0VcSKYQlTziRkl", O_WRONLY) = 21</data/content/17/0VcSKYQlTziRkl>',
    "13 fsync(22</data/content/17>) = 0",
  );
  expect(points.map(({ thread, call, nth, file }) => `${thread} ${call} ${nth} ${file}`)).toEqual([
    "store mkdir 1 content/0",
    "MainThread fsync 1 .",
    "libuv-worker openat 2 undefined",
    "libuv-worker fsync 1 undefined",
  ]);
});

test("what one run comes to and another does not is no point of the scenario", () => {
  const point = (nth: number): Point => ({ call: "fsync", nth, thread: "store", file: "queue.db-wal" });
  expect(
    commonTo([
      [point(1), point(2), point(3)],
      [point(1), point(2)],
      [point(2), point(1)],
    ]),
  ).toEqual([point(1), point(2)]);
});

test("a fault was met where the tracer says so of the file that it was for", () => {
  const log: Point = { call: "fsync", nth: 2, thread: "store", file: "queue.db-wal" };
  const content: Point = { call: "fsync", nth: 1, thread: "libuv-worker", file: undefined };
  const injected = "1796039938.25 fsync(26</data/queue.db-wal>) = -1 EIO (Input/output error) (INJECTED) (DELAYED)\n";
  expect(metIn(injected, log, "EIO", DATA)).toEqual({ file: "queue.db-wal", at: 1796039938250 });
  expect(metIn(injected, content, "EIO", DATA)).toBeUndefined();
  expect(metIn(injected.replace("queue.db-wal", "content/17/0VcSKYQlTziRkl"), content, "EIO", DATA)?.file).toBe(
    "content/17/0VcSKYQlTziRkl",
  );
  expect(metIn("1.5 fsync(26</data/queue.db-wal>) = 0 (DELAYED)\n", log, "delay", DATA)?.at).toBe(1500);
  expect(metIn("1.5 fsync(26</data/queue.db-wal>) = ?\n", log, "kill", DATA)?.at).toBe(1500);
  // It died of something else, in the middle of a call.
  expect(metIn("1.5 fsync(26</data/queue.db-wal>) = ?\n", log, "EIO", DATA)).toBeUndefined();
  expect(metIn("1.5 fsync(26</data/queue.db-wal>) = 0\n", log, "kill", DATA)).toBeUndefined();
});
