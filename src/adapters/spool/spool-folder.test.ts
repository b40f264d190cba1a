import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SPOOL } from "../../core/base/limits.ts";
import { spoolName } from "../../core/submission/spooled.ts";
import { leaveInSpool } from "./leave.ts";
import { UNFINISHED } from "./names.ts";
import { SpoolFolder } from "./spool-folder.ts";

let folder: string;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-spool-"));
});

afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const name = (digit: string): string => spoolName(1, digit.repeat(32));
const draft = (digit: string): string => path.join(folder, `${name(digit)}${UNFINISHED}`);

/** As if it had been there for two bounds. */
function age(file: string): void {
  const then = (Date.now() - 2 * SPOOL.unfinishedMax) / 1000;
  fs.lutimesSync(file, then, then);
}

const look = (): Promise<string[]> => new SpoolFolder(folder, String).list();

test("what nobody finished is removed when it is old, and not while somebody may write it", async () => {
  for (const digit of ["a", "b"]) fs.writeFileSync(draft(digit), "half");
  fs.symlinkSync("nowhere", draft("c"));
  for (const digit of ["a", "c"]) age(draft(digit));
  expect(await look()).toEqual([]);
  expect(fs.readdirSync(folder)).toEqual([path.basename(draft("b"))]);
});

test("a folder that somebody gave the name of an unfinished file keeps nobody's mail from being listed", async () => {
  fs.mkdirSync(draft("a"));
  age(draft("a"));
  await leaveInSpool(folder, [[new Uint8Array([1])]]);
  expect(await look()).toHaveLength(1);
});

test("a file of another program that ends like an unfinished one is nobody's to remove", async () => {
  const other = path.join(folder, `waypost.yaml${UNFINISHED}`);
  fs.writeFileSync(other, "");
  age(other);
  expect(await look()).toEqual([]);
  expect(fs.existsSync(other)).toBe(true);
});

test.runIf(process.getuid?.() === 0)(
  "a file that root leaves is of the folder's group, for the relay to read",
  async () => {
    const group = 65_534;
    fs.chownSync(folder, group, group);
    await leaveInSpool(folder, [[new Uint8Array([1])]]);
    const [left] = await look();
    expect(fs.statSync(path.join(folder, left!))).toMatchObject({ uid: 0, gid: group });
    expect(fs.statSync(path.join(folder, left!)).mode & 0o7777).toBe(0o440);
  },
);
