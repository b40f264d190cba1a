import type { Duration, Instant } from "../../src/core/base/time.ts";
import type { Clock, Timer } from "../../src/ports/clock.ts";
import type { SimClock } from "./timeline.ts";

const LOOK_MAX: Duration = 60_000;

/**
 * For somebody who looks every second whether there is something to do: while there is nothing, nothing happens, so that a
 * quiet hour costs nothing.
 */
export class IdleClock implements Pick<Clock, "now" | "after"> {
  readonly #clock: SimClock;
  #isResting = false;
  /** What waits for something to do. */
  readonly #waiting: { readonly delay: Duration; readonly call: () => void }[] = [];

  constructor(clock: SimClock) {
    this.#clock = clock;
  }

  now(): Instant {
    return this.#clock.now();
  }

  after(delay: Duration, call: () => void): Timer {
    if (!this.#isResting || delay > LOOK_MAX) return this.#clock.after(delay, call);
    const waiting = { delay, call };
    this.#waiting.push(waiting);
    const cancel = (): void => {
      const at = this.#waiting.indexOf(waiting);
      if (at !== -1) this.#waiting.splice(at, 1);
    };
    return { cancel };
  }

  /** There was nothing to do. */
  rest(): void {
    this.#isResting = true;
  }

  /** There is something. */
  stir(): void {
    this.#isResting = false;
    for (const { delay, call } of this.#waiting.splice(0)) this.#clock.after(delay, call);
  }
}
