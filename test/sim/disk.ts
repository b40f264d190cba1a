import { type ContentFiles, type ContentReader, type ContentWriter, StorageError } from "../../src/ports/content.ts";
import type { SpaceReport } from "../../src/ports/store.ts";
import type { Dice } from "./dice.ts";
import type { Faults } from "./faults.ts";
import type { Life, Timeline } from "./timeline.ts";

const PIECE_OCTETS = 64 * 1024;
const PLENTY = 10 ** 10;

/** What is wrong with the disk now. */
export interface DiskTrouble {
  /** Not enough for new mail; not enough for anything. */
  readonly space: "plenty" | "low" | "exhausted";
  /** Probabilities, of each write and read of content. */
  readonly writeFails: number;
  readonly readFails: number;
  /** Each takes that many times as long. */
  readonly slowness: number;
}

export const SOUND: DiskTrouble = { space: "plenty", writeFails: 0, readFails: 0, slowness: 1 };

interface File {
  readonly pieces: Uint8Array[];
  /** Synced, with its name. */
  isDurable: boolean;
}

/** The disk of the machine, as far as it is not the store's. It outlives the relay's process. */
export class Disk {
  readonly #timeline: Timeline;
  readonly #dice: Dice;
  readonly #faults: Faults;
  readonly #files = new Map<string, File>();
  trouble: DiskTrouble = SOUND;

  constructor(timeline: Timeline, dice: Dice, faults: Faults) {
    this.#timeline = timeline;
    this.#dice = dice;
    this.#faults = faults;
  }

  get space(): SpaceReport {
    const { space } = this.trouble;
    return {
      freeOctets: space === "plenty" ? PLENTY : 0,
      mayAccept: space === "plenty",
      mayDeliver: space !== "exhausted",
    };
  }

  /** The whole of it is on stable storage. */
  has(name: string): boolean {
    return this.#files.get(name)?.isDurable === true;
  }

  contentOf(name: string): Buffer {
    return Buffer.concat(this.#files.get(name)?.pieces ?? missing(name));
  }

  remove(name: string): void {
    this.#files.delete(name);
  }

  /** Removes what no message has. */
  sweep(known: ReadonlySet<string>): void {
    for (const name of this.#files.keys()) if (!known.has(name)) this.#files.delete(name);
  }

  /** What was not synced is gone. */
  cutPower(): void {
    for (const [name, { isDurable }] of this.#files) if (!isDurable) this.#files.delete(name);
  }

  /** For one run of the relay. */
  contents(life: Life): ContentFiles {
    return { create: (name) => this.#writer(life, name), open: (name) => this.#reader(life, name) };
  }

  #writer(life: Life, name: string): ContentWriter {
    const file: File = { pieces: [], isDurable: false };
    return {
      write: async (parts) => {
        await this.#takes(life, 3);
        this.#mayFail("content-write");
        this.#files.set(name, file);
        for (const part of parts) file.pieces.push(part.slice());
      },
      finish: async () => {
        await this.#takes(life, 20);
        this.#mayFail("content-sync");
        file.isDurable = true;
      },
      discard: () => {
        if (!life.isDead) this.#files.delete(name);
      },
    };
  }

  #reader(life: Life, name: string): ContentReader {
    let at = 0;
    return {
      read: async () => {
        await this.#takes(life, 2);
        if (this.#dice.happens(this.trouble.readFails)) {
          this.#faults.count("disk-content-read");
          throw new StorageError("failed", "reading content: EIO");
        }
        const whole = this.contentOf(name);
        const piece = whole.subarray(at, at + PIECE_OCTETS);
        at += piece.length;
        return piece.length === 0 ? undefined : Uint8Array.from(piece);
      },
      close: () => undefined,
    };
  }

  #mayFail(what: string): void {
    const { space, writeFails } = this.trouble;
    if (space === "plenty" && !this.#dice.happens(writeFails)) return;
    this.#faults.count(`disk-${what}`);
    throw new StorageError(space === "plenty" ? "failed" : "full", `${what}: ${space === "plenty" ? "EIO" : "ENOSPC"}`);
  }

  /** A process that dies meanwhile never hears of it. */
  #takes(life: Life, most: number): Promise<void> {
    return new Promise((resolve) => {
      const delay = this.#dice.fraction() * most * this.trouble.slowness;
      this.#timeline.after(delay, () => {
        if (!life.isDead) resolve();
      });
    });
  }
}

function missing(name: string): never {
  throw new StorageError("failed", `reading content: no file ${name}`);
}
