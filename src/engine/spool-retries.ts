import { SPOOL } from "../core/base/limits.ts";
import type { Duration } from "../core/base/time.ts";

interface Retry {
  /** When it failed first; undefined where all of it was the relay's own trouble. */
  readonly failingSince: number | undefined;
  readonly failures: number;
  readonly notBefore: number;
}

/** Files of the spool that could not be taken, and when each is tried again. Times are of the monotonic clock. */
export class SpoolRetries {
  #retries = new Map<string, Retry>();

  isDue(name: string, now: number): boolean {
    return (this.#retries.get(name)?.notBefore ?? 0) <= now;
  }

  /** Of files that are not there any more nothing is known. */
  keepOnly(names: readonly string[]): void {
    const there = new Set(names);
    for (const name of this.#retries.keys()) if (!there.has(name)) this.#retries.delete(name);
  }

  /** The relay could not, whatever the file is: it is tried again soon, and that counts for nothing. */
  delayed(name: string, now: number): void {
    const { failingSince, failures = 0 } = this.#retries.get(name) ?? {};
    this.#retries.set(name, { failingSince, failures, notBefore: now + SPOOL.retry });
  }

  /** It is tried again later and later. Answers for how long it has failed by now. */
  failed(name: string, now: number): Duration {
    const { failingSince = now, failures = 0 } = this.#retries.get(name) ?? {};
    const delay = Math.min(SPOOL.retry * 2 ** failures, SPOOL.retryMax);
    this.#retries.set(name, { failingSince, failures: failures + 1, notBefore: now + delay });
    return now - failingSince;
  }
}
