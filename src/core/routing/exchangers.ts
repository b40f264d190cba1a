import { OUTBOUND } from "../base/limits.ts";

/** One MX record (RFC 5321 section 5.1). */
export interface MxRecord {
  readonly preference: number;
  /** A-labels, lower case, no trailing dot; empty for the root, which is the null MX (RFC 7505). */
  readonly exchange: string;
}

/** A host that takes mail for a domain, with the addresses that it may be reached at. */
export interface ExchangeHost extends MxRecord {
  readonly addresses: readonly string[];
}

/** An address to connect to, and the name that its certificate is for. */
export interface Candidate {
  readonly host: string;
  readonly address: string;
}

/** The hosts that take mail for a domain, as far as its MX records tell. */
export type Exchangers =
  /** In the order in which they are tried. */
  | { readonly kind: "hosts"; readonly hosts: readonly MxRecord[] }
  /** The domain takes no mail (RFC 7505): permanent. */
  | { readonly kind: "null-mx" }
  /** The records that are left lead back to us (RFC 5321 section 5.1): sending would be a loop. */
  | { readonly kind: "ourselves" };

function shuffled<Host>(records: readonly Host[], chance: () => number): Host[] {
  const mixed = [...records];
  for (let last = mixed.length - 1; last > 0; last--) {
    const other = Math.floor(chance() * (last + 1));
    [mixed[last], mixed[other]] = [mixed[other]!, mixed[last]!];
  }
  return mixed;
}

/**
 * Ours and all of equal or worse preference go: a host that we would hand the mail to may hand it back. `hosts` need not
 * be sorted.
 */
export function beforeUs<Host extends MxRecord>(hosts: readonly Host[], isUs: (exchange: string) => boolean): Host[] {
  const ours = hosts.filter(({ exchange }) => isUs(exchange)).map(({ preference }) => preference);
  const best = Math.min(...ours, Number.POSITIVE_INFINITY);
  return hosts.filter(({ preference }) => preference < best);
}

function inOrder<Host extends MxRecord>(hosts: readonly Host[], chance: () => number): Host[] {
  return shuffled(hosts, chance).toSorted((one, other) => one.preference - other.preference);
}

/**
 * What one attempt tries, in this order: lower preferences first, equal ones in random order, so that load spreads; at
 * most `OUTBOUND.addressesPerAttemptMax`, and none twice, whatever names it has. `chance` is in [0, 1).
 */
export function candidatesOf(hosts: readonly ExchangeHost[], chance: () => number): Candidate[] {
  const seen = new Set<string>();
  return inOrder(hosts, chance)
    .flatMap(({ exchange, addresses }) =>
      addresses
        .filter((address) => !seen.has(address) && seen.add(address))
        .slice(0, OUTBOUND.addressesPerHostMax)
        .map((address) => ({ host: exchange, address })),
    )
    .slice(0, OUTBOUND.addressesPerAttemptMax);
}

/**
 * Lower preferences first, equal ones in random order. At most `OUTBOUND.exchangersMax`: a domain
 * with a thousand records costs as many lookups as others. `records` has at least one; `chance` is in [0, 1).
 */
export function exchangersOf(
  records: readonly MxRecord[],
  isUs: (exchange: string) => boolean,
  chance: () => number,
): Exchangers {
  const named = records.filter(({ exchange }) => exchange !== "");
  // RFC 7505 section 3: a null MX beside others is no null MX.
  if (named.length === 0) return { kind: "null-mx" };
  const usable = beforeUs(named, isUs);
  if (usable.length === 0) return { kind: "ourselves" };
  const hosts = inOrder(usable, chance);
  const seen = new Set<string>();
  const distinct = hosts.filter(({ exchange }) => !seen.has(exchange) && seen.add(exchange));
  return { kind: "hosts", hosts: distinct.slice(0, OUTBOUND.exchangersMax) };
}
