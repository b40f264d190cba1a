import { OUTBOUND, OUTBOUND_TIME, QUEUE } from "../core/base/limits.ts";
import { RecentMap } from "../core/base/recent-map.ts";
import type { Duration } from "../core/base/time.ts";
import { SITE_RETRY, wait } from "../core/queue/backoff.ts";
import { type SiteStanding, limitsMet } from "../core/queue/site-standing.ts";
import { PROBE_WINDOW, narrowed, widened } from "../core/queue/window.ts";
import type { Lane } from "../core/routing/lane.ts";
import type { SiteLimits } from "../core/routing/site-terms.ts";
import type { Block, Rated, Site, SiteReport } from "../ports/queue.ts";
import type { Clock } from "../ports/clock.ts";
import type { Entropy } from "../ports/entropy.ts";
import type { Recorder } from "../ports/recorder.ts";
import type { Outlet, QueueToMail } from "./messages.ts";
import { NO_BLOCK, type SiteRecord, adapted, freshRecord } from "./site-record.ts";
import {
  type SiteState,
  bareThreads,
  isUsed,
  leftFor,
  nextToServe,
  recordWorthKeeping,
  siteInUse,
  standingOf,
  sum,
} from "./site-state.ts";

export interface SitesParts {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly recorder: Recorder;
  readonly mails: readonly Outlet<QueueToMail>[];
  /** The bounds of a site, as the configuration has them. */
  limitsOf(site: Site): SiteLimits;
  /** Whether an operator wants nothing to go there. */
  isPaused(site: Site): boolean;
  /** Nothing goes to a site for now. Called before the mail threads hear of it. */
  blocked(site: Site, block: Block): void;
}

/**
 * Every connection to a site is a slot given out here, so that windows and rates hold over all mail threads (promise P8),
 * and one dead site costs one slot at a time and delays nobody else.
 */
export class Sites {
  readonly #parts: SitesParts;
  readonly #clock: Clock;
  readonly #mails: readonly Outlet<QueueToMail>[];
  readonly #sites = new Map<Site, SiteState>();
  readonly #resting = new RecentMap<Site, SiteRecord>(QUEUE.restingSitesMax);
  /** Sites whose turn for a slot came while all sites together had enough. */
  readonly #hungry = new Set<SiteState>();
  /** Slots of all sites together, and of those whose last connection failed. */
  #slots = 0;
  #failingSlots = 0;
  #mayDeliver = false; // until the store has looked at the disk

  constructor(parts: SitesParts) {
    this.#parts = parts;
    this.#clock = parts.clock;
    this.#mails = parts.mails;
  }

  /** A mail thread could use so many connections there, those it has included. */
  demand(name: Site, mailThread: number, connections: number): void {
    const site = this.#site(name);
    site.wanted[mailThread] = connections;
    const block = this.blockOf(name);
    if (block !== undefined && connections > site.slots[mailThread]!)
      this.#mails[mailThread]!.say({ kind: "blocked", site: name, block });
    this.#grant(site);
    this.#forget(site);
  }

  /** One of its connections is gone. */
  release(name: Site, mailThread: number, report: SiteReport): void {
    const site = this.#site(name);
    site.slots[mailThread]!--;
    this.#slots--;
    if (report.isUnused === true) site.unused--;
    if (site.failures > 0) this.#failingSlots--;
    this.#progress(site, report.deliveries);
    if (report.failure !== undefined) this.#judge(site, { text: report.failure, isOurs: report.isOurs === true });
    this.#grant(site);
    this.#forget(site);
    this.#feedHungry();
  }

  progress(name: Site, deliveries: number): void {
    const site = this.#site(name);
    this.#progress(site, deliveries);
    this.#grant(site);
    this.#forget(site);
  }

  /** Something of a mail thread wants to begin where it has a rate. */
  permit(name: Site, mailThread: number, what: Rated, isFirst: boolean): void {
    const site = this.#site(name);
    if (isFirst) site.unused--;
    site.asking[what].push(mailThread);
    this.#permit(site, what);
    this.#grant(site); // it sets the timer for when the rate has room for another connection
  }

  withdraw(name: Site, mailThread: number, what: Rated): void {
    const site = this.#site(name);
    const asking = site.asking[what];
    const at = asking.indexOf(mailThread);
    if (at !== -1) asking.splice(at, 1);
    this.#forget(site);
  }

  /** An operator wants it tried now. */
  unblock(name: Site): void {
    if (!this.#sites.has(name) && this.#resting.get(name) === undefined) return; // a lane's name, or one nobody knows
    const site = this.#site(name);
    site.block = NO_BLOCK;
    this.#grant(site);
    this.#forget(site);
  }

  /** What is claimed of the lane goes there. */
  attach(name: Site, lane: Lane): void {
    this.#site(name).lanes.add(lane);
  }

  detach(name: Site, lane: Lane): void {
    const site = this.#site(name);
    site.lanes.delete(lane);
    this.#forget(site);
  }

  lanesOf(name: Site): Iterable<Lane> {
    return this.#sites.get(name)?.lanes ?? [];
  }

  blockOf(name: Site): Block | undefined {
    const found = (this.#sites.get(name) ?? this.#resting.get(name))?.block;
    const left = Math.ceil((found?.endsAt ?? 0) - this.#clock.monotonic());
    if (found === undefined || left <= 0) return undefined;
    const { text, isOurs } = found;
    return { until: this.#clock.now() + left, left, text, ...(isOurs === true && { isOurs }) };
  }

  /** For an operator. Undefined where nothing is known of it. */
  standing(name: Site): SiteStanding | undefined {
    const site = this.#sites.get(name);
    if (site !== undefined) return this.#standing(site);
    const rested = this.#resting.get(name);
    return rested === undefined
      ? undefined
      : this.#standing({ name, ...rested, limits: this.#parts.limitsOf(name), slots: [], wanted: [] });
  }

  /** Sites where mail waits for something, those that want most connections first. */
  busiest(most: number, hasActive: boolean): { readonly sites: readonly SiteStanding[]; readonly leftOut: number } {
    if (most === 0) return { sites: [], leftOut: 0 };
    const now = this.#clock.now();
    const found = this.#sites
      .values()
      .map((site) => this.#standing(site))
      .map((standing) => ({ standing, isHeldBack: limitsMet(standing, now).length > 0 }))
      .filter(({ standing, isHeldBack }) => isHeldBack || (hasActive && standing.connections + standing.wanted > 0))
      .toArray()
      .toSorted(
        (one, other) =>
          Number(other.isHeldBack) - Number(one.isHeldBack) || other.standing.wanted - one.standing.wanted,
      )
      .map(({ standing }) => standing);
    return { sites: found.slice(0, most), leftOut: Math.max(0, found.length - most) };
  }

  #standing(site: Parameters<typeof standingOf>[0]): SiteStanding {
    return standingOf(site, {
      now: this.#clock.now(),
      monotonic: this.#clock.monotonic(),
      block: this.blockOf(site.name),
      isCrowdedOut: this.#room(site) <= 0,
      isDiskFull: !this.#mayDeliver,
    });
  }

  /** Other servers stand there now: how those before them fared says nothing of them. What was begun still counts. */
  renewed(name: Site): void {
    if (!this.#sites.has(name) && this.#resting.get(name) === undefined) return; // nothing is known of it
    const site = this.#site(name);
    if (site.failures > 0) this.#failingSlots -= sum(site.slots);
    const { failures, block, isProven, window } = freshRecord(site.limits);
    Object.assign(site, { failures, block, isProven, window });
    this.#grant(site);
    this.#forget(site);
  }

  /** Their bounds may be others now. */
  limitsChanged(): void {
    for (const site of this.#sites.values()) {
      site.limits = this.#parts.limitsOf(site.name);
      Object.assign(site, adapted(site, site.limits));
      this.#permitAll(site);
      this.#grant(site);
    }
  }

  /** What may be given out may have changed for all. */
  goOn(mayDeliver: boolean): void {
    this.#mayDeliver = mayDeliver;
    for (const site of this.#sites.values()) {
      this.#permitAll(site);
      this.#grant(site);
    }
  }

  #site(name: Site): SiteState {
    let site = this.#sites.get(name);
    if (site === undefined) {
      site = siteInUse(name, this.#parts.limitsOf(name), this.#resting.get(name), this.#mails.length);
      this.#resting.delete(name);
      this.#sites.set(name, site);
    }
    return site;
  }

  /** A site that nobody uses rests; of how it fared the newest are remembered (promise P7). */
  #forget(site: SiteState): void {
    if (isUsed(site)) return;
    this.#sites.delete(site.name);
    this.#hungry.delete(site);
    site.timer?.cancel();
    const record = recordWorthKeeping(site, this.#clock.monotonic());
    if (record !== undefined) this.#resting.set(site.name, record);
  }

  #progress(site: SiteState, deliveries: number): void {
    if (deliveries === 0) return;
    const { name, failures } = site;
    if (failures > 0) {
      this.#failingSlots -= sum(site.slots);
      this.#parts.recorder.record({ event: "site.unblocked", site: name, failures });
    }
    site.failures = 0;
    site.window = widened(site.window, deliveries, site.limits.connectionsMax);
    site.isProven = true;
  }

  /** A connection failed. Where nothing else stands there, all that goes to the site waits. */
  #judge(site: SiteState, failure: Pick<Block, "text" | "isOurs">): void {
    const standing = sum(site.slots);
    site.window = narrowed(site.window, standing);
    if (standing === 0) this.#block(site, failure);
  }

  /** It has no connection now, so that what is counted of it is nothing. */
  #block(site: SiteState, failure: Pick<Block, "text" | "isOurs">): void {
    if (this.blockOf(site.name) !== undefined) return;
    site.failures++;
    const { entropy, recorder } = this.#parts;
    const left = wait(SITE_RETRY, site.failures, entropy.fraction());
    site.block = { ...failure, endsAt: this.#clock.monotonic() + left };
    const block = this.blockOf(site.name)!;
    site.window = PROBE_WINDOW;
    site.isProven = false;
    recorder.record({
      event: "site.blocked",
      site: site.name,
      until: new Date(block.until).toISOString(),
      failures: site.failures,
      text: failure.text,
    });
    this.#parts.blocked(site.name, block);
    for (const mail of this.#mails) mail.say({ kind: "blocked", site: site.name, block });
  }

  /** Slots that all sites together leave to this one. */
  #room(site: Pick<SiteRecord, "isProven" | "failures">): number {
    const room = OUTBOUND.connectionsMax - this.#slots;
    if (site.isProven) return room;
    const open = room - OUTBOUND.provenReserve;
    return site.failures === 0 ? open : Math.min(open, OUTBOUND.failingConnectionsMax - this.#failingSlots);
  }

  /** New connections that the rates leave to a site now; the timer rings when there will be more. */
  #allowed(site: SiteState): number {
    const { connection, message } = site.rates;
    const now = this.#clock.monotonic();
    // Those that have still to come to their first message, and those that wait with one, take the messages that may go first.
    const taken = site.unused + site.asking.message.length;
    // A connection is of no use long before a message may go over it.
    const messageAt = (message?.freeAt(now, taken + 1) ?? now) - OUTBOUND_TIME.ahead;
    const wait = Math.max(connection?.freeAt(now) ?? now, messageAt) - now;
    if (Number.isFinite(wait) && wait > 0) this.#ring(site, wait); // else it waits until one of those goes or begins
    if (wait > 0) return 0;
    const messages = (message?.room(now + OUTBOUND_TIME.ahead) ?? Number.POSITIVE_INFINITY) - taken;
    return Math.max(1, Math.min(connection?.room(now) ?? Number.POSITIVE_INFINITY, messages));
  }

  /** Both rates are looked at when it rings, so that the sooner one counts. */
  #ring(site: SiteState, delay: Duration): void {
    const at = this.#clock.monotonic() + delay;
    if (site.timer !== undefined && site.timerAt <= at) return;
    site.timer?.cancel();
    site.timerAt = at;
    site.timer = this.#clock.after(delay, () => {
      site.timer = undefined;
      this.#permitAll(site);
      this.#grant(site);
    });
  }

  /** What stands, or is being made, goes before new connections. */
  #permitAll(site: SiteState): void {
    this.#permit(site, "connection");
    this.#permit(site, "message");
  }

  #permit(site: SiteState, what: Rated): void {
    if (!this.#mayDeliver || this.#parts.isPaused(site.name)) return;
    const rate = site.rates[what];
    const asking = site.asking[what];
    while (asking.length > 0) {
      const now = this.#clock.monotonic();
      const at = rate?.freeAt(now) ?? now;
      if (at > now) return this.#ring(site, at - now);
      rate?.take(now);
      this.#mails[asking.shift()!]!.say({ kind: "permitted", site: site.name, what });
    }
  }

  #grant(site: SiteState): void {
    const isOpen = this.#mayDeliver && this.blockOf(site.name) === undefined && !this.#parts.isPaused(site.name);
    if (isOpen) this.#give(site);
    this.#share(site, isOpen);
  }

  /** Gives out slots up to the window. */
  #give(site: SiteState): void {
    if (sum(site.wanted) <= sum(site.slots)) return;
    const room = this.#room(site);
    let free = Math.min(room, site.window.limit - sum(site.slots), this.#allowed(site));
    const grants = this.#mails.map(() => 0);
    for (let thread = nextToServe(site); free > 0 && thread !== undefined; thread = nextToServe(site)) {
      site.served = thread;
      site.slots[thread]!++;
      site.unused++;
      grants[thread]!++;
      free--;
      this.#slots++;
      if (site.failures > 0) this.#failingSlots++;
      site.rates.connection?.take(this.#clock.monotonic());
    }
    for (const [thread, slots] of grants.entries())
      if (slots > 0) this.#mails[thread]!.say({ kind: "granted", site: site.name, slots });
    const isShort = sum(site.wanted) > sum(site.slots);
    if (isShort && room <= sum(grants)) this.#hungry.add(site);
    else if (isShort && site.window.limit > sum(site.slots)) this.#allowed(site); // the timer, if nothing else
  }

  /** For each mail thread that has no slot, and wants one, another one gives one up. */
  #share(site: SiteState, isOpen: boolean): void {
    const left = leftFor(isOpen ? this.#bare(site) : 0, site.slots);
    for (const [thread, slots] of left.entries()) {
      const kept = slots < site.slots[thread]! ? slots : Number.POSITIVE_INFINITY;
      if (kept === site.kept[thread]) continue;
      site.kept[thread] = kept;
      this.#mails[thread]!.say({ kind: "keep", site: site.name, slots: kept });
    }
  }

  /** None while a connection that ends could not be followed by another. */
  #bare(site: SiteState): number {
    const bare = bareThreads(site);
    if (bare === 0) return 0;
    const now = this.#clock.monotonic();
    const wait = (site.rates.connection?.freeAt(now) ?? now) - now;
    if (wait > 0) this.#ring(site, wait);
    return wait > 0 ? 0 : bare;
  }

  /** The one that waits longest first; each gets what it can use, and waits again at the end where that was not all. */
  #feedHungry(): void {
    if (this.#hungry.size === 0) return;
    const waiting = [...this.#hungry];
    this.#hungry.clear();
    for (const site of waiting) {
      if (this.#room(site) > 0) this.#grant(site);
      else this.#hungry.add(site);
    }
  }
}
