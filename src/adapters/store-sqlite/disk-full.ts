const SQLITE_FULL = 13;
/** The shared memory beside the WAL cannot grow, which is what a full disk looks like to it. */
const SQLITE_IOERR_SHMSIZE = 4874;

/** Whether SQLite or the system failed because the disk is full. */
export function isDiskFull(error: unknown): boolean {
  const { errcode, code } = error as { readonly errcode?: number; readonly code?: string };
  return code === "ENOSPC" || errcode === SQLITE_IOERR_SHMSIZE || ((errcode ?? 0) & 0xff) === SQLITE_FULL;
}
