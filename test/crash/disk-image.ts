import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { mayMount } from "../support/small-disk.ts";
import { temporaryFolder, undoAtEnd, unmount } from "../support/undo.ts";

/** Why this machine cannot make such a disk; undefined where it can. */
export function diskObstacle(): string | undefined {
  if (!mayMount) return "not root";
  if (spawnSync("mkfs.ext4", ["-V"]).status !== 0) return "no mkfs.ext4";
  return existsSync("/dev/loop-control") ? undefined : "no loop devices";
}

/**
 * A disk that can lose power: ext4 in a file. What a program wrote and nobody synced is in the kernel's memory and not in the
 * file, so a copy of the file is what a disk has after the power went.
 */
export class DiskImage {
  readonly #folder = temporaryFolder("disk");
  readonly #place: string;
  #cuts = 0;
  #isMounted = false;
  readonly #undo = undoAtEnd(() => {
    this.#unmount();
    this.#folder.remove();
  });

  /** Mounted at `place`, which becomes a folder. It grows up to `mebibytes`. */
  constructor(place: string, mebibytes: number) {
    this.#place = place;
    writeFileSync(this.#file, "");
    truncateSync(this.#file, mebibytes * 2 ** 20);
    execFileSync("mkfs.ext4", ["-q", "-F", "-m", "0", this.#file]);
    mkdirSync(place, { recursive: true });
    this.#mount();
    rmSync(path.join(place, "lost+found"), { recursive: true });
  }

  /** The power goes and comes back. No process may have a file open there any more. */
  cut(): void {
    const before = this.#file;
    this.#cuts++;
    // The copy first: to unmount is to write.
    execFileSync("cp", ["--sparse=always", "--reflink=never", before, this.#file]);
    this.#unmount();
    rmSync(before);
    this.#mount();
  }

  remove(): void {
    this.#undo();
  }

  get #file(): string {
    return path.join(this.#folder.folder, `${this.#cuts}.img`);
  }

  /** A journal of which a part was being written while it was copied is told by its checksums. */
  #mount(): void {
    execFileSync("mount", ["-o", "loop,journal_checksum", this.#file, this.#place]);
    this.#isMounted = true;
  }

  #unmount(): void {
    if (this.#isMounted) unmount(this.#place); // and its loop device is free
    this.#isMounted = false;
  }
}
