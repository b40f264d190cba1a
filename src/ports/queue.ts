import type { Duration, Instant } from "../core/base/time.ts";
import type { Lane } from "../core/routing/lane.ts";
import type { Arrival, Claimed, MessageRow, Settlement, SpaceReport } from "./store.ts";

// The seam between the mail threads and the two threads behind them. A **site** is whom connections lead to: a smart host
// (then it is named as its lane is), or the set of servers that one or several domains have in their MX records. A **slot**
// is the right to have one connection to a site; slots are counted on the queue thread, so that a limit holds over all
// mail threads (promise P8).

/** A smart host's lane, or what `engine/destination` calls the servers of a domain. */
export type Site = string;

/** What a mail thread asks of the queue. */
export interface QueuePort {
  /** Durable when it resolves (promise P1); rejects with `StorageError`. */
  submit(arrival: Arrival, isInHand: boolean): Promise<MessageRow>;
  /** The mark of the message that was made of a file of the spool; undefined where none was. Rejects with `StorageError`. */
  markOf(name: string): Promise<string | undefined>;
  /** Recorded with the next group commit; the caller need not wait. */
  settle(settlement: Settlement): void;
  /**
   * Settlements, and the reports that they cause: recorded together, in one transaction, so that no crash loses a report
   * or makes two (promise P2). The reports wait in their lanes. Resolves when it is durable.
   */
  settleWithReports(settlements: readonly Settlement[], reports: readonly Arrival[]): Promise<void>;
  /** Resolves when everything settled so far is durable. */
  settled(): Promise<void>;
  /** This thread could use this many connections to the site now, those it has included. */
  demand(site: Site, connections: number): void;
  /** A connection is gone, and its slot with it. */
  release(site: Site, report: SiteReport): void;
  /** Deliveries since the last report, for the window. */
  progress(site: Site, deliveries: number): void;
  /**
   * Something wants to begin at a site where it has a rate: `permitted` follows, once for each call. `isFirst`: it is the
   * first transaction of a connection that asks.
   */
  permit(site: Site, what: Rated, isFirst: boolean): void;
  /** One that asked for a permit has no use for it any more. */
  withdraw(site: Site, what: Rated): void;
  /** An operator wants the site tried now, blocked or not. */
  unblock(site: Site): void;
  /** What this thread claimed of the lane goes to this site. */
  sited(lane: Lane, site: Site): void;
  /** Claimed deliveries, and octets of their content, that this thread is done with: there is room for more. */
  consumed(lane: Lane, deliveries: number, octets: number): void;
}

/** What has a rate: transactions, and connections beyond the first that a slot stands for. */
export type Rated = "message" | "connection";

export interface SiteReport {
  readonly deliveries: number;
  /** Set where the site itself failed: nothing can be sent there for now. */
  readonly failure: string | undefined;
  /** It failed through this machine's doing: nobody's mail ends with that, however old it gets (promise P5). */
  readonly isOurs?: boolean;
  /** No transaction of it asked for a permit: it ended before, or the site had no such rate while it stood. */
  readonly isUnused?: boolean;
}

/** Why nothing goes to a site for now. */
export interface Block {
  /** For what waits in the store, and for people. */
  readonly until: Instant;
  /** What is left of it as it is told: threads watch it by their own clocks that never go back. */
  readonly left: Duration;
  /** What the last attempt there met. */
  readonly text: string;
  /** This machine's doing. */
  readonly isOurs?: boolean;
}

/** What the queue tells a mail thread. */
export interface QueueListener {
  granted(site: Site, slots: number): void;
  /** From now on: of its connections it keeps at most so many once their turns are over, since other threads have none. */
  keep(site: Site, slots: number): void;
  permitted(site: Site, what: Rated): void;
  /** Nothing goes to this site for now; what is in hand for it takes its route's next step, or is parked. */
  blocked(site: Site, block: Block): void;
  claimed(claimed: readonly Claimed[]): void;
  space(report: SpaceReport): void;
}
