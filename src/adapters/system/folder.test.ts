import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { syncedBy } from "../../../test/support/syncs.ts";
import { makeFolder } from "./folder.ts";

test("folders above are made, for their owner only; a second time is no error", () => {
  const top = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-folder-"));
  const folder = path.join(top, "a/b");
  makeFolder(folder);
  makeFolder(folder);
  expect(fs.statSync(folder).mode & 0o777).toBe(0o700);
  fs.writeFileSync(path.join(top, "file"), "");
  fs.symlinkSync("gone", path.join(top, "dangling"));
  expect(() => makeFolder(path.join(top, "file"))).toThrow("it is not a folder");
  expect(() => makeFolder(path.join(top, "dangling"))).toThrow("it is a symbolic link to nothing");
  expect(() => makeFolder(path.join(top, "file/below"))).toThrow(/ENOTDIR/);
  fs.rmSync(top, { recursive: true });
});

test.skipIf(!fs.existsSync("/proc/self/fd"))("each folder that is made is durable in the one above", () => {
  const top = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "waypost-folder-")));
  const folder = path.join(top, "a/b");
  expect(syncedBy(() => makeFolder(folder))).toEqual([top, path.join(top, "a")]);
  expect(syncedBy(() => makeFolder(folder))).toEqual([]);
  fs.rmSync(top, { recursive: true });
});

test.skipIf(!fs.existsSync("/proc/self"))(
  "a place where folders cannot be made is an error, and not the end of all time",
  () => {
    expect(() => makeFolder("/proc/waypost/data")).toThrow(/ENOENT/);
  },
);
