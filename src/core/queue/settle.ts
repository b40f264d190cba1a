import type { Instant } from "../base/time.ts";
import type { Outcome } from "../outbound/outcome.ts";
import { type RetryPolicy, wait } from "./backoff.ts";
import type { Reason } from "./reason.ts";

/** What becomes of a delivery after an attempt. This is where a recipient's retry time is decided. */
export type Decision =
  | { readonly kind: "delivered" }
  | { readonly kind: "failed" }
  /** Not before `due`, because. */
  | { readonly kind: "retry"; readonly due: Instant; readonly because: Reason }
  /** At once, in another transaction or over another connection: it was not this recipient's turn, or not its fault. */
  | { readonly kind: "again" };

/** `attempts` counts this one. `chance` is in [0, 1). */
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
  if (outcome.scope === "site" || outcome.scope === "source") {
    // About us or the whole site, and never final (promise P5). Said to this message, it may be about this message
    // alone: it waits by its own schedule, so that it is not the one that the lane is tried with for ever.
    return { kind: "retry", due, because: "next-hop-refused" };
  }
  return { kind: "retry", due, because: outcome.reply === undefined ? "connection-lost" : "next-hop-refused" };
}
