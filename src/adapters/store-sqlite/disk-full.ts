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

/** Whether a write was refused, as it is where a quota is used up: what was written before stands. */
export function isWriteRefused(error: unknown): boolean {
  return (error as { readonly errcode?: number }).errcode === SQLITE_IOERR_WRITE;
}
