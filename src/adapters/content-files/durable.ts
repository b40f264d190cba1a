import fs from "node:fs/promises";
import path from "node:path";

/** Puts a finished file on stable storage: its octets, then the directory entry that names it. */
export async function makeDurable(handle: fs.FileHandle, file: string): Promise<void> {
  await handle.sync();
  const directory = await fs.open(path.dirname(file), "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
