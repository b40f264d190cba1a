import type { Duration, Instant } from "../../src/core/base/time.ts";
import type { Clock, Timer } from "../../src/ports/clock.ts";

interface Alarm {
  readonly at: number;
  readonly call: () => void;
}

export const START: Instant = Date.UTC(2026, 10, 21);

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  #start: Instant;
  #elapsed = 0;
  #alarms: Alarm[] = [];
  #soon: (() => void)[] = [];

  constructor(start: Instant = START) {
    this.#start = start;
  }

  now(): Instant {
    return this.#start + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  after(delay: Duration, call: () => void): Timer {
    const alarm = { at: this.#elapsed + delay, call };
    this.#alarms.push(alarm);
    return { cancel: () => void (this.#alarms = this.#alarms.filter((other) => other !== alarm)) };
  }

  soon(call: () => void): void {
    this.#soon.push(call);
  }

  /** Calls what was put off until what is due now was dealt with. */
  runSoon(): void {
    const calls = this.#soon;
    this.#soon = [];
    for (const call of calls) call();
  }

  /** Sets the wall clock; nothing passes. */
  jump(by: Duration): void {
    this.#start += by;
  }

  /** Moves on, ringing what is due in its order. */
  advance(by: Duration): void {
    const until = this.#elapsed + by;
    for (;;) {
      const due = this.#alarms.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#alarms = this.#alarms.filter((other) => other !== due);
      this.#elapsed = due.at;
      due.call();
      this.runSoon();
    }
    this.#elapsed = until;
  }
}
