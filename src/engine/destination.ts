import { unreachable } from "../core/base/invariant.ts";
import { DNS, OUTBOUND } from "../core/base/limits.ts";
import { isIpv4, isIpv6 } from "../core/mail/domain.ts";
import type { Network } from "../core/policy/network.ts";
import { obstacleTo } from "../core/policy/reach.ts";
import { type ExchangeHost, type MxRecord, beforeUs, exchangersOf } from "../core/routing/exchangers.ts";
import type { Egress } from "../core/routing/site-terms.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { Entropy } from "../ports/entropy.ts";
import type { Answer, Resolver } from "../ports/resolver.ts";

type Family = Egress["family"];
const FAMILIES = { ipv4: "IPv4", ipv6: "IPv6" } as const;

/** Where mail for a domain goes, as the DNS has it now. */
export type Destination =
  /**
   * Each with an address at least. Domains of one `site` share their hosts, and what limits them; those that want them in
   * one `order` may share connections too.
   */
  | { readonly kind: "hosts"; readonly site: string; readonly order: string; readonly hosts: readonly ExchangeHost[] }
  /** Permanent, and about the address; `status` is of RFC 3463. */
  | { readonly kind: "refused"; readonly status: "5.1.2" | "5.1.10" | "5.4.4" | "5.4.6"; readonly detail: string }
  /** It may be known later. */
  | { readonly kind: "unknown"; readonly detail: string };

export interface DestinationParts {
  readonly resolver: Resolver;
  readonly clock: Pick<Clock, "after">;
  readonly entropy: Entropy;
  /** The relay's own host names and the addresses at which it takes mail from strangers. */
  isUs(hostOrAddress: string): boolean;
  /** Networks that mail for strangers may go to although they are not public. */
  readonly permitted: readonly Network[];
}

interface Host extends ExchangeHost {
  /** A lookup that had no answer. */
  readonly trouble: string | undefined;
}

function refused(status: Extract<Destination, { kind: "refused" }>["status"], detail: string): Destination {
  return { kind: "refused", status, detail };
}

/** Finds the hosts of a domain (RFC 5321 section 5). Nothing that the DNS does makes it throw. */
export class DestinationFinder {
  readonly #parts: DestinationParts;

  constructor(parts: DestinationParts) {
    this.#parts = parts;
  }

  /** `domain` in A-labels, lower case, or an address without brackets. `family`: the addresses that are connected to. */
  async find(domain: string, family: Family): Promise<Destination> {
    if (isIpv4(domain) || isIpv6(domain)) return this.#literal(domain, family);
    const answer = await this.#parts.resolver.exchangers(domain);
    if (answer.kind === "failed") return { kind: "unknown", detail: answer.text };
    if (answer.kind === "absent" && !answer.hasName) return refused("5.1.2", `there is no domain ${domain}`);
    // RFC 5321 section 5.1: without MX records the domain itself is the host.
    const records = answer.kind === "absent" ? [{ preference: 0, exchange: domain }] : answer.records;
    const found = exchangersOf(
      records,
      (host) => this.#parts.isUs(host),
      () => this.#parts.entropy.fraction(),
    );
    switch (found.kind) {
      case "null-mx":
        return refused("5.1.10", `${domain} takes no mail: it has a null MX`);
      case "ourselves":
        return refused("5.4.6", `${domain} is ours by its MX records: mail would come back to us`);
      case "hosts":
        return this.#destination(
          domain,
          records,
          await Promise.all(found.hosts.map((host) => this.#host(host, family))),
          family,
        );
      default:
        return unreachable(found);
    }
  }

  #literal(address: string, family: Family): Destination {
    if (this.#parts.isUs(address)) return refused("5.4.6", `${address} is ours: mail would come back to us`);
    if (family !== "any" && (family === "ipv4") !== isIpv4(address))
      return refused("5.4.4", `only ${FAMILIES[family]} addresses are connected to, and ${address} is none`);
    const obstacle = obstacleTo(address, this.#parts.permitted);
    const hosts = [{ preference: 0, exchange: address, addresses: [address] }];
    if (obstacle === undefined) return { kind: "hosts", site: `[${address}]`, order: "", hosts };
    return barredFrom([{ address, obstacle }]);
  }

  async #host(record: MxRecord, family: Family): Promise<Host> {
    const { resolver } = this.#parts;
    const nothing: Promise<Answer<string>> = Promise.resolve({ kind: "absent", hasName: true });
    const asked6 = family === "ipv4" ? nothing : resolver.addresses(record.exchange, 6);
    const asked4 = family === "ipv6" ? nothing : resolver.addresses(record.exchange, 4);
    const answers = await Promise.all([this.#inTime(asked6, asked4), asked4]);
    const [six, four] = answers.map((answer) => (answer.kind === "found" ? answer.records : []));
    const failed = answers.find(
      (answer): answer is Extract<Answer<string>, { kind: "failed" }> => answer.kind === "failed",
    );
    return { ...record, addresses: inTurn(six!, four!), trouble: failed?.text };
  }

  /**
   * IPv6 addresses, where they come not much later than others: some name servers are silent about them (RFC 8305 section 3).
   * The other way round is a datagram that was lost, and a machine without IPv6 would have nothing to connect to.
   */
  async #inTime(six: Promise<Answer<string>>, four: Promise<Answer<string>>): Promise<Answer<string>> {
    const late = Promise.withResolvers<Answer<string>>();
    let isAnswered = false;
    let timer: Timer | undefined;
    const giveUpLater = async (): Promise<void> => {
      const { kind } = await four;
      if (kind !== "found" || isAnswered) return;
      const text = "its IPv6 addresses are not known yet";
      timer = this.#parts.clock.after(DNS.ipv6Patience, () => late.resolve({ kind: "failed", text }));
    };
    void giveUpLater();
    const found = await Promise.race([six, late.promise]);
    isAnswered = true;
    timer?.cancel();
    return found;
  }

  #destination(domain: string, records: readonly MxRecord[], hosts: readonly Host[], family: Family): Destination {
    const isOurs = ({ addresses }: Host): boolean => addresses.some((address) => this.#parts.isUs(address));
    const ours = new Set(hosts.filter(isOurs).map(({ exchange }) => exchange));
    const usable = beforeUs(hosts, (exchange) => ours.has(exchange));
    if (usable.length === 0)
      return refused("5.4.6", `${domain} is ours by its hosts' addresses: mail would come back to us`);
    const barred: Barred[] = [];
    const open = usable.map(({ preference, exchange, addresses }) => ({
      preference,
      exchange,
      addresses: addresses.filter((address) => {
        const obstacle = obstacleTo(address, this.#parts.permitted);
        if (obstacle !== undefined) barred.push({ address, obstacle });
        return obstacle === undefined;
      }),
    }));
    const reachable = open.filter(({ addresses }) => addresses.length > 0);
    if (reachable.length === 0) return nowhere(domain, records, usable, barred, family);
    return { kind: "hosts", site: siteOf(records), order: orderOf(records), hosts: reachable };
  }
}

interface Barred {
  readonly address: string;
  readonly obstacle: string;
}

/** Why there is no address to connect to. What a server did not say may be said later. */
function nowhere(
  domain: string,
  records: readonly MxRecord[],
  hosts: readonly Host[],
  barred: readonly Barred[],
  family: Family,
): Destination {
  const trouble = hosts.find((host) => host.trouble !== undefined)?.trouble;
  if (trouble !== undefined) return { kind: "unknown", detail: trouble };
  if (barred.length > 0) return barredFrom(barred);
  // It may have addresses that we do not connect to: nothing is wrong with the name.
  if (family !== "any")
    return refused(
      "5.4.4",
      `${domain} has no mail server with an ${FAMILIES[family]} address, and only those are connected to`,
    );
  const isImplicit = records.length === 1 && records[0]!.exchange === domain;
  if (isImplicit) return refused("5.1.2", `${domain} has no mail server, and no address itself`);
  return refused("5.4.4", `none of the hosts that take mail for ${domain} has an address`);
}

/** What is private may be a network of the operator's that the configuration forgot: that is our trouble (promise P5). */
function barredFrom(barred: readonly Barred[]): Destination {
  const shown = barred
    .slice(0, OUTBOUND.addressesPerAttemptMax)
    .map(({ address, obstacle }) => `${address} (${obstacle})`);
  const detail = `mail for strangers is not sent to ${shown.join(", ")}`;
  if (barred.some(({ obstacle }) => obstacle !== "private")) return refused("5.4.4", detail);
  return { kind: "unknown", detail: `${detail}; delivery.private_networks permits it` };
}

/** One of the first, one of the second, and so on: a family that is dead costs one try. */
function inTurn(first: readonly string[], second: readonly string[]): string[] {
  const length = Math.max(first.length, second.length);
  return Array.from({ length }, (_, at) => [first[at], second[at]]).flatMap((pair) =>
    pair.filter((a) => a !== undefined),
  );
}

/** The same for all domains with the same hosts, whatever their order. */
function siteOf(records: readonly MxRecord[]): string {
  // A name in the DNS may have any octets; what stands behind @ is the egress (core/routing/lane).
  const names = records.map(({ exchange }) => exchange.replaceAll("@", "?")).filter((name) => name !== "");
  return [...new Set(names)].toSorted().slice(0, OUTBOUND.exchangersMax).join(",");
}

/** The same for all domains that want the same hosts tried before others: RFC 5321 section 5.1 leaves only equals to us. */
function orderOf(records: readonly MxRecord[]): string {
  const preferences = [...new Set(records.map(({ preference }) => preference))].toSorted((one, other) => one - other);
  const equals = (of: number): string[] =>
    records.filter(({ preference }) => preference === of).map(({ exchange }) => exchange);
  const ranks = preferences.slice(0, OUTBOUND.exchangersMax).map((preference) => equals(preference).toSorted());
  return ranks.map((names) => names.slice(0, OUTBOUND.exchangersMax).join(",")).join(">");
}
