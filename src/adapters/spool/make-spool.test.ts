import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { makeSpool } from "./make-spool.ts";

let parent: string;
let folder: string;

beforeEach(() => {
  parent = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-spool-"));
  folder = path.join(parent, "spool");
});

afterEach(() => {
  vi.restoreAllMocks();
  fs.rmSync(parent, { recursive: true, force: true });
});

function modeOf(file: string): number {
  return fs.statSync(file).mode & 0o7777;
}

test("for everybody it is one that all may put files into, and nobody may list; one in a closed folder is its owner's", () => {
  expect(makeSpool(folder, undefined, true)).toBeUndefined();
  expect([modeOf(folder), modeOf(path.join(folder, "dead"))]).toEqual([
    0o3733,
    expect.toSatisfy((mode) => (mode & 0o777) === 0o700),
  ]);
  const closed = path.join(parent, "closed");
  expect(makeSpool(closed, undefined, false)).toBeUndefined();
  expect(modeOf(closed)).toBe(0o700);
});

test("where setgid is forbidden, it is said who has to make it, and nothing is left that looks like a spool", () => {
  vi.spyOn(fs, "chmodSync").mockImplementation(() => {
    throw Object.assign(new Error("EPERM: operation not permitted, chmod"), { code: "EPERM", syscall: "chmod" });
  });
  expect(makeSpool(folder, undefined, true)).toMatch(/RestrictSUIDSGID.* install -d -o \d+ -g \d+ -m 3733 .*spool$/);
  expect(fs.existsSync(folder)).toBe(false);
});

test("one that root made as it says is taken, and no mode with setgid is asked of the system", () => {
  fs.mkdirSync(folder);
  fs.chmodSync(folder, 0o3733);
  const chmod = vi.spyOn(fs, "chmodSync");
  expect(makeSpool(folder, undefined, true)).toBeUndefined();
  expect(chmod).not.toHaveBeenCalled();
  expect(modeOf(path.join(folder, "dead")) & 0o777).toBe(0o700);
});
