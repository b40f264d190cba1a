import { randomFillSync } from "node:crypto";
import fs from "node:fs";
import { MiB } from "../../core/base/limits.ts";

/**
 * Room on the disk that is set aside in a file, so that nobody else takes it: given back when the disk is full, it is
 * what the ends of deliveries are recorded in.
 */
export class Reserve {
  readonly #file: string;
  readonly #octets: number;

  constructor(file: string, octets: number) {
    this.#file = file;
    this.#octets = octets;
  }

  get isHeld(): boolean {
    return fs.statSync(this.#file, { throwIfNoEntry: false })?.size === this.#octets;
  }

  /** Takes the room; false where there is not enough. Written with noise: holes and what compresses take none. */
  hold(): boolean {
    const piece = randomFillSync(Buffer.alloc(MiB));
    try {
      const handle = fs.openSync(this.#file, "w", 0o600);
      try {
        for (let at = 0; at < this.#octets; at += piece.length)
          fs.writeSync(handle, piece, 0, Math.min(piece.length, this.#octets - at));
      } finally {
        fs.closeSync(handle);
      }
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ENOSPC" && code !== "EDQUOT") throw error;
      this.release();
      return false;
    }
  }

  release(): void {
    fs.rmSync(this.#file, { force: true });
  }
}
