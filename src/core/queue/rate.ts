import { invariant } from "../base/invariant.ts";
import type { Duration } from "../base/time.ts";

/**
 * At most so many within any span of time of one length: exact, where a bucket of tokens would let twice as many through
 * at its edges (promise P8). Remembers as many moments as the limit has.
 */
export class Rate {
  readonly #limit: number;
  readonly #span: Duration;
  /** The last ones that were taken, by a clock that never goes back; the oldest at `#oldest` once it is full. */
  readonly #taken: number[] = [];
  #oldest = 0;

  /** `limit` is 1 or more. */
  constructor(limit: number, span: Duration) {
    invariant(limit >= 1, "a rate lets something through");
    this.#limit = limit;
    this.#span = span;
  }

  /** Another limit from now on; what was taken counts on. */
  withLimit(limit: number): Rate {
    if (limit === this.#limit) return this;
    const rate = new Rate(limit, this.#span);
    const oldest = Math.max(0, this.#taken.length - limit);
    for (let number = oldest; number < this.#taken.length; number++) rate.#taken.push(this.#moment(number));
    return rate;
  }

  /** When so many may be taken at once: `now`, or later; never, where that is more than the limit. */
  freeAt(now: number, count = 1): number {
    const toGo = count - (this.#limit - this.#taken.length);
    if (toGo <= 0) return now;
    return count > this.#limit ? Number.POSITIVE_INFINITY : Math.max(now, this.#moment(toGo - 1) + this.#span);
  }

  /** How many may be taken now. */
  room(now: number): number {
    return this.#limit - this.#taken.length + this.#over(now);
  }

  /** True where nothing was taken within the span: it is as good as new. */
  isFresh(now: number): boolean {
    return this.room(now) === this.#limit;
  }

  /** Those remembered that lie before the span: the oldest ones, found by halving. */
  #over(now: number): number {
    let low = 0;
    let high = this.#taken.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#moment(middle) + this.#span > now)
        high = middle; // as `freeAt` reckons, to the last bit
      else low = middle + 1;
    }
    return low;
  }

  /** Of those remembered, the oldest is number 0. */
  #moment(number: number): number {
    return this.#taken[(this.#oldest + number) % this.#taken.length]!;
  }

  /** Takes one, which has to be free. */
  take(now: number): void {
    invariant(this.freeAt(now) === now, "what is taken is free");
    if (this.#taken.length < this.#limit) this.#taken.push(now);
    else {
      this.#taken[this.#oldest] = now;
      this.#oldest = (this.#oldest + 1) % this.#limit;
    }
  }
}
