import fs from "node:fs";
import path from "node:path";
import { syncFolderNow } from "../durable.ts";
import { type Owner, giveFolder } from "../given-folder.ts";

/**
 * Makes a folder and those above it, for its owner only and durably; what root makes for another user is that user's. Throws the system's error. (Node's own recursive mkdir does not
 * come back where the system says ENOENT to a folder whose parent exists, as in `/proc`.)
 */
export function makeFolder(folder: string, owner?: Owner): void {
  const found = fs.lstatSync(folder, { throwIfNoEntry: false });
  if (found?.isSymbolicLink() === true && !fs.existsSync(folder)) throw new Error("it is a symbolic link to nothing");
  if (found !== undefined && !fs.statSync(folder).isDirectory()) throw new Error("it is not a folder");
  const missing: string[] = [];
  for (let at = path.resolve(folder); !fs.existsSync(at); at = path.dirname(at)) missing.push(at);
  for (const at of missing.toReversed()) {
    fs.mkdirSync(at, { mode: 0o700 });
    if (owner !== undefined) giveFolder(at, owner);
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
