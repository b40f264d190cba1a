import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TREE } from "../support/relay.ts";
import { endGroup } from "../support/undo.ts";
import { diskObstacle } from "./disk-image.ts";

// A suite that is interrupted leaves no mount, no loop device, no folder and no process behind.

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

test.skipIf(obstacle !== undefined)(`power cuts, by Ctrl-C${skipped}`, async () => {
  const started = start("test/crash/power.ts");
  await once(started.stderr!, "data"); // of the first cut
  expect(mounts()).toHaveLength(1);
  expect(loops()).toHaveLength(1);
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
