import { unreachable } from "../core/base/invariant.ts";
import type { Failure } from "../core/outbound/outcome.ts";
import { trouble, unroutable } from "../core/outbound/outcome.ts";
import { type Lane, type NextHop, parseLane, through } from "../core/routing/lane.ts";
import type { SmartHost } from "../core/routing/smart-host.ts";
import type { SiteTerms } from "../core/routing/site-terms.ts";
import type { Entropy } from "../ports/entropy.ts";
import type { Site } from "../ports/queue.ts";
import type { Destination, DestinationFinder } from "./destination.ts";
import type { Load } from "./load.ts";
import type { Aim } from "./pool.ts";
import { type Target, exchangerTarget, smartHostTarget } from "./target.ts";

export interface LocatorParts {
  readonly entropy: Entropy;
  readonly finder: Pick<DestinationFinder, "find">;
  /** Of the servers that MX records name. */
  exchangerPort(): number;
  /** By name at every attempt, as all that is looked up here; undefined where the configuration has the egress no more. */
  exchangerTerms(egress: string | undefined): SiteTerms | undefined;
  /** Undefined where the configuration has it or the egress no more. */
  smartHost(name: string, egress: string | undefined): SmartHost | undefined;
}

/** Where loads go, one call for each or for all of a lane. */
export interface LocatorHandler {
  /** The servers of a lane were found: before `toSite` is called for its loads. */
  sited(lane: Lane, site: Site, loads: readonly Load[]): void;
  toSite(load: Load, site: Site, aim: Aim): void;
  /** Its next hop, or egress, is gone from the configuration. */
  reroute(load: Load): void;
  /** There is nobody to connect to. */
  unreached(loads: readonly Load[], failure: Failure): void;
}

type SmartHostHop = Extract<NextHop, { kind: "smarthost" }>;
type DomainHop = Extract<NextHop, { kind: "mx" }>;

/** Finds the site of a load by its lane: at once for a smart host, by the DNS for a domain. */
export class Locator {
  readonly #parts: LocatorParts;
  readonly #handler: LocatorHandler;
  /** Loads whose lanes' servers are looked for. */
  readonly #looking = new Map<Lane, Load[]>();

  constructor(parts: LocatorParts, handler: LocatorHandler) {
    this.#parts = parts;
    this.#handler = handler;
  }

  /** All of one lane. */
  locate(loads: readonly Load[], lane: Lane): void {
    const hop = parseLane(lane);
    for (const load of loads) this.#locate(load, hop);
  }

  /** Of each load whose servers are looked for what `keep` leaves of it is found. */
  filter(keep: (load: Load) => Load | undefined): void {
    for (const [lane, loads] of this.#looking)
      this.#looking.set(
        lane,
        loads.flatMap((load) => keep(load) ?? []),
      );
  }

  #locate(load: Load, hop: NextHop | undefined): void {
    if (hop === undefined) return this.#handler.reroute(load);
    switch (hop.kind) {
      case "smarthost":
        return this.#toSmartHost(load, hop);
      case "mx":
        return this.#lookFor(load, hop);
      default:
        return unreachable(hop);
    }
  }

  #toSmartHost(load: Load, { name, egress }: SmartHostHop): void {
    const found = this.#parts.smartHost(name, egress);
    if (found === undefined) return this.#handler.reroute(load);
    return this.#handler.toSite(load, load.lane, {
      order: "",
      limits: found.limits,
      target: () => {
        const host = this.#parts.smartHost(name, egress); // at every attempt, so that a repaired one acts at once
        return host && smartHostTarget(host);
      },
    });
  }

  /** What comes meanwhile for the same lane goes with it. */
  #lookFor(load: Load, { domain, egress }: DomainHop): void {
    const terms = this.#parts.exchangerTerms(egress);
    if (terms === undefined) return this.#handler.reroute(load);
    const waiting = this.#looking.get(load.lane);
    if (waiting !== undefined) return void waiting.push(load);
    this.#looking.set(load.lane, [load]);
    const { family } = terms.egress;
    void this.#parts.finder.find(domain, family).then((found) => this.#found(load.lane, egress, found));
  }

  #found(lane: Lane, egress: string | undefined, destination: Destination): void {
    const loads = this.#looking.get(lane) ?? [];
    this.#looking.delete(lane);
    const limits = this.#parts.exchangerTerms(egress)?.limits; // others than when the search began, after a reload
    if (limits === undefined) return loads.forEach((load) => this.#handler.reroute(load));
    switch (destination.kind) {
      case "hosts": {
        const { hosts, order } = destination;
        const site = through(egress, destination.site);
        this.#handler.sited(lane, site, loads);
        const { entropy } = this.#parts;
        const target = (): Target | undefined => {
          const terms = this.#parts.exchangerTerms(egress);
          return terms && exchangerTarget(hosts, this.#parts.exchangerPort(), terms, () => entropy.fraction());
        };
        for (const load of loads) this.#handler.toSite(load, site, { order, limits, target });
        return;
      }
      case "refused":
        return this.#handler.unreached(loads, unroutable(destination.status, destination.detail));
      case "unknown":
        return this.#handler.unreached(loads, trouble("connect", "unresolved", "site", destination.detail));
      default:
        return unreachable(destination);
    }
  }
}
