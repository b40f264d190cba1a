import fs from "node:fs";
import path from "node:path";
import { syncFolderNow } from "../durable.ts";

/**
 * Makes a folder and those above it, for its owner only and durably. Throws the system's error. (Node's own recursive mkdir does not
 * come back where the system says ENOENT to a folder whose parent exists, as in `/proc`.)
 */
export function makeFolder(folder: string): void {
  const found = fs.lstatSync(folder, { throwIfNoEntry: false });
  if (found?.isSymbolicLink() === true && !fs.existsSync(folder)) throw new Error("it is a symbolic link to nothing");
  if (found !== undefined && !fs.statSync(folder).isDirectory()) throw new Error("it is not a folder");
  for (const at of missingOf(folder)) {
    fs.mkdirSync(at, { mode: 0o700 });
    syncIfReadable(path.dirname(at));
  }
  fs.accessSync(folder, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
}

/** Where we may make a folder and not look, it is durable when the system gets to it. */
function syncIfReadable(folder: string): void {
  try {
    syncFolderNow(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EACCES") throw error;
  }
}

/** What is not there of a path, the first part first. */
export function missingOf(folder: string): readonly string[] {
  const missing: string[] = [];
  for (let at = path.resolve(folder); !fs.existsSync(at); at = path.dirname(at)) missing.unshift(at);
  return missing;
}
