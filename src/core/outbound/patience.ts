import { OUTBOUND, OUTBOUND_TIME } from "../base/limits.ts";
import type { Duration } from "../base/time.ts";
import type { Phase } from "./outcome.ts";

/** What a driver knows of the session when it begins to wait. Times by one monotonic clock. */
export interface Waiting {
  readonly phase: Phase;
  readonly now: number;
  /** The server took EHLO, and what belongs to it. */
  readonly isSession: boolean;
  /** Another next hop would take the mail now. */
  readonly hasNextStep: boolean;
  /** When the transaction's time is over; undefined between transactions. */
  readonly transactionEndsAt: number | undefined;
}

/**
 * How long an answer may take (RFC 5321 section 4.5.3.2). Before there is a session, and with another next hop at hand, it is
 * less: nobody has the mail yet. After the final dot it is all of its time, whatever was before (RFC 1047).
 */
export function patience({ phase, now, isSession, hasNextStep, transactionEndsAt }: Waiting): Duration {
  const most = OUTBOUND_TIME[phase];
  if (!isSession && hasNextStep) return Math.min(most, OUTBOUND.sessionPatience);
  if (transactionEndsAt === undefined || phase === "finalDot") return most;
  return Math.max(0, Math.min(most, transactionEndsAt - now));
}
