import fs from "node:fs";
import path from "node:path";

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Where a folder that is open is, whatever has become of its name. */
export function placeOf(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`;
}

export interface GivenFolder {
  /** Makes what is to be in it, by its descriptor, before anybody else can enter. */
  readonly fill?: (descriptor: number) => void;
  /** In place of 0700. */
  readonly mode?: number;
}

/**
 * Gives a folder that root has just made, and nothing else: who may write where it stands can put a link in its place, by
 * which root would give away a folder of others. Throws where it is not that folder, and what the system says.
 */
export function giveFolder(folder: string, owner: Owner, { fill, mode }: GivenFolder = {}): void {
  const descriptor = fs.openSync(folder, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW);
  try {
    const { uid } = fs.fstatSync(descriptor);
    if (uid !== process.geteuid?.() || fs.readdirSync(placeOf(descriptor)).length > 0)
      throw new Error(`somebody put another folder in the place of ${folder} while it was made`);
    fill?.(descriptor);
    fs.fchownSync(descriptor, owner.uid, owner.gid);
    if (mode !== undefined) fs.fchmodSync(descriptor, mode);
  } finally {
    fs.closeSync(descriptor);
  }
}

const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

/** Whether nobody but root can put another folder, or a link, in the place of a part of this path. */
export function isRootsAlone(folder: string): boolean {
  for (let at = fs.realpathSync(folder); ; at = path.dirname(at)) {
    const { uid, mode } = fs.statSync(at);
    if (uid !== 0 || ((mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0)) return false;
    if (at === path.dirname(at)) return true;
  }
}
