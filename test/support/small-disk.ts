import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import path from "node:path";
import { undoAtEnd, unmount } from "./undo.ts";

const MiB = 1024 * 1024;
const PAGE = 4096;

export const mayMount = process.getuid?.() === 0 && process.platform === "linux";

/** A disk of a few MiB in memory that somebody else fills up. */
export class SmallDisk {
  readonly #place: string;
  /** Its end. */
  readonly remove: () => void;

  /** Mounted at `place`, which becomes a folder. */
  constructor(place: string, mebibytes: number) {
    this.#place = place;
    mkdirSync(place, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m`, "tmpfs", place]);
    this.remove = undoAtEnd(() => unmount(place));
  }

  /** Takes this much more, or all there is. */
  fill(octets = Number.POSITIVE_INFINITY): void {
    const ballast = openSync(this.#ballast, "a");
    try {
      // Page by page at the end, so that not one is left.
      for (let left = octets, piece = MiB; left > 0; left -= piece) {
        try {
          writeSync(ballast, Buffer.alloc(piece));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
          if (piece === PAGE) return;
          piece = PAGE;
        }
      }
    } finally {
      closeSync(ballast);
    }
  }

  free(): void {
    rmSync(this.#ballast, { force: true });
  }

  get #ballast(): string {
    return path.join(this.#place, "ballast");
  }
}
