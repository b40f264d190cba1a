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

/** The terms on which mail goes to a site. */
export interface SiteTerms {
  readonly limits: SiteLimits;
  readonly egress: Egress;
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
