import { span } from "../base/span.ts";
import type { Instant } from "../base/time.ts";

/** What limits the mail for a site now: the queue thread knows, and an operator is told (promise P9). */
export interface SiteStanding {
  /** May have text that a DNS server said. */
  readonly site: string;
  /** That stand or are being made, over all mail threads. */
  readonly connections: number;
  /** As many as it gets at this time: more while it takes mail, fewer where it refused some. */
  readonly window: number;
  readonly connectionsMax: number;
  /** Connections that would have work, those it has included. */
  readonly wanted: number;
  /** What was begun there within the last minute, where that has a bound. */
  readonly newConnections: RateStanding | undefined;
  readonly messages: RateStanding | undefined;
  /** Nothing goes there until then, after what the last attempt met. */
  readonly block: { readonly until: Instant; readonly text: string } | undefined;
  /** All sites together leave it no further connection. */
  readonly isCrowdedOut: boolean;
  /** Nothing begins anywhere, since the disk has no room to record how it ends. */
  readonly isDiskFull: boolean;
}

export interface RateStanding {
  readonly begun: number;
  readonly limit: number;
  /** When the next one may begin; undefined: at once. */
  readonly nextAt: Instant | undefined;
}

/** What mail for the site waits for now, in an operator's words; none where it goes as it comes. */
export function limitsMet(standing: SiteStanding, now: Instant): readonly string[] {
  const { connections, window, connectionsMax, wanted, newConnections, messages, block } = standing;
  if (block !== undefined) return [`blocked, one connection tries again in ${span(block.until - now)}: ${block.text}`];
  const isShort = wanted > connections;
  const met: string[] = [];
  if (isShort && standing.isDiskFull) met.push("nothing begins: the disk has no room to record how it ends");
  // A mail thread wants no more than the site may ever have, so that at the bound there may be more to go than it says.
  if (connections >= connectionsMax || (isShort && connections >= window))
    met.push(
      `${connections} of ${window} connections${window < connectionsMax ? `, up to ${connectionsMax} while it takes mail` : ""}`,
    );
  else if (isShort && standing.isCrowdedOut) met.push("the connections that all next hops have together are used up");
  for (const [rate, what] of [
    [newConnections, "new connections"],
    [messages, "messages"],
  ] as const)
    if (rate?.nextAt !== undefined)
      met.push(`${rate.begun} of ${rate.limit} ${what} this minute, the next in ${span(rate.nextAt - now)}`);
  return met;
}
