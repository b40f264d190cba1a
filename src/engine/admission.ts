import type { Instant } from "../core/base/time.ts";
import { type Reason, lastWord } from "../core/queue/reason.ts";
import type { Lane } from "../core/routing/lane.ts";
import { type Openings, reasonOfBlock } from "./openings.ts";

/** Where the deliveries of an arrival begin, in order, and whether they stay in memory. */
export interface Admission {
  readonly isInHand: boolean;
  readonly places: readonly Place[];
}

interface Place {
  readonly lane: Lane;
  /** Where it waits: not before this it is claimed. */
  readonly due: Instant;
  /** Where it waits: why, as JSON. */
  readonly last: string;
}

/**
 * At the first of each recipient's lanes that is not known to be blocked; in hand where nobody has to wait and nothing is
 * against it. `lanes` has those of each recipient's route, in order; `obstacle` is why nothing stays in hand now.
 */
export function admission(
  openings: Openings,
  lanes: readonly (readonly Lane[])[],
  obstacle: Reason | undefined,
  now: Instant,
): Admission {
  const open = lanes.map((of) => openings.first(of));
  const isInHand = obstacle === undefined && open.every((lane) => lane !== undefined);
  if (isInHand) return { isInHand, places: open.map((lane) => ({ lane, due: now, last: "" })) };
  // What waits begins with its route's first step, whatever is open now.
  const places = lanes.map((of, at) => placeOf(openings, of, open[at] !== undefined, obstacle ?? "queued", now));
  return { isInHand, places };
}

function placeOf(openings: Openings, lanes: readonly Lane[], isOpen: boolean, otherwise: Reason, now: Instant): Place {
  const lane = lanes[0]!;
  if (openings.isPaused(lane)) return { lane, due: now, last: lastWord("paused", "", now) };
  const block = isOpen ? undefined : openings.firstToEnd(lanes);
  if (block !== undefined) return { lane, due: block.until, last: lastWord(reasonOfBlock(block), block.text, now) };
  return { lane, due: now, last: lastWord(otherwise, "", now) };
}
