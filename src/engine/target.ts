import { type Candidate, type ExchangeHost, candidatesOf } from "../core/routing/exchangers.ts";
import type { SmartHost } from "../core/routing/smart-host.ts";
import type { SiteTerms } from "../core/routing/site-terms.ts";

/** Where a connection to a site goes, and under which conditions. */
export interface Target extends Pick<
  SmartHost,
  "port" | "isImplicitTls" | "tls" | "credentials" | "authorities" | "limits" | "egress"
> {
  /** In the order in which they are tried; at least one. */
  readonly candidates: readonly Candidate[];
  /** A smart host, of which we are a client; else a stranger's server. */
  readonly isOurRelay: boolean;
}

export function smartHostTarget(host: SmartHost): Target {
  return {
    ...host,
    candidates: [{ host: host.host, address: host.host }],
    isOurRelay: true,
  };
}

/** The servers of a domain: strangers, who take mail with TLS where they offer it, whatever their certificate. */
export function exchangerTarget(
  hosts: readonly ExchangeHost[],
  port: number,
  { limits, egress }: SiteTerms,
  chance: () => number,
): Target {
  return {
    candidates: candidatesOf(hosts, chance),
    port,
    isImplicitTls: false,
    tls: "opportunistic",
    credentials: undefined,
    authorities: [],
    limits,
    egress,
    isOurRelay: false,
  };
}
