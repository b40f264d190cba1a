import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SPOOL } from "../../core/base/limits.ts";
import { isSpoolName, spoolName } from "../../core/submission/spooled.ts";
import type { SpoolLook } from "../../ports/spool.ts";
import { deadFiles } from "./spool-counts.ts";
import { Reservation, leaveInSpool } from "./leave.ts";
import { DEAD, UNFINISHED } from "./names.ts";
import { SpoolFolder } from "./spool-folder.ts";

let folder: string;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-spool-"));
  fs.mkdirSync(path.join(folder, DEAD));
});

afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const name = (digit: string): string => spoolName(1, digit.repeat(32));
const draft = (digit: string): string => path.join(folder, `${name(digit)}${UNFINISHED}`);

/** As if it had been there for two bounds. */
function age(file: string): void {
  const then = (Date.now() - 2 * SPOOL.unfinishedMax) / 1000;
  fs.lutimesSync(file, then, then);
}

/** Of a relay of its own. */
async function look(): Promise<readonly string[]> {
  const spool = new SpoolFolder(folder, String);
  try {
    return (await spool.look()).names;
  } finally {
    await spool.close();
  }
}

/** All that is there, but for what the relay needs. */
const there = (): string[] => fs.readdirSync(folder).filter((each) => each !== DEAD);

test("what nobody finished is removed when it is old, and not while somebody may write it", async () => {
  for (const digit of ["a", "b"]) fs.writeFileSync(draft(digit), "half");
  fs.symlinkSync("nowhere", draft("c"));
  for (const digit of ["a", "c"]) age(draft(digit));
  expect(await look()).toEqual([]);
  expect(there()).toEqual([path.basename(draft("b"))]);
});

test("a look reads so many entries and goes on where the last one ended: what others put there hides no file", async () => {
  const many = SPOOL.entriesPerLook + 50;
  for (let n = 0; n < many; n++) {
    const other = n.toString(16).padStart(32, "0");
    fs.writeFileSync(path.join(folder, n % 2 === 0 ? spoolName(1, other) : `${spoolName(1, other)}${UNFINISHED}`), "");
  }
  const spool = new SpoolFolder(folder, String);
  const looks: SpoolLook[] = [];
  for (let look = 0; look < 4; look++) looks.push(await spool.look());
  await spool.close();
  const [first, second, third] = looks.map(({ names }) => names);
  expect(first!.length).toBeLessThan(many / 2);
  expect([...first!, ...second!].toSorted()).toEqual(fs.readdirSync(folder).filter(isSpoolName).toSorted());
  expect(third).toEqual(first);
  expect(looks.map(({ isAll }) => isAll)).toEqual([false, false, false, false]);
  for (const each of there()) fs.rmSync(path.join(folder, each));
  fs.writeFileSync(path.join(folder, name("a")), "");
  expect(await spool.look()).toEqual({ names: [name("a")], isAll: true });
});

test("when a file was left is what the system says, and not what its owner makes of it", async () => {
  const before = Date.now();
  await leaveInSpool(folder, [[new Uint8Array([1])]]);
  const [left] = await look();
  fs.utimesSync(path.join(folder, left!), 0, 0);
  const spool = new SpoolFolder(folder, String);
  expect(Math.abs((await spool.leftAt(left!))! - before)).toBeLessThan(10_000);
  expect(await spool.leftAt(name("f"))).toBeUndefined();
});

test("what is dead is counted, up to a bound, with when the oldest came there; where there is none, or no folder, it is none", async () => {
  const dead = path.join(folder, "dead");
  expect(deadFiles(folder)).toEqual({ folder: dead, files: 0, oldest: undefined });
  fs.rmdirSync(dead);
  expect(deadFiles(folder)).toEqual({ folder: dead, files: 0, oldest: undefined });
  fs.mkdirSync(dead);
  expect(deadFiles(folder)).toEqual({ folder: dead, files: 0, oldest: undefined });
  await leaveInSpool(folder, [[new Uint8Array([1])]]);
  const [left] = await look();
  const before = Date.now();
  await new SpoolFolder(folder, String).bury(left!);
  const { files, oldest } = deadFiles(folder);
  expect(files).toBe(1);
  expect(Math.abs(oldest! - before)).toBeLessThan(10_000);
  for (let n = 0; n < SPOOL.counted + 5; n++)
    fs.symlinkSync("nowhere", path.join(dead, spoolName(1, n.toString(16).padStart(32, "0"))));
  expect(deadFiles(folder).files).toBe(SPOOL.counted);
});

test("what is buried has another name, always the same, and its mode; a part of it is its content behind another head", async () => {
  await leaveInSpool(folder, [[Buffer.from("head"), Buffer.from("content")]]);
  const [left] = await look();
  const spool = new SpoolFolder(folder, String);
  const opened = await spool.open(left!);
  if (opened.kind !== "file") throw new Error("it is a file");
  const part = { head: Buffer.from("other "), contentAt: 4, octets: 7 };
  const grave = await spool.buryPart(left!, opened.file, part);
  expect(await spool.buryPart(left!, opened.file, part)).toBe(grave); // after a kill
  await expect(spool.buryPart(left!, opened.file, { ...part, octets: 8 })).rejects.toThrow("shorter");
  await opened.file.close();
  expect(fs.readdirSync(path.dirname(grave)).filter((each) => !each.startsWith("."))).toEqual([path.basename(grave)]);
  expect(fs.readFileSync(grave, "utf8")).toBe("other content");
  expect(await look()).toEqual([left]);
  expect(isSpoolName(path.basename(grave))).toBe(true);
  expect(path.basename(grave)).not.toBe(left);
  expect(await spool.bury(left!)).toBe(grave);
  expect(fs.readFileSync(grave, "utf8")).toBe("headcontent");
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

test("what has its name stays where another file cannot get its own, and is told", async () => {
  const files = ["first", "second", "third"].map((text) => [Buffer.from(text)]);
  const made = await Reservation.make(folder, files);
  const drafts = fs.readdirSync(folder).filter((each) => each.endsWith(UNFINISHED));
  const second = drafts.find((each) => fs.readFileSync(path.join(folder, each), "utf8") === "second");
  fs.rmSync(path.join(folder, second!));
  const failure = await made.keep(files).catch((error: unknown) => error);
  expect(failure).toMatchObject({ name: "PartlyKeptError", kept: [0], message: expect.stringContaining("ENOENT") });
  const texts = () =>
    fs.readdirSync(folder).flatMap((each) => {
      const file = path.join(folder, each);
      return fs.statSync(file).isFile() ? fs.readFileSync(file, "utf8") : [];
    });
  expect(texts()).toEqual(["first"]);
  await made.drop();
  expect(texts()).toEqual(["first"]);
});

test("room that was reserved is used where not all is kept: the same file, cut; the others and what is dropped leave nothing", async () => {
  const files = ["first, long", "second", "third"].map((text) => [Buffer.from("head "), Buffer.from(text)]);
  const made = await Reservation.make(folder, files);
  expect(await look()).toEqual([]); // it is no mail yet
  const inodes = new Set(there().map((each) => fs.statSync(path.join(folder, each)).ino));
  expect(inodes.size).toBe(3);
  await made.keep([[Buffer.from("first")], undefined, files[2]]);
  const kept = await look();
  expect(there().toSorted()).toEqual(kept);
  const texts = kept.map((each) => fs.readFileSync(path.join(folder, each), "utf8"));
  expect(texts.toSorted()).toEqual(["first", "head third"]);
  for (const each of kept) expect(inodes).toContain(fs.statSync(path.join(folder, each)).ino);
  await made.drop();
  expect(await look()).toEqual(kept);
  await (await Reservation.make(folder, files)).drop();
  expect(there().toSorted()).toEqual(kept);
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

test("one relay takes from a spool: another one hears which, until that is gone", async () => {
  const [first, second] = [new SpoolFolder(folder, String), new SpoolFolder(folder, String)];
  await first.look();
  await expect(second.look()).rejects.toThrow(
    `another Waypost, process ${process.pid}, takes mail from the spool ${folder}; it may run on the same data folder`,
  );
  await first.close();
  expect(await second.look()).toEqual({ names: [], isAll: true });
  await second.close();
});
