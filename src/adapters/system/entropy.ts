import { randomFillSync } from "node:crypto";
import type { Entropy } from "../../ports/entropy.ts";

const POOL_OCTETS = 4096;

/** The system's generator, asked for some thousand octets at a time; no octet is given out twice. */
export class SystemEntropy implements Entropy {
  readonly #pool = new Uint8Array(POOL_OCTETS);
  #at = POOL_OCTETS;

  octets(count: number): Uint8Array {
    if (count > POOL_OCTETS) return randomFillSync(new Uint8Array(count));
    if (this.#at + count > POOL_OCTETS) {
      randomFillSync(this.#pool);
      this.#at = 0;
    }
    const octets = this.#pool.slice(this.#at, this.#at + count);
    this.#at += count;
    return octets;
  }

  fraction(): number {
    return Math.random();
  }
}
