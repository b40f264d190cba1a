import fs from "node:fs";
import path from "node:path";
import { SPOOL } from "../../core/base/limits.ts";
import type { Instant } from "../../core/base/time.ts";
import { isSpoolName } from "../../core/submission/spooled.ts";
import { DEAD, LOCK, PROCESS } from "./names.ts";

/** Files of the spool that nobody could be told of, and that wait for an operator. */
export interface DeadFiles {
  readonly folder: string;
  /** At most `SPOOL.counted`: where there are so many, there may be more. */
  readonly files: number;
  /** When the oldest of those that were counted came there; undefined where there is none. */
  readonly oldest: Instant | undefined;
}

/** Files that wait for the relay to take them in. */
export interface WaitingFiles {
  readonly folder: string;
  /** Of the first `SPOOL.counted` entries of the folder. */
  readonly files: number;
  /** The folder has more entries. */
  readonly hasMore: boolean;
}

/** Looks into the spool's folder `dead`. What cannot be read is none. */
export function deadFiles(spool: string): DeadFiles {
  const folder = path.join(spool, DEAD);
  let files = 0;
  let oldest: Instant | undefined;
  for (const name of namesIn(folder)) {
    const facts = fs.lstatSync(path.join(folder, name), { throwIfNoEntry: false });
    if (facts === undefined) continue;
    files++;
    oldest = Math.min(oldest ?? facts.ctimeMs, facts.ctimeMs); // it was renamed to there
  }
  return { folder, files, oldest: oldest === undefined ? undefined : Math.floor(oldest) };
}

/** Looks into the spool itself. What cannot be read is none. */
export function waitingFiles(spool: string): WaitingFiles {
  const names = namesIn(spool);
  return { folder: spool, files: names.filter(isSpoolName).length, hasMore: names.length >= SPOOL.counted };
}

/** What the relay keeps there for itself. */
const ITS_OWN = [DEAD, LOCK, PROCESS];

function namesIn(folder: string): string[] {
  let found: fs.Dir;
  try {
    found = fs.opendirSync(folder);
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    return []; // the spool is made at the start; who took it away since is told by `spool.failed`
  }
  try {
    const names: string[] = [];
    for (let entry = found.readSync(); entry !== null && names.length < SPOOL.counted; entry = found.readSync())
      if (!ITS_OWN.includes(entry.name)) names.push(entry.name);
    return names;
  } finally {
    found.closeSync();
  }
}
