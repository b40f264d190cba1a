import { isRetriedWithItsSite } from "../../core/routing/lane.ts";
import type { DeliveryReport } from "../../engine/operator.ts";

// What counts as an attempt is what counts against a recipient (core/queue/settle). A smart host that takes no mail at all is
// tried for all that waits for it, and that counts against none.

export function attemptsText(attempts: number): string {
  if (attempts === 0) return "no attempt";
  return attempts === 1 ? "1 attempt" : `${attempts} attempts`;
}

/** How often what is in the queue was tried. */
export function triesText({ attempts, state, reason, lane }: DeliveryReport): string {
  if (attempts > 0 || state !== "waiting") return attemptsText(attempts);
  const isBlocked = codeOf(reason) === "lane-blocked" || codeOf(reason) === "source-unusable";
  const isExplained = isBlocked && isRetriedWithItsSite(lane);
  return isExplained ? "no attempt yet (that its next hop takes no mail at all counts as none)" : "no attempt yet";
}

/** Which attempt an entry of history is about. */
export function attemptText({ attempts, reason, lane, state }: DeliveryReport): string {
  switch (codeOf(reason)) {
    case "no-connection":
      return isRetriedWithItsSite(lane) ? "no connection, which counts as no attempt" : `attempt ${attempts}`;
    case "next-step": // it is counted with the last step
      return `attempt ${attempts + 1}`;
    case "expired":
      return `after ${attemptsText(attempts)}`;
    case "lane-blocked":
    case "source-unusable":
    case "no-route":
      return `waits after ${attemptsText(attempts)}`;
    default:
      return attempts === 0 && state !== "delivered" ? "no attempt" : `attempt ${attempts}`;
  }
}

/** Behind it stands what the code means, or what followed. */
function codeOf(reason: string): string {
  return /^[a-z-]*/.exec(reason)![0];
}
