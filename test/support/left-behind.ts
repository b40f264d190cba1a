import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, readFileSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import path from "node:path";
import { commandLine, isAlive, isRelay, processes, signal, waitFor } from "./processes.ts";

// What a suite leaves behind that was killed, and could undo nothing: its folders, and what runs from them. Whose a folder is stands in
// its name, and the next suite removes those whose owner is no more.

const SPACE = "/proc/self/ns/pid";
const NAMED = /^waypost-[a-z]+-(?<owner>[0-9a-z]+\.\d+)-\w{6}$/;
const ENDED_MS = 5000;

/**
 * How this process is named in what it makes: a number means nothing to those who count their processes apart, as a container does.
 * Undefined where the system does not tell: then nothing that is left can be told from what is in use.
 */
function owner(pid = process.pid): string | undefined {
  if (!existsSync(SPACE)) return undefined;
  const space = /\d+/.exec(readlinkSync(SPACE))?.[0];
  return space && `${Number(space).toString(36)}.${pid}`;
}

/** What the name of a temporary folder of this process begins with. */
export function ownFolder(name: string): string {
  const mark = owner();
  return `waypost-${name}-${mark === undefined ? "" : `${mark}-`}`;
}

/** Removes the folders in `under` whose owner has ended, and ends the relays that run from them. */
export function sweep(under: string): void {
  for (const name of readdirSync(under)) {
    const folder = path.join(under, name);
    if (!isLeft(folder)) continue;
    try {
      endRelaysOf(folder);
      for (const place of mountsBelow(folder)) execFileSync("umount", ["--lazy", place], { stdio: "pipe" });
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    } catch (error) {
      console.error(`${folder} was left by a suite that was killed, and cannot be removed: ${String(error)}`);
    }
  }
}

/** Ours, of a process that was one of those that we see, and is not any more. */
function isLeft(folder: string): boolean {
  const named = NAMED.exec(path.basename(folder))?.groups?.["owner"];
  if (named === undefined) return false;
  const pid = Number(named.split(".")[1]);
  if (named !== owner(pid) || isAlive(pid)) return false;
  const found = lstatSync(folder, { throwIfNoEntry: false });
  return found !== undefined && found.isDirectory() && found.uid === process.getuid?.();
}

function endRelaysOf(folder: string): void {
  const those = processes().filter((pid) => isRelay(pid) && commandLine(pid).includes(`${folder}/`));
  for (const pid of those) signal(pid, "SIGKILL");
  waitFor(() => !those.some(isAlive), ENDED_MS);
}

/** The inner ones first. */
function mountsBelow(folder: string): readonly string[] {
  return readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((place) => place.startsWith(`${folder}/`))
    .toReversed();
}
