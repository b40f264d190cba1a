import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { giveSpool, makeSpool } from "./make-spool.ts";

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
  expect(makeSpool(folder, true)).toBeUndefined();
  expect([modeOf(folder), modeOf(path.join(folder, "dead"))]).toEqual([
    0o3733,
    expect.toSatisfy((mode) => (mode & 0o777) === 0o700),
  ]);
  const closed = path.join(parent, "closed");
  expect(makeSpool(closed, false)).toBeUndefined();
  expect(modeOf(closed)).toBe(0o700);
});

test("where setgid is forbidden, it is said who has to make it, and nothing is left that looks like a spool", () => {
  vi.spyOn(fs, "chmodSync").mockImplementation(() => {
    throw Object.assign(new Error("EPERM: operation not permitted, chmod"), { code: "EPERM", syscall: "chmod" });
  });
  expect(makeSpool(folder, true)).toMatch(/RestrictSUIDSGID.* install -d -o \d+ -g \d+ -m 3733 .*spool$/);
  expect(fs.existsSync(folder)).toBe(false);
});

test("one that root made as it says is taken, and no mode with setgid is asked of the system", () => {
  fs.mkdirSync(folder);
  fs.chmodSync(folder, 0o3733);
  const chmod = vi.spyOn(fs, "chmodSync");
  expect(makeSpool(folder, true)).toBeUndefined();
  expect(chmod).not.toHaveBeenCalled();
  expect(modeOf(path.join(folder, "dead")) & 0o777).toBe(0o700);
});

test.runIf(process.getuid?.() === 0)(
  "root makes one for another user whole, and gives away nothing that it did not make",
  () => {
    const owner = { uid: 12_345, gid: 12_345 };
    expect(giveSpool(folder, owner)).toBeUndefined();
    const facts = [folder, path.join(folder, "dead")].map((each) => fs.statSync(each));
    expect(facts.map(({ uid, gid, mode }) => [uid, gid, mode & 0o7777])).toEqual([
      [12_345, 12_345, 0o3733],
      [12_345, 12_345, 0o700],
    ]);
    const victim = path.join(parent, "victim");
    fs.mkdirSync(victim, { mode: 0o700 });
    const mkdir = fs.mkdirSync;
    for (const swap of [
      (made: string) => fs.symlinkSync(victim, made),
      (made: string) => fs.renameSync(victim, made),
      (made: string) => (mkdir(made), fs.chownSync(made, 12_345, 12_345)),
    ]) {
      const other = path.join(parent, "other");
      fs.writeFileSync(path.join(victim, "theirs"), "");
      vi.spyOn(fs, "mkdirSync").mockImplementationOnce((made) => {
        swap(String(made)); // as who may write in the parent folder does in the moment after
        return undefined;
      });
      expect(() => giveSpool(other, owner)).toThrow(/ELOOP|ENOTDIR|somebody put another folder/);
      const left = [victim, other].find((each) => fs.existsSync(path.join(each, "theirs")))!;
      expect(fs.statSync(left).uid).toBe(0);
      if (left === other && !fs.lstatSync(other).isSymbolicLink()) fs.renameSync(other, victim);
      fs.rmSync(other, { recursive: true, force: true });
    }
  },
);
