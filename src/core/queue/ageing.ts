import { DSN } from "../base/limits.ts";
import type { Duration, Instant } from "../base/time.ts";

// How old a message is, by a clock that may jump: one that jumps by days makes nothing days older (and expires nothing).

/** The wall clock was set. */
export interface ClockJump {
  /** By how much; below zero where it was set back. */
  readonly by: Duration;
  /** The last that it can have said before. */
  readonly last: Instant;
  /** The first that it can have said afterwards. */
  readonly first: Instant;
}

/** A look at both clocks. */
export interface ClockLook {
  readonly wall: Instant;
  readonly monotonic: number;
}

/** The jump between two looks; undefined where both clocks went on alike, but for less than `jumpMin`. */
export function jumpBetween(before: ClockLook, after: ClockLook, jumpMin: Duration): ClockJump | undefined {
  const by = Math.round(after.wall - before.wall - (after.monotonic - before.monotonic));
  return Math.abs(by) >= jumpMin ? { by, last: after.wall - by, first: before.wall + by } : undefined;
}

/**
 * When a message was received, told by the clock as it goes now: moved along with the jumps since. A time that the clock
 * showed more than once is taken for the one that makes the message youngest: none is taken for older than it is. A time
 * that it skipped is of a clock that was ahead before these jumps are known: such a message was there when it was skipped.
 * `latest`: the last that the clock can have said by now. Undefined for a time that it never said.
 */
export function receivedByNow(receivedAt: Instant, jumps: readonly ClockJump[], latest: Instant): Instant | undefined {
  let found: Instant | undefined;
  let skipped: Instant | undefined;
  let moved = 0; // by the jumps from `at` on
  for (let at = jumps.length; at >= 0; at--) {
    const next = jumps[at];
    const first = jumps[at - 1]?.first ?? Number.NEGATIVE_INFINITY;
    const last = next?.last ?? latest;
    if (next !== undefined && receivedAt > last && receivedAt < next.first)
      skipped = Math.max(skipped ?? -Infinity, next.first + moved);
    moved += next?.by ?? 0;
    if (receivedAt >= first && receivedAt <= last) found = Math.max(found ?? -Infinity, receivedAt + moved);
  }
  return found ?? skipped;
}

/** The end of a message's life; a message without a sender (a report above all) has a shorter one. */
export function expiresAt(received: Instant, expire: Duration, reversePath: string): Instant {
  return received + (reversePath === "" ? Math.min(expire, DSN.lifeMax) : expire);
}

/** When senders hear that their message is late: the configured time, `never`, or what holds without one. */
export type DelayNotice = Duration | "never" | undefined;

export interface DelayPolicy {
  /** Age; infinite where nobody is told. */
  readonly after: Duration;
  /** Whether a sender who did not say hears of it. */
  readonly tellsAll: boolean;
}

export function delayPolicy(notice: DelayNotice): DelayPolicy {
  if (notice === "never") return { after: Number.POSITIVE_INFINITY, tellsAll: false };
  return { after: notice ?? DSN.delayNoticeAfter, tellsAll: notice !== undefined };
}
