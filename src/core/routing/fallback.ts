import type { Failure } from "../outbound/outcome.ts";

/** What another next hop may well take: it was this one's abilities, or the way to it, that did not suffice. */
const UNSUITED: ReadonlySet<string> = new Set([
  "too-big",
  "needs-8bitmime",
  "needs-smtputf8",
  "header-needs-smtputf8",
  "unreachable",
  "loop",
]);
/** The DNS knows of nobody who takes it. */
const UNROUTABLE: ReadonlySet<string> = new Set(["domain-unknown", "null-mx"]);
/** Our doing: no next hop had a say. */
const OURS: ReadonlySet<string> = new Set(["stopped-here", "content-unreadable"]);

/**
 * Whether the next step of a route is tried after a failure. It is where the site, the connection or our standing there
 * failed, and where the next hop put the message off before it knew any recipient; not where it judged a recipient or the
 * content, and never where it may have the message already (promise P3).
 */
export function movesOn(failure: Failure): boolean {
  if (failure.kind === "transient" && failure.isPossibleDuplicate) return false;
  if (OURS.has(failure.cause)) return false;
  if (UNSUITED.has(failure.cause)) return true;
  if (failure.scope === "recipient") return false;
  if (failure.scope === "message") return failure.kind === "transient" && failure.phase === "mail";
  return true;
}

/**
 * Which other steps would do better, if they can be reached: all, where this one cannot take the mail and judged nobody;
 * those before it, where the DNS knows of nobody, for those behind it are not tried then; none otherwise.
 */
export function otherSteps(failure: Failure): "all" | "before" | "none" {
  if (UNSUITED.has(failure.cause)) return "all";
  return UNROUTABLE.has(failure.cause) ? "before" : "none";
}
