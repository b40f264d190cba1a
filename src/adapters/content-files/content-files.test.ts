import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { syncedBy } from "../../../test/support/syncs.ts";
import { utf8 } from "../../core/base/bytes.ts";
import { FolderOfContents, countContents } from "./content-files.ts";

const ID = "0abcdefABCDEF1";
const OTHER = "0abcdefABCDEF2";

let data: string;
beforeEach(() => {
  data = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "waypost-content-")));
});
afterEach(() => {
  fs.rmSync(data, { recursive: true });
});

test.skipIf(!fs.existsSync("/proc/self/fd"))(
  "the folders of contents are durable before the first content is: after a power cut it is still found",
  () => {
    const folder = path.join(data, "content");
    expect(syncedBy(() => new FolderOfContents(folder))).toEqual([folder, data]);
  },
);

test("a content that is finished is read as it was written; cleared, nothing is left", async () => {
  const contents = new FolderOfContents(path.join(data, "content"));
  const writer = contents.create(ID);
  await writer.write([utf8("one "), utf8("two")]);
  await writer.finish();
  const reader = contents.open(ID);
  expect(Buffer.from((await reader.read())!).toString()).toBe("one two");
  expect(await reader.read()).toBeUndefined();
  reader.close();
  contents.setAside(new Set(), NOW);
  await written(contents, OTHER);
  contents.clear();
  expect([countContents(path.join(data, "content")), fs.readdirSync(contents.orphans)]).toEqual([0, []]);
});

const DAY = 24 * 3_600_000;
const NOW = Date.UTC(2026, 0, 8);

async function written(contents: FolderOfContents, ...ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const writer = contents.create(id);
    await writer.write([utf8(`content of ${id}`)]);
    await writer.finish();
  }
}

test("what no message has is put aside whole, and what has one stays where it is", async () => {
  const contents = new FolderOfContents(path.join(data, "content"));
  await written(contents, ID, OTHER);
  expect(countContents(path.join(data, "content"))).toBe(2);
  expect(contents.setAside(new Set([ID, OTHER]), NOW)).toBe(0);
  expect(contents.setAside(new Set([ID]), NOW)).toBe(1);
  expect(countContents(path.join(data, "content"))).toBe(1);
  expect(fs.readFileSync(path.join(contents.orphans, OTHER), "utf8")).toBe(`content of ${OTHER}`);
  const reader = contents.open(ID);
  expect(Buffer.from((await reader.read())!).toString()).toBe(`content of ${ID}`);
  reader.close();
  expect(contents.setAside(new Set([ID]), NOW)).toBe(0);
});

test("what was put aside goes after seven days, also where a clock that was ahead put it there", async () => {
  const contents = new FolderOfContents(path.join(data, "content"));
  await written(contents, ID);
  contents.setAside(new Set(), NOW);
  for (const now of [NOW + 7 * DAY, NOW - 7 * DAY]) contents.forgetOrphans(now);
  expect(fs.readdirSync(contents.orphans)).toEqual([ID]);
  contents.forgetOrphans(NOW + 7 * DAY + 1000);
  expect(fs.readdirSync(contents.orphans)).toEqual([]);
  await written(contents, ID);
  contents.setAside(new Set(), NOW);
  contents.forgetOrphans(NOW - 7 * DAY - 1000);
  expect(fs.readdirSync(contents.orphans)).toEqual([]);
});

test("a disk without room keeps nothing aside, and every content", async () => {
  const contents = new FolderOfContents(path.join(data, "content"));
  await written(contents, ID, OTHER);
  contents.setAside(new Set([ID]), NOW);
  contents.dropOrphans();
  await expect.poll(() => fs.readdirSync(contents.orphans)).toEqual([]);
  expect(countContents(path.join(data, "content"))).toBe(1);
});

test("where a file cannot be put aside for want of room it is removed; any other trouble is an error", async () => {
  const contents = new FolderOfContents(path.join(data, "content"));
  await written(contents, ID);
  const spy = vi.spyOn(fs, "renameSync");
  try {
    spy.mockImplementationOnce(() => {
      throw Object.assign(new Error("for the test"), { code: "EIO" });
    });
    expect(() => contents.setAside(new Set(), NOW)).toThrow("for the test");
    expect(countContents(path.join(data, "content"))).toBe(1);
    spy.mockImplementationOnce(() => {
      throw Object.assign(new Error("for the test"), { code: "ENOSPC" });
    });
    expect(contents.setAside(new Set(), NOW)).toBe(1);
  } finally {
    spy.mockRestore();
  }
  expect([countContents(path.join(data, "content")), fs.readdirSync(contents.orphans)]).toEqual([0, []]);
});
