import type { Instant } from "../base/time.ts";
import type { Lane } from "../routing/lane.ts";

/** What an operator may pause: new mail, all deliveries, or those of one lane. */
export type PauseTarget =
  { readonly kind: "inbound" } | { readonly kind: "outbound" } | { readonly kind: "lane"; readonly lane: Lane };

export interface Pause {
  readonly target: PauseTarget;
  readonly since: Instant;
}

/** All that is paused, as the threads need to know it. */
export interface Pauses {
  readonly inbound: boolean;
  readonly outbound: boolean;
  readonly lanes: readonly Lane[];
}

export function pausesOf(pauses: readonly Pause[]): Pauses {
  return {
    inbound: pauses.some(({ target }) => target.kind === "inbound"),
    outbound: pauses.some(({ target }) => target.kind === "outbound"),
    lanes: pauses.flatMap(({ target }) => (target.kind === "lane" ? [target.lane] : [])),
  };
}

/** As an operator names it: `inbound`, `outbound` or the lane. */
export function pauseText(target: PauseTarget): string {
  return target.kind === "lane" ? target.lane : target.kind;
}
