import type { Duration, Instant } from "../core/base/time.ts";

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall clock: for the schedule and for what people read. May jump. */
  now(): Instant;
  /** Milliseconds since an arbitrary start: for timeouts and timings. Never goes back. */
  monotonic(): number;
  /** Calls once after `delay` by the monotonic clock, unless cancelled. */
  after(delay: Duration, call: () => void): Timer;
  /** Calls once, after what is due now was dealt with. */
  soon(call: () => void): void;
}
