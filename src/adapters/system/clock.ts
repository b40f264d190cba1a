import type { Duration, Instant } from "../../core/base/time.ts";
import type { Clock, Timer } from "../../ports/clock.ts";

const TIMEOUT_MAX: Duration = 2 ** 31 - 1; // above it setTimeout rings at once

export class SystemClock implements Clock {
  now(): Instant {
    return Date.now();
  }

  monotonic(): number {
    return performance.now();
  }

  after(delay: Duration, call: () => void): Timer {
    const timer = setTimeout(call, Math.min(delay, TIMEOUT_MAX));
    return { cancel: () => clearTimeout(timer) };
  }

  soon(call: () => void): void {
    setImmediate(call);
  }
}
