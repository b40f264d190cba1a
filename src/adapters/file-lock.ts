import fs from "node:fs";
import { DatabaseSync } from "node:sqlite";

const BUSY = 5; // SQLITE_BUSY

/**
 * A lock of the kernel on a file, made where it is not there, that ends with the process, however it ends. Undefined where
 * another process has it.
 */
export function lockFile(file: string): { release(): void } | undefined {
  const database = new DatabaseSync(file);
  try {
    // A file that has a page is not written by a lock, so that a full disk does not keep the relay from starting.
    const isNew = database.prepare("PRAGMA page_count").get()?.["page_count"] === 0;
    database.exec(`${isNew ? "PRAGMA user_version = 1;" : ""} PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE`);
    return { release: () => database.close() };
  } catch (error) {
    database.close();
    if (isBusy(error)) return undefined;
    throw error;
  }
}

/** Whether another process is known to have it. Nothing is made or changed; what is wrong with the file, who locks it finds. */
export function isLocked(file: string): boolean {
  if (fs.lstatSync(file, { throwIfNoEntry: false })?.isFile() !== true) return false;
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    database.prepare("PRAGMA page_count").get();
    return false;
  } catch (error) {
    return isBusy(error); // a journal that a kill left can be rolled back only by who writes
  } finally {
    database.close();
  }
}

function isBusy(error: unknown): boolean {
  return ((error as { errcode?: number }).errcode ?? 0) % 256 === BUSY;
}
