import type { Entropy } from "../../src/ports/entropy.ts";
import { type Chance, between, seeded } from "../support/chance.ts";

/** Everything that is left to chance in a world. */
export class Dice {
  readonly #chance: Chance;

  constructor(seed: number) {
    this.#chance = seeded(seed);
  }

  /** In [0, 1). */
  fraction(): number {
    return this.#chance();
  }

  /** True with this probability. Draws nothing where there is no doubt. */
  happens(probability: number): boolean {
    return probability > 0 && this.#chance() < probability;
  }

  between(min: number, max: number): number {
    return between(this.#chance, min, max);
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#chance() * items.length)]!;
  }

  /** Small more often than large: spread evenly over magnitudes. */
  magnitude(min: number, max: number): number {
    return min * (max / min) ** this.#chance();
  }

  /** Of events that come at any moment, the time to the next one. */
  gap(mean: number): number {
    return -Math.log(1 - this.#chance()) * mean;
  }

  /** Others that draw from it leave this one as it is. */
  split(): Dice {
    return new Dice(Math.floor(this.#chance() * 2 ** 32));
  }
}

export function entropyOf(dice: Dice): Entropy {
  return {
    octets: (count) => Uint8Array.from({ length: count }, () => dice.between(0, 255)),
    fraction: () => dice.fraction(),
  };
}
