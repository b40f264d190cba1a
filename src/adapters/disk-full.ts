import type { DatabaseSync } from "node:sqlite";

// How a full disk shows to SQLite and to the system, and what a database can give back.

const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;
/** The shared memory beside the WAL cannot grow, which is what a full disk looks like to it. */
const SQLITE_IOERR_SHMSIZE = 4874;
const SQLITE_IOERR_WRITE = 778;

/** Whether SQLite or the system failed because the disk is full. */
export function isDiskFull(error: unknown): boolean {
  const { errcode, code } = error as { readonly errcode?: number; readonly code?: string };
  return (
    code === "ENOSPC" ||
    code === "EDQUOT" ||
    errcode === SQLITE_IOERR_SHMSIZE ||
    ((errcode ?? 0) & 0xff) === SQLITE_FULL
  );
}

/**
 * Whether a write was not made, and what was written before stands: the system refused it, as it does where a quota is
 * used up, or another program has the file locked for longer than is waited.
 */
export function isWriteRefused(error: unknown): boolean {
  const { errcode = 0 } = error as { readonly errcode?: number };
  return errcode === SQLITE_IOERR_WRITE || (errcode & 0xff) === SQLITE_BUSY;
}

/** Whether the same may do later: nothing is damaged. */
export function mayPass(error: unknown): boolean {
  return isDiskFull(error) || isWriteRefused(error);
}

/** How long a statement waits for another program's lock. */
export const BUSY_TIMEOUT_MS = 5000;

/** Empties the WAL into the database and gives its room back, as far as readers let it: none is waited for. */
export function shortenLog(database: DatabaseSync): void {
  try {
    database.exec("PRAGMA busy_timeout = 0; PRAGMA wal_checkpoint(TRUNCATE)");
  } catch (error) {
    if (!mayPass(error)) throw error; // there is no room even for this
  } finally {
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  }
}
