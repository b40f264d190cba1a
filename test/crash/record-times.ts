import { DatabaseSync } from "node:sqlite";
import type { Copy } from "../support/accounting-sink.ts";
import { sleep } from "../support/sleep.ts";

// How long a relay takes from the sink's answer to the record of it, seen in its store from outside: one delivery at a time, so that
// looking costs it little.

const APART_MS = 40;

export class RecordTimes {
  readonly #file: string;
  readonly #times: number[] = [];
  #following: Promise<void> | undefined;
  #nextAt = 0;
  #isOn = false;

  constructor(file: string) {
    this.#file = file;
  }

  /** Each in ms, the shortest first. */
  get times(): readonly number[] {
    return this.#times.toSorted((a, b) => a - b);
  }

  /** A relay has the store open. */
  begin(): void {
    this.#isOn = true;
  }

  /** It is going to be stopped, or killed: what is not recorded by now is not counted, and the store is let go. */
  async end(): Promise<void> {
    this.#isOn = false;
    await this.#following;
  }

  /** The sink is about to answer. */
  look({ from, recipients, loggedAt, wasClosed }: Copy): void {
    if (!this.#isOn || from === "" || wasClosed || this.#following !== undefined) return;
    if (performance.now() < this.#nextAt) return;
    this.#following = this.#follow(recipients.at(-1)!, loggedAt).finally(() => {
      this.#following = undefined;
      this.#nextAt = performance.now() + APART_MS;
    });
  }

  async #follow(recipient: string, answeredAt: number): Promise<void> {
    const database = new DatabaseSync(this.#file, { readOnly: true });
    try {
      database.exec("PRAGMA busy_timeout = 1000");
      const found = database.prepare("SELECT row FROM delivery WHERE state = 1 AND recipient = ?").get(recipient);
      if (found === undefined) return;
      const left = database.prepare("SELECT 1 FROM delivery WHERE row = ?");
      while (left.get(found["row"]!) !== undefined) {
        await sleep(1);
        if (!this.#isOn) return;
      }
      this.#times.push(performance.now() - answeredAt);
    } finally {
      database.close();
    }
  }
}

/** The value that this share of the times does not exceed; 0 where there are none. */
export function quantile(times: readonly number[], share: number): number {
  return times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
}
