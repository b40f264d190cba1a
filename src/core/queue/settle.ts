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
  // About us or the whole site: the lane is judged, not the recipient (promise P5).
  if (outcome.scope === "site" || outcome.scope === "source") return { kind: "again" };
  return { kind: "retry", due, because: outcome.reply === undefined ? "connection-lost" : "next-hop-refused" };
}
