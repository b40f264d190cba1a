import type { Instant } from "../base/time.ts";
import type { Outcome } from "../outbound/outcome.ts";
import { type RetryPolicy, wait } from "./backoff.ts";
import type { Reason } from "./reason.ts";
import { retryHint } from "./retry-hint.ts";

/** What becomes of a delivery after an attempt. This is where a recipient's retry time is decided. */
export type Decision =
  | { readonly kind: "delivered" }
  | { readonly kind: "failed" }
  /** Not before `due`, because. */
  | { readonly kind: "retry"; readonly due: Instant; readonly because: Reason }
  /** At once, in another transaction or over another connection: it was not this recipient's turn, or not its fault. */
  | { readonly kind: "again" };

/** `attempts` counts this one, unless it was none: `again`. `chance` is in [0, 1). */
export function settle(
  outcome: Outcome,
  attempts: number,
  policy: RetryPolicy,
  now: Instant,
  chance: number,
): Decision {
  if (outcome.kind === "delivered") return { kind: "delivered" };
  if (outcome.kind === "permanent") return { kind: "failed" };
  const due = now + wait(policy, attempts, chance);
  if (outcome.isPossibleDuplicate) return { kind: "retry", due, because: "possible-duplicate" };
  if (outcome.cause === "too-many-recipients") return { kind: "again" };
  if (outcome.cause === "content-unreadable") return { kind: "retry", due, because: outcome.cause };
  const hint = outcome.reply === undefined ? undefined : retryHint(outcome.reply.lines);
  // Not before the server wants it, and what failed together does not come back together.
  if (hint !== undefined)
    return {
      kind: "retry",
      due: now + Math.round(hint * (1 + policy.jitter * chance)),
      because: "next-hop-named-a-time",
    };
  // What is about us or the whole site is never final (promise P5). Said to this message, it may be about this message
  // alone: it waits by its own schedule, so that it is not the one that the lane is tried with for ever.
  const isAnswer = outcome.reply !== undefined || outcome.scope === "site" || outcome.scope === "source";
  return { kind: "retry", due, because: isAnswer ? "next-hop-refused" : "connection-lost" };
}
