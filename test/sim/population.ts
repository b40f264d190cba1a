import { type ClientParts, sendLetters } from "./client.ts";
import type { Dice } from "./dice.ts";
import { crowd, flood, misbehave } from "./rogues.ts";
import { HOUR_MS, SESSIONS_MAX } from "./scenery.ts";
import type { SpoolFolder } from "./spool.ts";

const CLIENTS_PER_HOUR = 18;

export interface PopulationParts {
  readonly dice: Dice;
  readonly clients: ClientParts;
  readonly spool: SpoolFolder;
  /** By the wall clock. */
  readonly now: () => number;
  /** At some time comes more than a mail thread keeps in memory. */
  readonly isFlooded: boolean;
}

/** Who brings mail: one now and then, sometimes many at once, and some with no good in mind. */
export class Population {
  readonly #parts: PopulationParts;
  #count = 0;
  /** Clients that are not done. */
  underWay = 0;

  constructor(parts: PopulationParts) {
    this.#parts = parts;
  }

  /** They come until `end`. */
  begin(end: number): void {
    const { dice, clients, isFlooded } = this.#parts;
    const { timeline } = clients;
    const mean = HOUR_MS / CLIENTS_PER_HOUR;
    const come = (): void => {
      const count = dice.happens(0.06) ? dice.between(4, 15) : 1;
      for (let n = 0; n < count; n++) this.#come();
      const next = dice.gap(mean);
      if (timeline.now + next < end) timeline.after(next, come);
    };
    timeline.after(dice.gap(mean), come);
    if (isFlooded) timeline.after(end * dice.fraction(), () => void this.#accompany(flood(clients, "flood")));
  }

  #come(): void {
    const { dice, clients } = this.#parts;
    const name = `client ${++this.#count}`;
    const chance = dice.fraction();
    if (chance < 0.05) this.#leave();
    else if (chance < 0.85) void this.#accompany(sendLetters(clients, name));
    else if (chance < 0.99) void this.#accompany(misbehave(clients, name));
    else void this.#accompany(crowd(clients, name, SESSIONS_MAX));
  }

  /** A program of this machine, which takes itself for done. */
  #leave(): void {
    const { dice, clients, spool, now } = this.#parts;
    const letter = clients.writer.letter({ isPermitted: true, domain: dice.pick(["good.test", "mx1.test"]) });
    letter.fate = "acknowledged";
    for (const account of letter.accounts.values()) account.isNamed = true;
    clients.ledger.wrote(letter);
    spool.leave(letter, now());
  }

  async #accompany(client: Promise<void>): Promise<void> {
    this.underWay++;
    await client;
    this.underWay--;
  }
}
