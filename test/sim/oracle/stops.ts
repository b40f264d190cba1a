import type { Bench } from "./bench.ts";

/** Of a stop: what one thread gets before the relay ends it all the same. */
export const STOP_MS_MAX = 35_000;
/** Until then sessions and next hops may keep it; afterwards there is only what is to be recorded. */
const DRAIN_MS_MAX = 30_000;
/** A stop that nothing keeps is over by then. */
const UNTROUBLED_MS_MAX = 34_000;

/** A stop has an end (promise P7): only a store that takes nothing may keep what is to be recorded from it. */
export class StopJudge {
  readonly #bench: Bench;
  #beganAt = Number.NEGATIVE_INFINITY;
  /** The first and the last time since then that the store took nothing. */
  #refused: { readonly from: number; readonly to: number } | undefined;

  constructor(bench: Bench) {
    this.#bench = bench;
  }

  began(): void {
    this.#beganAt = this.#bench.now();
    this.#refused = undefined;
  }

  storeRefused(): void {
    const to = this.#bench.now() - this.#beganAt;
    this.#refused = { from: this.#refused?.from ?? to, to };
  }

  /** It has lasted as long as it may, and is not over: the relay ends it. */
  isOverdue(): void {
    const { from, to } = this.#refused ?? { from: Infinity, to: -Infinity };
    if (from > UNTROUBLED_MS_MAX || to < DRAIN_MS_MAX)
      this.#bench.violation("P7", `a stop has no end after ${STOP_MS_MAX / 1000} s, and nothing keeps it`);
  }
}
