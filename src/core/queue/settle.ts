import type { Duration, Instant } from "../base/time.ts";
import type { Outcome } from "../outbound/outcome.ts";
import { type RetryPolicy, wait } from "./backoff.ts";
import type { Reason } from "./reason.ts";
import { retryHint } from "./retry-hint.ts";

/** How often deliveries are tried, and for how long. */
export interface DeliveryPolicy extends RetryPolicy {
  /** The life of a message from its arrival on. */
  readonly expire: Duration;
  /** Nothing that a next hop says is final. */
  readonly isSoftBounce: boolean;
}

/** What becomes of a delivery after an attempt. This is where a recipient's retry time is decided. */
export type Decision =
  | { readonly kind: "delivered" }
  | { readonly kind: "failed" }
  /** It failed for now, and its time is over. */
  | { readonly kind: "expired" }
  /** Not before `due`, because. */
  | { readonly kind: "retry"; readonly due: Instant; readonly because: Reason }
  /** At once, in another transaction or over another connection: it was not this recipient's turn, or not its fault. */
  | { readonly kind: "again" };

export interface Tried {
  /** This one included, unless it was none: `again`. */
  readonly attempts: number;
  /** By the clock as it goes now (ageing.ts). */
  readonly expiresAt: Instant;
}

/** `chance` is in [0, 1). */
export function settle(outcome: Outcome, tried: Tried, policy: DeliveryPolicy, now: Instant, chance: number): Decision {
  if (outcome.kind === "delivered") return { kind: "delivered" };
  if (outcome.kind === "permanent" && !policy.isSoftBounce) return { kind: "failed" };
  const planned = now + wait(policy, tried.attempts, chance);
  if (outcome.cause === "too-many-recipients") return { kind: "again" };
  // What this machine does not give is no sender's fault: it waits for us, however long (promise P5).
  if (outcome.cause === "content-unreadable" || outcome.cause === "source-unusable")
    return { kind: "retry", due: planned, because: outcome.cause };
  if (now >= tried.expiresAt) return { kind: "expired" };
  const { due, because } = waitFor(outcome, planned, policy, now, chance);
  // At the end of its life it is tried once more: not at once where somebody may have it (promise P3).
  const soonest = because === "possible-duplicate" ? now + wait(policy, 1, chance) : now;
  return { kind: "retry", due: Math.min(due, Math.max(tried.expiresAt, soonest)), because };
}

function waitFor(
  outcome: Exclude<Outcome, { kind: "delivered" }>,
  planned: Instant,
  policy: DeliveryPolicy,
  now: Instant,
  chance: number,
): { readonly due: Instant; readonly because: Reason } {
  if (outcome.kind === "permanent") return { due: planned, because: "soft-bounce" };
  if (outcome.isPossibleDuplicate) return { due: planned, because: "possible-duplicate" };
  if (outcome.cause === "unresolved") return { due: planned, because: outcome.cause };
  const hint = outcome.reply === undefined ? undefined : retryHint(outcome.reply.lines, planned - now);
  // Not before the server wants it, and what failed together does not come back together.
  if (hint !== undefined)
    return { due: now + Math.round(hint * (1 + policy.jitter * chance)), because: "next-hop-named-a-time" };
  // What is about us or the whole site is never final (promise P5). Said to this message, it may be about this message
  // alone: it waits by its own schedule, so that it is not the one that the lane is tried with for ever.
  const isAnswer = outcome.reply !== undefined || outcome.scope === "site" || outcome.scope === "source";
  return { due: planned, because: isAnswer ? "next-hop-refused" : "connection-lost" };
}
