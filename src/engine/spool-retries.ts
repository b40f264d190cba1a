import { SPOOL } from "../core/base/limits.ts";
import type { Duration } from "../core/base/time.ts";

interface Retry {
  /** When it failed first; undefined where all of it was the relay's own trouble. */
  readonly failingSince: number | undefined;
  readonly failures: number;
  readonly notBefore: number;
}

const NONE: Retry = { failingSince: undefined, failures: 0, notBefore: 0 };

/**
 * Files of the spool that could not be taken, and when each is tried again; those that failed last come last. Times are of the
 * monotonic clock.
 */
export class SpoolRetries {
  readonly #retries = new Map<string, Retry>();

  isDue(name: string, now: number): boolean {
    return (this.#retries.get(name) ?? NONE).notBefore <= now;
  }

  /** It is not there any more. */
  forget(name: string): void {
    this.#retries.delete(name);
  }

  /** What was due long ago and was not seen since is gone: its owner may take a file back. */
  forgetOld(now: number): void {
    for (const [name, { notBefore }] of this.#retries) {
      if (now - notBefore <= SPOOL.failingMin) return;
      this.#retries.delete(name);
    }
  }

  /** The relay could not, whatever the file is: it is tried again soon, and that counts for nothing. */
  delayed(name: string, now: number): void {
    const { failingSince, failures } = this.#retries.get(name) ?? NONE;
    this.#set(name, { failingSince, failures, notBefore: now + SPOOL.retry });
  }

  /** It is tried again later and later. Answers for how long it has failed by now. */
  failed(name: string, now: number): Duration {
    const { failingSince = now, failures } = this.#retries.get(name) ?? NONE;
    const delay = Math.min(SPOOL.retry * 2 ** failures, SPOOL.retryMax);
    this.#set(name, { failingSince, failures: failures + 1, notBefore: now + delay });
    return now - failingSince;
  }

  /**
   * Those beyond so many are tried in their turns as if they were new: the others come to their end meanwhile, and make room. To
   * forget one that is known for another would let a flood keep all of them from ever being given up.
   */
  #set(name: string, retry: Retry): void {
    if (!this.#retries.delete(name) && this.#retries.size === SPOOL.retriesMax) return;
    this.#retries.set(name, retry);
  }
}
