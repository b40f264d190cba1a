import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TREE } from "../support/relay.ts";
import { sweep } from "../support/left-behind.ts";
import { isAlive } from "../support/processes.ts";
import { endGroup, temporaryFolder } from "../support/undo.ts";
import { diskObstacle } from "./disk-image.ts";

// A suite that is interrupted leaves no mount, no loop device, no folder and no process behind; one that is killed leaves folders, which
// the next one removes.

const obstacle = diskObstacle();
const skipped = obstacle === undefined ? "" : ` (skipped: ${obstacle})`;

/** All that the suite makes is below it; others may run suites on this machine. */
let folder: string;
let suite: ChildProcess | undefined;
beforeEach(() => void (folder = mkdtempSync(path.join(tmpdir(), "waypost-interrupted-"))));
afterEach(() => {
  if (suite?.exitCode === null && suite.signalCode === null) endGroup(suite.pid!);
  rmSync(folder, { recursive: true });
});

function start(program: string, ...args: readonly string[]): ChildProcess {
  const env = { ...process.env, TMPDIR: folder };
  const started = spawn(process.execPath, [path.join(TREE, program), ...args], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  suite = started;
  return started;
}

function mounts(): readonly string[] {
  return readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .filter((line) => line.includes(folder));
}

/** Devices by the file that is behind them. */
function loops(): readonly string[] {
  return readdirSync("/sys/block").filter((name) => textOf(`/sys/block/${name}/loop/backing_file`).includes(folder));
}

/** Of which the command line, or a variable of the environment, says where they are. */
function processes(): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => ["cmdline", "environ"].some((file) => textOf(`/proc/${pid}/${file}`).includes(folder)))
    .map((pid) => `${pid} ${textOf(`/proc/${pid}/cmdline`).replaceAll("\0", " ")}`);
}

/** Empty where there is none: the process has ended, or is not for us to see. */
function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    expect(["ENOENT", "ESRCH", "EACCES"]).toContain((error as NodeJS.ErrnoException).code);
    return "";
  }
}

async function nothingIsLeft(started: ChildProcess, signal: NodeJS.Signals, isGroup: boolean): Promise<void> {
  const ended = once(started, "exit");
  process.kill(isGroup ? -started.pid! : started.pid!, signal);
  const [code] = (await ended) as readonly unknown[];
  expect(code).not.toBe(0); // null, or 1 where a command that it had started was interrupted too
  expect(mounts()).toEqual([]);
  await expect.poll(loops).toEqual([]);
  await expect.poll(processes).toEqual([]); // those of the same group may end a moment later
  expect(readdirSync(folder)).toEqual([]);
}

/** A suite that is killed, and what it leaves: something that looks like a relay that is deaf to the end of its launcher. */
const LEAVES = `
  import { spawn } from "node:child_process";
  const [support, under] = process.argv.slice(1);
  const { temporaryFolder } = await import(support + "/undo.ts");
  const { folder } = temporaryFolder("test", under);
  const args = ["-c", "while sleep 1; do :; done", "bin/waypost.mjs", folder + "/waypost.yaml"];
  const child = spawn("sh", args, { stdio: "ignore", detached: true });
  process.stdout.write(folder + "\\n" + child.pid + "\\n", () => process.kill(process.pid, "SIGKILL"));
`;

test.skipIf(obstacle !== undefined)(`power cuts, by Ctrl-C${skipped}`, async () => {
  const started = start("test/crash/power.ts");
  await once(started.stderr!, "data"); // of the first cut, for which there is no mount for a moment
  await expect.poll(mounts).toHaveLength(1);
  await expect.poll(loops).toHaveLength(1);
  await nothingIsLeft(started, "SIGINT", true);
});

test.skipIf(obstacle !== undefined)(`full disks, by the end of their process alone${skipped}`, async () => {
  const started = start("test/crash/disk.ts");
  await once(started.stderr!, "data"); // of the first round
  expect(mounts()).toHaveLength(1);
  expect(processes().length).toBeGreaterThan(1);
  await nothingIsLeft(started, "SIGTERM", false);
});

test.skipIf(obstacle !== undefined)(`a suite before which bugs are planted, by Ctrl-C${skipped}`, async () => {
  const started = start("test/planted/planted.ts", "--suites", "full disk", "--bugs", "no-space-swallowed");
  await expect.poll(mounts).toHaveLength(1);
  await nothingIsLeft(started, "SIGINT", true);
});

/** In the memory of this machine, where it would stay: of a process, by what it has open. */
function worlds(pid: number): readonly string[] {
  const open = `/proc/${pid}/fd`;
  const files = existsSync(open) ? readdirSync(open).map((name) => linkOf(path.join(open, name))) : [];
  return [...new Set(files.flatMap((file) => /^.*\/waypost-sim-[^/]*/.exec(file) ?? []))];
}

/** Empty where it has been closed since. */
function linkOf(file: string): string {
  try {
    return readlinkSync(file);
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe("ENOENT");
    return "";
  }
}

/** Names of folders, below the one of this test, in which relays have their data. */
function homes(): readonly string[] {
  return readdirSync(folder).filter((name) => name.startsWith("waypost-test-"));
}

test("relays end where their suite is killed, and the next one removes what they left", async () => {
  const started = start("test/crash/kill.ts", "--rounds", "1000", "--life", "under-load");
  await expect.poll(() => processes().some((line) => line.includes("bin/waypost.mjs"))).toBe(true);
  const ended = once(started, "exit");
  started.kill("SIGKILL");
  await ended;
  await expect.poll(processes).toEqual([]);
  expect(homes()).toHaveLength(1);
  sweep(folder);
  expect(readdirSync(folder)).toEqual([]);
});

test("what is left is removed with the relay that runs in it; what others have in use, or is none of ours, stays", async () => {
  const own = temporaryFolder("test", folder);
  const other = path.join(folder, "waypost-test-1.1-abcdef"); // of whom we cannot see
  const strange = path.join(folder, `waypost-mine-${path.basename(own.folder).split("-")[2]}`);
  for (const each of [other, strange]) mkdirSync(each);
  const suite = ["--input-type=module", "-e", LEAVES, path.join(TREE, "test/support"), folder];
  const { stdout, signal } = spawnSync(process.execPath, suite, { encoding: "utf8" });
  expect(signal).toBe("SIGKILL");
  const [left = "", pid = ""] = stdout.split("\n");
  expect(existsSync(left)).toBe(true);
  expect(isAlive(Number(pid))).toBe(true);
  sweep(folder);
  expect(isAlive(Number(pid))).toBe(false);
  expect(readdirSync(folder).toSorted()).toEqual(
    [own.folder, other, strange].map((each) => path.basename(each)).toSorted(),
  );
  own.remove();
});

test("worlds, by Ctrl-C", async () => {
  const started = start("test/sim/sim.ts", "--seeds", "1000");
  await expect.poll(() => worlds(started.pid!)).toHaveLength(1);
  const [world = ""] = worlds(started.pid!);
  expect(existsSync(world)).toBe(true);
  await nothingIsLeft(started, "SIGINT", true);
  expect(existsSync(world)).toBe(false);
});

test("a fuzzer that has a server, by the end of its process alone", async () => {
  const started = start("test/fuzz/fuzz.ts", "control-request");
  await expect.poll(() => readdirSync(folder)).toHaveLength(1);
  await nothingIsLeft(started, "SIGTERM", false);
});
