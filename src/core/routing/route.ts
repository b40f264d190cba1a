import type { ForwardPath, ReversePath } from "../mail/path.ts";
import { type AddressPattern, type Subject, matches, subjectOf } from "../policy/address-pattern.ts";
import type { Priority } from "../queue/priority.ts";
import { type Lane, domainLane, literalLane, smartHostLane, through } from "./lane.ts";

/** Where a route sends mail: to the servers of the recipient's domain, or to a smart host. */
export type Step = { readonly kind: "mx" } | { readonly kind: "smarthost"; readonly name: string };

/** One row of `routes`. A condition that is absent holds for every address, for the sender also for the null one. */
export interface Route {
  readonly recipient: AddressPattern | undefined;
  readonly sender: AddressPattern | undefined;
  /** Of its mail, where it waits beside other mail. */
  readonly priority: Priority;
  /** At least one; the next one is for what `core/routing/fallback` says. */
  readonly steps: readonly Step[];
  /** Name of the egress that its mail is sent through, in every step; undefined: as the next hop has it. */
  readonly egress: string | undefined;
}

function holds(pattern: AddressPattern | undefined, subject: Subject): boolean {
  return pattern === undefined || matches(pattern, subject);
}

function laneOf(step: Step, forwardPath: ForwardPath): Lane | undefined {
  if (step.kind === "smarthost") return smartHostLane(step.name);
  if (forwardPath.kind !== "mailbox") return undefined; // a lone postmaster is nobody's domain
  const { domain } = forwardPath;
  return domain.kind === "domain" ? domainLane(domain.ascii) : literalLane(domain.address);
}

/** What a route makes of mail. */
export interface Way {
  /** In the order of its steps; at least one. */
  readonly lanes: readonly Lane[];
  readonly priority: Priority;
}

/** Place of the route that is for it, the first whose conditions all hold; -1 where none is. */
export function routeFor(routes: readonly Route[], reversePath: ReversePath, forwardPath: ForwardPath): number {
  const sender = subjectOf(reversePath);
  const recipient = subjectOf(forwardPath);
  return routes.findIndex((row) => holds(row.recipient, recipient) && holds(row.sender, sender));
}

/** What the first route makes of it whose conditions all hold; undefined where nobody takes the mail. */
export function wayFor(routes: readonly Route[], reversePath: ReversePath, forwardPath: ForwardPath): Way | undefined {
  const route = routes[routeFor(routes, reversePath, forwardPath)];
  if (route === undefined) return undefined;
  const { steps, egress, priority } = route;
  const lanes = steps.map((step) => laneOf(step, forwardPath)).filter((lane) => lane !== undefined);
  return lanes.length === 0 ? undefined : { lanes: lanes.map((lane) => through(egress, lane)), priority };
}

/** Its lanes; none where nobody takes the mail. */
export function lanesFor(
  routes: readonly Route[],
  reversePath: ReversePath,
  forwardPath: ForwardPath,
): readonly Lane[] {
  return wayFor(routes, reversePath, forwardPath)?.lanes ?? [];
}

/**
 * The steps that some route of this egress has behind one that `isOf` is true of: its mail may not have to wait for that
 * one.
 */
export function stepsBehind(
  routes: readonly Route[],
  egress: string | undefined,
  isOf: (step: Step) => boolean,
): readonly Step[] {
  const same = routes.filter((route) => route.egress === egress);
  return same.flatMap(({ steps }) => {
    const at = steps.findIndex(isOf);
    return at === -1 ? [] : steps.slice(at + 1);
  });
}
