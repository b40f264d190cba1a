import type { Effect } from "../../src/core/outbound/dialogue.ts";
import type { Outcome } from "../../src/core/outbound/outcome.ts";

/** Without how it is told that a server spoke out of turn, which is told of the first octet that is too many. */
export function meaning(effect: Effect): object {
  if (effect.kind === "failed") return { ...effect, outcome: essence(effect.outcome) };
  return effect.kind === "done" ? { ...effect, outcomes: effect.outcomes.map(essence) } : effect;
}

function essence(outcome: Outcome): object {
  if (outcome.kind !== "transient" || outcome.scope !== "session") return outcome;
  const { kind, scope, phase, isPossibleDuplicate } = outcome;
  return { kind, scope, phase, isPossibleDuplicate };
}
