import path from "node:path";
import { lockFile } from "../file-lock.ts";

/**
 * Makes this process the only one on a data folder, by a lock of the kernel on `lock.db` that ends with the process,
 * however it ends. Undefined where another process has it.
 */
export function lockFolder(folder: string): { release(): void } | undefined {
  return lockFile(path.join(folder, "lock.db"));
}
