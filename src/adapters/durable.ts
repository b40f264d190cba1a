import fs from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import path from "node:path";

// What is on stable storage after a power cut: the octets of a file after its sync, its name after a sync of the folder
// that it stands in; and so for that folder's own name.

/** Puts a finished file on stable storage: its octets, then the directory entry that names it. */
export async function makeDurable(handle: FileHandle, file: string): Promise<void> {
  await handle.sync();
  await syncFolder(path.dirname(file));
}

/** The names in a folder are on stable storage. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The same for a start, which has nothing else to do. */
export function syncFolderNow(folder: string): void {
  const descriptor = fs.openSync(folder, "r");
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}
