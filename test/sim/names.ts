import type { MxRecord } from "../../src/core/routing/exchangers.ts";
import type { Answer, Resolver } from "../../src/ports/resolver.ts";
import type { Dice } from "./dice.ts";
import type { Faults } from "./faults.ts";
import type { Ledger } from "./oracle/ledger.ts";
import type { Life, Timeline } from "./timeline.ts";

/** How the DNS is now. */
export type Weather = "well" | "servfail" | "slow" | "mixed";

export interface Zone {
  readonly exchangers: readonly MxRecord[];
  /** What it says for certain, that nobody is to be reached: `null-mx`, `unknown`. */
  readonly isDead?: "null-mx" | "unknown";
}

export interface NamesParts {
  readonly timeline: Timeline;
  readonly dice: Dice;
  readonly faults: Faults;
  readonly ledger: Ledger;
  readonly zones: ReadonlyMap<string, Zone>;
  /** As it is at other times. */
  readonly changed: ReadonlyMap<string, Zone>;
  /** Addresses by host. */
  readonly hosts: ReadonlyMap<string, readonly string[]>;
  /** Next hops that are found by what is said of this domain or host. */
  readonly hopsBehind: (name: string) => readonly string[];
}

/** The DNS, as one that a resolver asks. */
export class Names {
  readonly #parts: NamesParts;
  weather: Weather = "well";
  /** Some records are others than they were. */
  isChanged = false;

  constructor(parts: NamesParts) {
    this.#parts = parts;
  }

  /** For one run of the relay. */
  resolver(life: Life): Resolver {
    return {
      exchangers: (domain) => this.#answer(life, domain, () => this.#exchangers(domain)),
      addresses: (host, family) => this.#answer(life, host, () => this.#addresses(host, family)),
    };
  }

  async #answer<Record>(life: Life, name: string, find: () => Answer<Record>): Promise<Answer<Record>> {
    const { timeline, dice, faults, ledger } = this.#parts;
    const fails = this.weather === "servfail" || (this.weather === "mixed" && dice.happens(0.4));
    const isSlow = this.weather === "slow" || (this.weather === "mixed" && dice.happens(0.2));
    const delay = isSlow ? dice.between(500, 18_000) : dice.between(1, 80);
    await new Promise<void>((resolve) => {
      timeline.after(delay, () => {
        if (!life.isDead) resolve();
      });
    });
    if (fails || (isSlow && dice.happens(0.5))) {
      faults.count(fails ? "dns-servfail" : "dns-timeout");
      ledger.reasons.unanswered();
      for (const hop of this.#parts.hopsBehind(name)) ledger.troubled(hop);
      return { kind: "failed", text: fails ? "10.9.9.9 says SERVFAIL" : "10.9.9.9 does not answer" };
    }
    if (isSlow) faults.count("dns-slow");
    return find();
  }

  #exchangers(domain: string): Answer<MxRecord> {
    const { zones, faults, ledger } = this.#parts;
    const zone = this.isChanged ? (this.#parts.changed.get(domain) ?? zones.get(domain)) : zones.get(domain);
    if (zone === undefined || zone.isDead === "unknown") {
      faults.count("dns-nxdomain");
      ledger.deadDomain(domain);
      return { kind: "absent", hasName: false };
    }
    if (zone.isDead === "null-mx") {
      faults.count("dns-null-mx");
      ledger.deadDomain(domain);
      return { kind: "found", records: [{ preference: 0, exchange: "" }] };
    }
    return { kind: "found", records: zone.exchangers };
  }

  #addresses(host: string, family: 4 | 6): Answer<string> {
    const found = this.#parts.hosts.get(host) ?? [];
    if (family === 6 || found.length === 0) return { kind: "absent", hasName: true };
    return { kind: "found", records: found };
  }
}
