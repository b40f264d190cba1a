import type { OpenedFile, Spool, SpoolLook, SpooledFile } from "../../src/ports/spool.ts";
import type { Dice } from "./dice.ts";
import type { Faults } from "./faults.ts";
import type { Letter } from "./oracle/accounts.ts";
import { octetsOf } from "./smtp-text.ts";
import type { Life, SimClock, Timeline } from "./timeline.ts";

const UID = 1000;

interface Left {
  readonly octets: Uint8Array;
  readonly at: number;
  /** Gone, and after a power cut there again, unless that was synced. */
  isRemoved: boolean;
}

export interface SpoolParts {
  readonly timeline: Timeline;
  readonly dice: Dice;
  readonly faults: Faults;
}

/** The folder where programs of the machine leave mail. It outlives the relay. */
export class SpoolFolder {
  readonly #parts: SpoolParts;
  readonly #files = new Map<string, Left>();
  /** Somebody looks, and there is nothing. */
  #stir: (() => void) | undefined;
  #count = 0;

  constructor(parts: SpoolParts) {
    this.#parts = parts;
  }

  /** Files that nobody took yet. */
  get length(): number {
    return this.#names().length;
  }

  /** A program leaves a letter, and is told that it is kept. */
  leave(letter: Letter, wallNow: number): void {
    const { content, from, accounts } = letter;
    const body = content.some((octet) => octet > 0x7f) ? " BODY=8BITMIME" : "";
    const rcpts = [...accounts.keys()].map((address) => `RCPT TO:<${address}>\r\n`);
    const head = `WAYPOST SPOOL 1\r\nMAIL FROM:<${from}> SIZE=${content.length}${body}\r\n${rcpts.join("")}\r\n`;
    const name = `${Math.floor(wallNow).toString(36).padStart(9, "0")}${(++this.#count).toString(16).padStart(32, "0")}`;
    this.#files.set(name, { octets: Buffer.concat([octetsOf(head), content]), at: wallNow, isRemoved: false });
    this.#parts.faults.count("spool-left");
    this.#stir?.();
  }

  /** What was removed and not synced is there again. */
  cutPower(): void {
    for (const left of this.#files.values()) left.isRemoved &&= this.#parts.dice.happens(0.5);
  }

  /** For one run of the relay, for its one look at a time. */
  spool(life: Life, clock: SimClock): Spool & { readonly stop: () => void } {
    let isStopped = false;
    return {
      look: async (): Promise<SpoolLook> => {
        if (this.length === 0 && !isStopped) await new Promise<void>((resolve) => (this.#stir = resolve));
        return { names: isStopped ? [] : this.#names(), isAll: true };
      },
      stop: () => {
        isStopped = true;
        this.#stir?.();
      },
      close: () => Promise.resolve(),
      open: async (name) => {
        await this.#takes(life);
        return this.#open(name, life);
      },
      userOf: (uid) => `user${uid}`,
      leftAt: (name) => Promise.resolve(this.#files.get(name)?.at),
      remove: async (name) => {
        await this.#takes(life);
        const left = this.#files.get(name);
        if (left !== undefined) left.isRemoved = true;
      },
      bury: (name) => this.#bury(name, clock),
      buryPart: (name) => this.#bury(name, clock),
      sync: async () => {
        await this.#takes(life);
        for (const [name, { isRemoved }] of this.#files) if (isRemoved) this.#files.delete(name);
      },
    };
  }

  #names(): string[] {
    return [...this.#files.keys()].filter((name) => !this.#files.get(name)!.isRemoved).toSorted();
  }

  #open(name: string, life: Life): OpenedFile {
    const left = this.#files.get(name);
    if (left === undefined || left.isRemoved) return { kind: "gone" };
    let at = 0;
    const file: SpooledFile = {
      uid: UID,
      user: `user${UID}`,
      isOurs: false,
      octets: left.octets.length,
      read: async (octetsMax) => {
        await this.#takes(life);
        const piece = left.octets.slice(at, at + octetsMax);
        at += piece.length;
        return piece;
      },
      close: () => Promise.resolve(),
    };
    return { kind: "file", file };
  }

  /** Nothing here is to be buried: the ledger finds its letter missing. */
  #bury(name: string, clock: SimClock): Promise<string> {
    this.#parts.faults.count("spool-buried");
    this.#files.delete(name);
    return Promise.resolve(`dead/${name} at ${clock.now()}`);
  }

  #takes(life: Life): Promise<void> {
    return new Promise((resolve) => {
      this.#parts.timeline.after(this.#parts.dice.fraction() * 5, () => {
        if (!life.isDead) resolve();
      });
    });
  }
}
