import { QUEUE } from "../base/limits.ts";

/** What a site is spared: bounds that hold over all mail threads (promise P8). */
export interface SiteLimits {
  /** Connections at a time; the window stays within. At most `QUEUE.connectionsPerSiteMax`. */
  readonly connectionsMax: number;
  /** New connections within any minute; undefined: no bound. */
  readonly connectionsPerMinute: number | undefined;
  /** Transactions within any minute; undefined: no bound. */
  readonly messagesPerMinute: number | undefined;
  /** Messages over one connection; undefined: no bound. */
  readonly messagesPerConnection: number | undefined;
}

/** How we show ourselves to a site. */
export interface Egress {
  /** Address of this machine to connect from; undefined: the system chooses. */
  readonly source: string | undefined;
  /** Name in EHLO; undefined: the relay's. */
  readonly ehloName: string | undefined;
  /** Addresses that are connected to. */
  readonly family: "any" | "ipv4" | "ipv6";
}

/** What a route says of how its mail is sent; what it leaves open is as the next hop has it. */
export interface NamedEgress {
  readonly name: string;
  readonly source: string | undefined;
  readonly ehloName: string | undefined;
  /** That of `source`, where there is one. */
  readonly family: Egress["family"] | undefined;
}

/** The terms on which mail goes to a site. */
export interface SiteTerms {
  readonly limits: SiteLimits;
  readonly egress: Egress;
}

/** `own` is the next hop's. */
function egressOver({ source, ehloName, family }: NamedEgress, own: Egress): Egress {
  const isBoundToOwn = source === undefined && own.source !== undefined; // an address reaches its own family only
  return {
    source: source ?? own.source,
    ehloName: ehloName ?? own.ehloName,
    family: isBoundToOwn ? own.family : (family ?? own.family),
  };
}

/**
 * A next hop's terms with what the egress of that name says of them; undefined where the configuration has one of the two
 * no more.
 */
export function termsThrough<Terms extends SiteTerms>(
  egressOf: (name: string) => NamedEgress | undefined,
  name: string | undefined,
  terms: Terms | undefined,
): Terms | undefined {
  if (name === undefined || terms === undefined) return terms;
  const named = egressOf(name);
  return named && { ...terms, egress: egressOver(named, terms.egress) };
}

/** Where nobody said anything. */
export const FREE_TERMS: SiteTerms = {
  limits: {
    connectionsMax: QUEUE.windowMax,
    connectionsPerMinute: undefined,
    messagesPerMinute: undefined,
    messagesPerConnection: undefined,
  },
  egress: { source: undefined, ehloName: undefined, family: "any" },
};
