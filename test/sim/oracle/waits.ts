import type { Account } from "./accounts.ts";
import { type Bench, SLACK_MS } from "./bench.ts";

export interface WaitTerms {
  /** The longest wait between two attempts, as the configuration has it. */
  readonly longestWaitMs: number;
  /** Between two messages at the next hop that is spared most. */
  readonly msPerMessage: number;
}

/** A wait is so much longer than the configuration has it, at most (docs/reference/configuration.md). */
const LENGTHENED = 1.15;
/** A next hop that was away is asked again within this (docs/operating/routing.md). */
export const BLOCK_MS_MAX = 5 * 60_000 * LENGTHENED;

/**
 * Nothing is wrong any more: what waits is tried before long (promise P2). An end by age is none, where nobody was asked
 * although everybody was well.
 */
export class WaitJudge {
  readonly #bench: Bench;
  readonly #terms: WaitTerms;
  readonly #triedAt = new Map<string, number>();
  /** Since then nothing is wrong, and so many waited. */
  #calm: { readonly at: number; readonly backlog: number } | undefined;

  constructor(bench: Bench, terms: WaitTerms) {
    this.#bench = bench;
    this.#terms = terms;
  }

  tried(address: string): void {
    this.#triedAt.set(address, this.#bench.now());
  }

  calm(backlog: number): void {
    this.#calm = { at: this.#bench.now(), backlog };
  }

  /** Of one that waits, or ends by its age. */
  judge({ address, letter }: Account): void {
    if (this.#calm === undefined) return;
    const { at, backlog } = this.#calm;
    const last = Math.max(letter.committedAt, this.#triedAt.get(address) ?? 0);
    const waited = this.#bench.now() - Math.max(at, last);
    const most = this.#longest(backlog);
    if (waited > most)
      this.#bench.violation(
        "P2",
        `${address} of ${letter.key} was not tried for ${waited} ms, of at most ${most}, and nothing is wrong any more`,
      );
  }

  #longest(backlog: number): number {
    const { longestWaitMs, msPerMessage } = this.#terms;
    return Math.ceil(longestWaitMs * LENGTHENED + BLOCK_MS_MAX + backlog * msPerMessage + SLACK_MS);
  }
}
