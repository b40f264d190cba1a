import { unreachable } from "../base/invariant.ts";
import type { Reason } from "./reason.ts";

/** What an operator does to queued mail. */
export const QUEUE_ACTIONS = ["hold", "release", "retry", "cancel", "expire", "reroute"] as const;
export type QueueAction = (typeof QUEUE_ACTIONS)[number];

/** Where a delivery stands: it waits for its time, a mail thread has it, or it waits for an operator. */
export type Standing = "parked" | "in-hand" | "held";

/**
 * What an operator asked for and what has not happened yet. `hold` and `cancel` wait for a delivery to come out of the
 * hands of a mail thread; `expire` and `reroute` are for a mail thread to do. So is `route`: what was imported is in a lane of
 * the relay that it came from, until the routes here chose one; also where an operator holds it meanwhile (`hold-unrouted`).
 */
export type Wish = "none" | "hold" | "cancel" | "expire" | "reroute" | "route" | "hold-unrouted";

/** What an action does to one delivery. */
export type Effect =
  | { readonly kind: "none" }
  /** In hand: it is noted, and happens where the delivery would be parked again. */
  | { readonly kind: "note"; readonly wish: Wish }
  /** It is tried already. */
  | { readonly kind: "under-way" }
  /** It ends, and nobody is told. */
  | { readonly kind: "end" }
  | { readonly kind: "hold"; readonly because: Reason; readonly wish: Wish }
  /** It is due at once, `isFirst` before all else in its lane. */
  | { readonly kind: "wake"; readonly because: Reason; readonly wish: Wish; readonly isFirst: boolean };

const NOTHING: Effect = { kind: "none" };

/** The last that an operator asked for counts: a wish from before is gone, but for `route`, which is nobody's change of mind. */
export function effectOf(action: QueueAction, standing: Standing, wish: Wish): Effect {
  if (standing === "in-hand") return effectInHand(action, wish);
  const kept = wish === "route" ? wish : "none";
  switch (action) {
    case "hold":
      return standing === "held" ? NOTHING : { kind: "hold", because: "held", wish: kept };
    case "release":
      return standing === "held" ? { kind: "wake", because: "released", wish: kept, isFirst: false } : NOTHING;
    case "retry":
      return standing === "held" ? NOTHING : { kind: "wake", because: "retried", wish: kept, isFirst: false };
    case "cancel":
      return { kind: "end" };
    case "expire":
      return { kind: "wake", because: "expiring", wish: "expire", isFirst: true };
    case "reroute":
      return { kind: "wake", because: "rerouting", wish: "reroute", isFirst: true };
    default:
      return unreachable(action);
  }
}

/** What becomes of a delivery that comes out of a mail thread's hands with it. */
export function effectOfWish(wish: Exclude<Wish, "none">): Effect {
  if (wish === "route") return { kind: "wake", because: "imported", wish, isFirst: false };
  if (wish === "hold-unrouted") return { kind: "hold", because: "held", wish: "route" };
  return effectOf(wish, "parked", "none");
}

function effectInHand(action: QueueAction, wish: Wish): Effect {
  if (action === "retry") return { kind: "under-way" };
  if (action === "release" && wish === "hold-unrouted") return { kind: "note", wish: "route" };
  if (action === "release") return wish === "hold" ? { kind: "note", wish: "none" } : NOTHING;
  if (action === "hold" && (wish === "route" || wish === "hold-unrouted"))
    return { kind: "note", wish: "hold-unrouted" };
  return { kind: "note", wish: action };
}
