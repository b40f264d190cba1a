// Two relays on one spool would share its mail at random. The lock is in `dead`, where only the relay gets to, and in no `*` of a shell.
import fs from "node:fs";
import path from "node:path";
import { isLocked, lockFile } from "../file-lock.ts";
import { DEAD, LOCK, PROCESS } from "./names.ts";

/** Throws where another process has it, or it cannot be had. */
export function takeSpool(spool: string): { release(): void } {
  const lock = path.join(spool, DEAD, LOCK);
  let taken: { release(): void } | undefined;
  try {
    taken = lockFile(lock);
  } catch (error) {
    throw new Error(`${lock}, the spool's lock, cannot be had: ${textOf(error)}`, { cause: error });
  }
  if (taken === undefined) throw new Error(spoolTaken(spool, processOf(spool)));
  try {
    fs.writeFileSync(path.join(spool, DEAD, PROCESS), `${process.pid}\n`, { mode: 0o600 });
    return taken;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOSPC" || code === "EDQUOT") return taken; // the number is for who finds it taken; the lock is what counts
    taken.release();
    throw error;
  }
}

export interface SpoolTaker {
  /** Its number, where it could leave it. */
  readonly pid: number | undefined;
}

/** The other process that takes mail from it, if there is one. */
export function takerOf(spool: string): SpoolTaker | undefined {
  return isLocked(path.join(spool, DEAD, LOCK)) ? { pid: processOf(spool) } : undefined;
}

export function spoolTaken(spool: string, pid: number | undefined): string {
  const other = pid === undefined ? "" : `, process ${pid},`;
  return `another Waypost${other} takes mail from the spool ${spool}; it may run on the same data folder, also where its lock and its number are gone from there: then stop it first, for two on one data folder send mail twice. Only where its data folder is another one, name another folder in \`sendmail.spool\` of one of them`;
}

function processOf(spool: string): number | undefined {
  const file = path.join(spool, DEAD, PROCESS);
  if (fs.lstatSync(file, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
  const text = fs.readFileSync(file, "utf8").trim();
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
