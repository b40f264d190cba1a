import type { ForwardPath, ReversePath } from "../mail/path.ts";
import { type AddressPattern, type Subject, matches, subjectOf } from "../policy/address-pattern.ts";
import type { Lane } from "./lane.ts";

/** One row of `routes`. A condition that is absent holds for every address, for the sender also for the null one. */
export interface Route {
  readonly recipient: AddressPattern | undefined;
  readonly sender: AddressPattern | undefined;
  readonly lane: Lane;
}

function holds(pattern: AddressPattern | undefined, subject: Subject): boolean {
  return pattern === undefined || matches(pattern, subject);
}

/** The lane of the first route whose conditions all hold; undefined where none does, and then nobody takes the mail. */
export function routeFor(
  routes: readonly Route[],
  reversePath: ReversePath,
  forwardPath: ForwardPath,
): Lane | undefined {
  const sender = subjectOf(reversePath);
  const recipient = subjectOf(forwardPath);
  return routes.find((route) => holds(route.recipient, recipient) && holds(route.sender, sender))?.lane;
}
