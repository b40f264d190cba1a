/** What a site is spared, as the configuration has it. */
export interface SiteBounds {
  readonly name: string;
  readonly connectionsMax: number;
  readonly connectionsPerMinute: number | undefined;
  readonly messagesPerMinute: number | undefined;
}

interface SiteAccount {
  readonly bounds: SiteBounds;
  standing: number;
  /** When connections and transactions began, within the last minute. */
  connections: number[];
  messages: number[];
}

const MINUTE_MS = 60_000;

/** Connections and transactions, counted where they arrive (promise P8). */
export class SiteBook {
  readonly #byAddress = new Map<string, SiteAccount>();
  readonly #byName = new Map<string, SiteAccount>();
  readonly #violation: (promise: string, text: string) => void;

  /** `sites`: bounds with the addresses of their servers. */
  constructor(
    sites: readonly { readonly bounds: SiteBounds; readonly addresses: readonly string[] }[],
    violation: (promise: string, text: string) => void,
  ) {
    this.#violation = violation;
    for (const { bounds, addresses } of sites) {
      const account: SiteAccount = { bounds, standing: 0, connections: [], messages: [] };
      this.#byName.set(bounds.name, account);
      for (const address of addresses) this.#byAddress.set(address, account);
    }
  }

  opened(address: string, now: number): SiteAccount | undefined {
    const site = this.#byAddress.get(address);
    if (site === undefined) return undefined;
    const { bounds } = site;
    site.standing++;
    site.connections = [...site.connections.filter((at) => now - at < MINUTE_MS), now];
    if (site.standing > bounds.connectionsMax)
      this.#violation("P8", `${site.standing} connections to ${bounds.name}, of at most ${bounds.connectionsMax}`);
    if (site.connections.length > (bounds.connectionsPerMinute ?? Infinity))
      this.#violation("P8", `${site.connections.length} new connections to ${bounds.name} within a minute`);
    return site;
  }

  closed(site: SiteAccount | undefined): void {
    if (site !== undefined) site.standing--;
  }

  /** A transaction begins at a server of that address. */
  began(address: string, now: number): void {
    const site = this.#byAddress.get(address);
    if (site === undefined) return;
    site.messages = [...site.messages.filter((at) => now - at < MINUTE_MS), now];
    if (site.messages.length > (site.bounds.messagesPerMinute ?? Infinity))
      this.#violation("P8", `${site.messages.length} transactions at ${site.bounds.name} within a minute`);
  }

  /** A process that begins does not know what the one before it did in this minute. */
  died(): void {
    for (const site of this.#byName.values()) Object.assign(site, { standing: 0, connections: [], messages: [] });
  }
}
