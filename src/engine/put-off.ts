import type { Duration, Instant } from "../core/base/time.ts";
import { SITE_BLOCK_MAX } from "../core/queue/backoff.ts";
import type { Clock } from "../ports/clock.ts";
import { BothClocks } from "./both-clocks.ts";

/** Whether a clock that was ahead may have put something off, be it for a moment that no look at the clock saw. */
export class PutOff {
  readonly #clock: Pick<Clock, "now">;
  readonly #clocks: BothClocks;
  #longestWait: Duration;
  #isSeen = false;

  /** `longestWait`: nothing is parked for longer on purpose. */
  constructor(clock: Pick<Clock, "now" | "monotonic">, longestWait: Duration) {
    this.#clock = clock;
    this.#clocks = new BothClocks(clock);
    this.#longestWait = longestWait;
  }

  setLongest(longestWait: Duration): void {
    this.#longestWait = longestWait;
  }

  parked(due: Instant): void {
    this.#isSeen ||= due > this.#clock.now() + this.#longestWait;
  }

  blocked(until: Instant): void {
    this.#isSeen ||= until > this.#clock.now() + SITE_BLOCK_MAX;
  }

  /** Since it was asked last; or the clock was set back since. */
  isPossible(): boolean {
    const isPossible = (this.#clocks.look()?.by ?? 0) < 0 || this.#isSeen;
    this.#isSeen = false;
    return isPossible;
  }
}
