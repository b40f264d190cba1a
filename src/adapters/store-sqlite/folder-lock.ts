import path from "node:path";
import { DatabaseSync } from "node:sqlite";

/**
 * Makes this process the only one on a data folder, by a lock of the kernel on `lock.db` that ends with the process,
 * however it ends. Undefined where another process has it.
 */
export function lockFolder(folder: string): { release(): void } | undefined {
  const database = new DatabaseSync(path.join(folder, "lock.db"));
  try {
    // A file that has a page is not written by a lock, so that a full disk does not keep the relay from starting.
    const isNew = database.prepare("PRAGMA page_count").get()?.["page_count"] === 0;
    database.exec(`${isNew ? "PRAGMA user_version = 1;" : ""} PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE`);
    return { release: () => database.close() };
  } catch (error) {
    database.close();
    const isTaken = ((error as { errcode?: number }).errcode ?? 0) % 256 === 5; // SQLITE_BUSY
    if (isTaken) return undefined;
    throw error;
  }
}
