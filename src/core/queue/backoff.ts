import { type Duration, type Instant, hour, minute, second } from "../base/time.ts";

/** Waits between attempts; the last one repeats. */
export interface RetryPolicy {
  readonly schedule: readonly Duration[];
  /** The share by which a wait may be shorter or longer, so that what failed together does not come back together. */
  readonly jitter: number;
}

/** FIELD: 2, 5, 10, 15, 30 min, 1 h, 2 h, then every 4 h. */
export const DELIVERY_RETRY: RetryPolicy = {
  schedule: [2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute, hour, 2 * hour, 4 * hour],
  jitter: 0.15,
};

/** A smart host that is away is often back soon, and one probe is cheap whatever the queue's length. */
export const SITE_RETRY: RetryPolicy = {
  schedule: [5 * second, 10 * second, 20 * second, 40 * second, 80 * second, 160 * second, 5 * minute],
  jitter: 0.15,
};

/** No site is blocked for longer at a time. */
export const SITE_BLOCK_MAX: Duration = wait(SITE_RETRY, SITE_RETRY.schedule.length, 1);

/** History and commands can wait, and what keeps them waiting is often the disk: asked again at most once a minute. */
export const CONTROL_RETRY: RetryPolicy = {
  schedule: [1 * second, 2 * second, 4 * second, 8 * second, 16 * second, 32 * second, 1 * minute],
  jitter: 0,
};

/** The wait after the `failures`th failure in a row (from 1). `chance` is in [0, 1). */
export function wait(policy: RetryPolicy, failures: number, chance: number): Duration {
  const { schedule, jitter } = policy;
  const base = schedule[Math.min(Math.max(failures, 1), schedule.length) - 1]!;
  return Math.round(base * (1 - jitter + 2 * jitter * chance));
}

/** No wait by this policy is longer. */
export function longestWait({ schedule, jitter }: RetryPolicy): Duration {
  return Math.round(Math.max(...schedule) * (1 + jitter));
}

/**
 * When a delivery is tried again whose site is blocked `until` then: its own wait goes on beside that, `attempts` being
 * those that failed so far.
 */
export function dueAfterBlock(
  until: Instant,
  attempts: number,
  policy: RetryPolicy,
  now: Instant,
  chance: number,
): Instant {
  return attempts === 0 ? until : Math.max(until, now + wait(policy, attempts, chance));
}
