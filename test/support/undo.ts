import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { isMainThread } from "node:worker_threads";
import { ownFolder, sweep } from "./left-behind.ts";
import { descendants, isAlive, isRelay, pause, signal, waitFor } from "./processes.ts";

// What has to be undone when this process ends, however it ends: folders, mounts, processes. `finally` does it where all goes as it
// should; a signal, or an exit in the middle, does it here.

type Undo = () => void;

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** What processes that were started here have to end in order. */
const ENDED_MS = 5000;
const LOOK_MS = 20;

const pending = new Set<Undo>();
/** Where what others left was looked for. */
const swept = new Set<string>();

/** Answers what undoes it now, once; what is undone then is not at the end. The last that was done is undone first. */
export function undoAtEnd(undo: Undo): Undo {
  watch();
  const own = (): void => {
    if (pending.delete(own)) undo();
  };
  pending.add(own);
  return own;
}

/**
 * A folder for temporary files that goes with this process at the latest, or, where that is killed, when the next one asks for such a
 * folder in the same place.
 */
export function temporaryFolder(name: string, under = tmpdir()): { readonly folder: string; readonly remove: Undo } {
  if (!swept.has(under)) sweep(under);
  swept.add(under);
  const folder = mkdtempSync(path.join(under, ownFolder(name)));
  return { folder, remove: undoAtEnd(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 })) };
}

/** What is mounted there goes; a process that was killed may have a file open for a moment more. */
export function unmount(place: string, withinMs = ENDED_MS): void {
  const deadline = performance.now() + withinMs;
  for (;;) {
    try {
      execFileSync("umount", [place], { stdio: "pipe" });
      return;
    } catch (error) {
      // We may have a file of it open ourselves: then it goes with us.
      if (isEnding) return void execFileSync("umount", ["--lazy", place], { stdio: "pipe" });
      if (performance.now() > deadline) throw error;
      pause(LOOK_MS);
    }
  }
}

/** Ends a process and those of its group: in order where they can, so that they undo what is theirs, or else by SIGKILL. */
export function endGroup(pid: number, withinMs = ENDED_MS): void {
  signal(-pid, "SIGTERM");
  waitFor(() => !isAlive(pid), withinMs);
  signal(-pid, "SIGKILL");
}

let isWatching = false;

function watch(): void {
  if (isWatching || !isMainThread) return; // a thread ends before its process does
  isWatching = true;
  for (const name of SIGNALS) {
    process.once(name, () => {
      undoAll();
      process.kill(process.pid, name); // nobody listens any more: it ends as one that knows nothing of all this
    });
  }
  process.once("exit", undoAll);
}

let isEnding = false;

function undoAll(): void {
  if (pending.size === 0) return;
  isEnding = true;
  endDescendants();
  for (const undo of [...pending].toReversed()) {
    try {
      undo();
    } catch (error) {
      console.error(`not undone: ${String(error)}`);
    }
  }
}

/** Relays and whatever else was started from here: what they have open would keep a disk mounted. */
function endDescendants(): void {
  const all = descendants(process.pid);
  for (const pid of all) signal(pid, isRelay(pid) ? "SIGKILL" : "SIGTERM"); // a relay would take its time, and has nothing to undo
  waitFor(() => !all.some(isAlive), ENDED_MS);
  for (const pid of all) signal(pid, "SIGKILL");
  waitFor(() => !all.some(isAlive), ENDED_MS);
}
