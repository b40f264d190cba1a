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

  /**
   * Takes the room; false where it cannot be had, whatever the system has against it: a full disk, a quota, a file system
   * that takes no changes. Part of it would only take room from the rest, so none stays.
   */
  hold(): boolean {
    try {
      this.#write();
    } catch (error) {
      if (!isOfTheSystem(error)) throw error;
    }
    if (this.isHeld) return true;
    this.release();
    return false;
  }

  release(): void {
    try {
      fs.rmSync(this.#file, { force: true });
    } catch (error) {
      if (!isOfTheSystem(error)) throw error; // what may not be removed is room for nothing else either
    }
  }

  /** With noise: holes and what compresses take no room. */
  #write(): void {
    const piece = randomFillSync(Buffer.alloc(MiB));
    const handle = fs.openSync(this.#file, "w", 0o600);
    try {
      for (let at = 0; at < this.#octets; at += piece.length)
        fs.writeSync(handle, piece, 0, Math.min(piece.length, this.#octets - at));
    } finally {
      fs.closeSync(handle);
    }
  }
}

function isOfTheSystem(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).syscall !== undefined;
}
