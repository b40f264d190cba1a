import type { Duration } from "../core/base/time.ts";
import type { Clock, Timer } from "../ports/clock.ts";

/** The time that something has. Its timer is not moved with every step: when it rings it looks whether the end moved on. */
export class Deadline {
  readonly #clock: Clock;
  readonly #expire: () => void;
  #timer: Timer | undefined;
  #endsAt = 0;

  constructor(clock: Clock, expire: () => void) {
    this.#clock = clock;
    this.#expire = expire;
  }

  /** From now on it has this long. */
  set(allowed: Duration): void {
    const endsAt = this.#clock.monotonic() + allowed;
    const isSooner = endsAt < this.#endsAt;
    this.#endsAt = endsAt;
    if (this.#timer === undefined || isSooner) this.#arm(allowed);
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(delay: Duration): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(delay, () => this.#ring());
  }

  #ring(): void {
    this.#timer = undefined;
    const left = this.#endsAt - this.#clock.monotonic();
    if (left > 0) this.#arm(left);
    else this.#expire();
  }
}
