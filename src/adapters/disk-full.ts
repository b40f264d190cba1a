// How a full disk shows to SQLite and to the system.

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
