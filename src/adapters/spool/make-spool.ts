import fs from "node:fs";
import path from "node:path";
import { syncFolderNow } from "../durable.ts";
import { type Owner, giveFolder, placeOf } from "../given-folder.ts";
import { DEAD } from "./names.ts";

/**
 * Everybody may put a file there, nobody may see which others are there, and nobody may remove another's (sticky). New files
 * are of the folder's group (setgid), which is the relay's, so that it may read what no other user may.
 */
const EVERYBODY_PUTS = 0o3733;
const STICKY = 0o1000;
const OTHERS_WRITE = 0o022;

/**
 * Makes the spool where it is not there, for everybody, or where it lies in a folder that is closed to others, for its owner.
 * Answers what is wrong with one that is there.
 */
export function makeSpool(folder: string, isForEverybody: boolean): string | undefined {
  if (fs.lstatSync(folder, { throwIfNoEntry: false }) === undefined) {
    const why = create(folder, undefined, isForEverybody);
    if (why !== undefined) return why;
  }
  const facts = fs.lstatSync(folder);
  const uid = process.geteuid?.() ?? facts.uid;
  if (!facts.isDirectory()) return "it is no folder";
  if (facts.uid !== uid)
    return `it belongs to user ${facts.uid}, and the relay runs as ${uid}: run chown ${uid} ${folder}`;
  if ((facts.mode & OTHERS_WRITE) !== 0 && (facts.mode & STICKY) === 0)
    return `its users could remove each other's files: run chmod 3733 ${folder}`;
  const dead = path.join(folder, DEAD);
  const grave = fs.lstatSync(dead, { throwIfNoEntry: false });
  if (grave === undefined) fs.mkdirSync(dead, { mode: 0o700 });
  else if (!grave.isDirectory() || grave.uid !== uid) return `${dead} is there and not the relay's: remove it`;
  return undefined;
}

/** The same by root for another user, where none is there. */
export function giveSpool(folder: string, owner: Owner): string | undefined {
  return fs.lstatSync(folder, { throwIfNoEntry: false }) === undefined ? create(folder, owner, true) : undefined;
}

/** Open to others last: nobody has put anything there before. One that is half made is not left to look like a whole one. */
function create(folder: string, owner: Owner | undefined, isForEverybody: boolean): string | undefined {
  fs.mkdirSync(folder, { mode: 0o700 });
  try {
    if (owner === undefined) {
      fs.mkdirSync(path.join(folder, DEAD), { mode: 0o700 });
      if (isForEverybody) fs.chmodSync(folder, EVERYBODY_PUTS);
    } else giveFolder(folder, owner, { fill: (descriptor) => makeDead(descriptor, owner), mode: EVERYBODY_PUTS });
    syncFolderNow(folder);
    syncFolderNow(path.dirname(folder));
    return undefined;
  } catch (error) {
    for (const each of [path.join(folder, DEAD), folder]) removeEmpty(each);
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (code !== "EPERM" || (syscall !== "chmod" && syscall !== "fchmod")) throw error;
    const { uid, gid } = owner ?? { uid: process.geteuid?.(), gid: process.getegid?.() };
    return `the relay may not give it mode 3733 (RestrictSUIDSGID of a systemd unit forbids that): have root make it once, with install -d -o ${uid} -g ${gid} -m 3733 ${folder}`;
  }
}

function makeDead(spool: number, owner: Owner): void {
  const dead = path.join(placeOf(spool), DEAD);
  fs.mkdirSync(dead, { mode: 0o700 });
  giveFolder(dead, owner);
}

function removeEmpty(folder: string): void {
  try {
    fs.rmdirSync(folder);
  } catch {
    // The error that counts came before.
  }
}
