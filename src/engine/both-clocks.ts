import { CLOCK } from "../core/base/limits.ts";
import { type ClockJump, type ClockLook, jumpBetween } from "../core/queue/ageing.ts";
import type { Clock } from "../ports/clock.ts";

/** The wall clock beside the monotonic one: how it was set shows from look to look. */
export class BothClocks {
  readonly #clock: Pick<Clock, "now" | "monotonic">;
  #last: ClockLook;

  constructor(clock: Pick<Clock, "now" | "monotonic">) {
    this.#clock = clock;
    this.#last = this.#read();
  }

  get last(): ClockLook {
    return this.#last;
  }

  /** Undefined where the wall clock was not set since the look before, but for less than `CLOCK.jumpMin`. */
  look(): ClockJump | undefined {
    const before = this.#last;
    this.#last = this.#read();
    return jumpBetween(before, this.#last, CLOCK.jumpMin);
  }

  #read(): ClockLook {
    return { wall: this.#clock.now(), monotonic: this.#clock.monotonic() };
  }
}
