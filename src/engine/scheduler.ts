import { unreachable } from "../core/base/invariant.ts";
import { OUTBOUND, OUTBOUND_TIME, QUEUE } from "../core/base/limits.ts";
import { RecentMap } from "../core/base/recent-map.ts";
import { type Duration, type Instant, minute } from "../core/base/time.ts";
import { SITE_RETRY, wait } from "../core/queue/backoff.ts";
import { Rate } from "../core/queue/rate.ts";
import { PROBE_WINDOW, type Window, freshWindow, narrowed, widened } from "../core/queue/window.ts";
import type { Step } from "../core/routing/route.ts";
import { type Lane, isRetriedWithItsSite, smartHostLane } from "../core/routing/lane.ts";
import type { SiteLimits } from "../core/routing/site-terms.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { Entropy } from "../ports/entropy.ts";
import type { Recorder } from "../ports/recorder.ts";
import type { Block, Site, SiteReport } from "../ports/queue.ts";
import type { ClaimedLane, MailToQueue, Outlet, QueueToMail, QueueToStore, StoreToQueue } from "./messages.ts";

/** How a site fared; good to know when it is used again. */
interface SiteRecord {
  readonly window: Window;
  /** Blocks in a row. */
  readonly failures: number;
  readonly block: Block;
  /** It took a message, and was not blocked since. */
  readonly isProven: boolean;
  /** What was begun there in the last minute, where that has a bound. */
  readonly rates: SiteRates;
}

interface SiteRates {
  readonly connections: Rate | undefined;
  readonly messages: Rate | undefined;
}

/** What the scheduler knows of a site that is in use: all that limits connections there. */
interface SiteState {
  readonly name: Site;
  window: Window;
  failures: number;
  block: Block;
  isProven: boolean;
  /** Slots given out, by mail thread. */
  readonly slots: number[];
  /** Connections wanted, by mail thread, those it has included. */
  readonly wanted: number[];
  /** Lanes with claimed deliveries that go there. */
  readonly lanes: Set<Lane>;
  readonly limits: SiteLimits;
  readonly rates: SiteRates;
  /** Mail threads with a transaction that waits for its permit, first come, first served. */
  readonly asking: number[];
  /** Rings when a rate has room again, at `timerAt` by the monotonic clock. */
  timer: Timer | undefined;
  timerAt: number;
}

/** What the scheduler knows of a lane that the store leaves to it. Lanes at rest are rows in the store only. */
interface LaneState {
  readonly name: Lane;
  /** Undefined until a mail thread found out. */
  site: SiteState | undefined;
  /** Deliveries claimed from the store and not yet consumed. */
  claimed: number;
  /** The store has more that is due, and leaves the lane to us. */
  hasMore: boolean;
  /** A claim of this lane is under way. */
  isClaiming: boolean;
}

/** More of a lane is claimed while less than this of it is out. */
const LANE_LOW_WATER = QUEUE.deliveriesPerLaneClaim / 2;
const NO_BLOCK: Block = { until: 0, text: "" };
const TIMER_MAX: Duration = 3_600_000;

export interface SchedulerParts {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly recorder: Recorder;
  readonly mails: readonly Outlet<QueueToMail>[];
  readonly store: Outlet<QueueToStore>;
  /** The bounds of a site, as the configuration has them. */
  limitsOf(site: Site): SiteLimits;
  /** Steps that mail of this lane may go on to: while one of them is open it is claimed although its site is blocked. */
  fallbacksOf(lane: Lane): readonly Step[];
}

/**
 * The queue thread: knows what is due, what is in flight and which limits bind. It does no I/O. Every connection to a
 * site is a slot given out here, so that windows hold over all mail threads (promise P8), and one dead site costs one
 * slot at a time and delays nobody else.
 */
export class Scheduler {
  readonly #parts: SchedulerParts;
  readonly #clock: Clock;
  readonly #mails: readonly Outlet<QueueToMail>[];
  readonly #store: Outlet<QueueToStore>;
  readonly #sites = new Map<Site, SiteState>();
  readonly #lanes = new Map<Lane, LaneState>();
  readonly #resting = new RecentMap<Site, SiteRecord>(QUEUE.restingSitesMax);
  /** Lanes whose turn for more came while enough was out. */
  readonly #starved = new Set<Lane>();
  /** Sites whose turn for a slot came while all sites together had enough. */
  readonly #hungry = new Set<SiteState>();
  /** Slots of all sites together, and of those whose last connection failed. */
  #slots = 0;
  #failingSlots = 0;
  #claimed = 0;
  #claimedOctets = 0;
  #wakeAt: Instant | undefined;
  #timer: Timer | undefined;
  #isClaimingDue = false;
  #claimsUnderWay = 0;
  #nextMailThread = 0;
  #isPaused = false;
  #pausedLanes: ReadonlySet<Lane> = new Set();
  #mayDeliver = false; // until the store has looked at the disk

  constructor(parts: SchedulerParts) {
    this.#parts = parts;
    this.#clock = parts.clock;
    this.#mails = parts.mails;
    this.#store = parts.store;
  }

  fromMail(mailThread: number, message: MailToQueue): void {
    switch (message.kind) {
      case "demand":
        return this.#demanded(this.#site(message.site), mailThread, message.connections);
      case "release":
        return this.#released(this.#site(message.site), mailThread, message.report);
      case "progress": {
        const site = this.#site(message.site);
        this.#progress(site, message.deliveries);
        this.#grant(site);
        return this.#forgetSite(site);
      }
      case "unblock":
        return this.#unblock(message.site);
      case "withdraw": {
        const site = this.#site(message.site);
        const at = site.asking.indexOf(mailThread);
        if (at !== -1) site.asking.splice(at, 1);
        return this.#forgetSite(site);
      }
      case "permit": {
        const site = this.#site(message.site);
        site.asking.push(mailThread);
        return this.#permit(site);
      }
      case "sited":
        return this.#sited(this.#lane(message.lane), this.#site(message.site));
      case "consumed":
        return this.#consumed(this.#lane(message.lane), message.deliveries, message.octets);
      default:
        return unreachable(message);
    }
  }

  fromStore(message: StoreToQueue): void {
    switch (message.kind) {
      case "claimed":
        this.#claimsUnderWay--;
        if (message.isDue) this.#isClaimingDue = false;
        this.#claimedFrom(message.lanes);
        this.#claimStarved();
        break;
      case "wake":
        this.#wakeAt = message.at;
        this.#claimDue();
        break;
      case "space":
        this.#mayDeliver = message.report.mayDeliver;
        this.#goOn();
        break;
      case "unblock":
        this.#unblock(message.lane);
        break;
      case "pauses":
        this.#isPaused = message.outbound;
        this.#pausedLanes = new Set(message.lanes);
        this.#goOn();
        break;
      default:
        unreachable(message);
    }
  }

  #site(name: Site): SiteState {
    let site = this.#sites.get(name);
    if (site === undefined) {
      const perThread = (): number[] => this.#mails.map(() => 0);
      const limits = this.#parts.limitsOf(name);
      const found = this.#resting.get(name) ?? freshRecord(limits);
      this.#resting.delete(name);
      site = {
        name,
        ...found,
        limits,
        slots: perThread(),
        wanted: perThread(),
        lanes: new Set(),
        asking: [],
        timer: undefined,
        timerAt: 0,
      };
      this.#sites.set(name, site);
    }
    return site;
  }

  #lane(name: Lane): LaneState {
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = { name, site: undefined, claimed: 0, hasMore: false, isClaiming: false };
      this.#lanes.set(name, lane);
      if (isRetriedWithItsSite(name)) this.#sited(lane, this.#site(name));
    }
    return lane;
  }

  /** A site that nobody uses rests; of how it fared the newest are remembered (promise P7). */
  #forgetSite(site: SiteState): void {
    if (sum(site.slots) > 0 || sum(site.wanted) > 0 || site.lanes.size > 0) return;
    this.#sites.delete(site.name);
    this.#hungry.delete(site);
    site.timer?.cancel();
    const { window, failures, block, isProven, rates } = site;
    const isBounded = rates.connections !== undefined || rates.messages !== undefined;
    if (failures > 0 || window.price > 1 || isBounded)
      this.#resting.set(site.name, { window, failures, block, isProven, rates });
  }

  #forgetLane(lane: LaneState): void {
    if (lane.claimed !== 0 || lane.hasMore || lane.isClaiming) return; // below zero: consumed before it was counted
    this.#lanes.delete(lane.name);
    if (lane.site === undefined) return;
    lane.site.lanes.delete(lane.name);
    this.#forgetSite(lane.site);
  }

  #sited(lane: LaneState, site: SiteState): void {
    if (lane.site === site) return;
    const before = lane.site;
    before?.lanes.delete(lane.name);
    lane.site = site;
    site.lanes.add(lane.name);
    if (this.#isBlocked(site)) this.#rest(lane, site.block.until);
    if (before !== undefined) this.#forgetSite(before);
  }

  #demanded(site: SiteState, mailThread: number, connections: number): void {
    site.wanted[mailThread] = connections;
    if (this.#isBlocked(site) && connections > site.slots[mailThread]!)
      this.#mails[mailThread]!.say({ kind: "blocked", site: site.name, block: site.block });
    this.#grant(site);
    this.#forgetSite(site);
  }

  #released(site: SiteState, mailThread: number, report: SiteReport): void {
    site.slots[mailThread]!--;
    this.#slots--;
    if (site.failures > 0) this.#failingSlots--;
    this.#progress(site, report.deliveries);
    if (report.failure !== undefined) this.#judge(site, report.failure);
    this.#grant(site);
    this.#forgetSite(site);
    this.#feedHungry();
  }

  #consumed(lane: LaneState, deliveries: number, octets: number): void {
    lane.claimed -= deliveries;
    this.#claimed -= deliveries;
    this.#claimedOctets -= octets;
    this.#claimMore(lane);
    this.#claimStarved();
    this.#claimDue();
    this.#forgetLane(lane);
  }

  #isBlocked(site: SiteState): boolean {
    return site.block.until > this.#clock.now();
  }

  /** What may be given out or claimed may have changed for all. */
  #goOn(): void {
    for (const site of this.#sites.values()) this.#grant(site);
    for (const lane of this.#lanes.values()) this.#claimMore(lane);
    this.#claimDue();
  }

  /** By an operator. The store does not let a paused lane wake, so that only what is served already is to be stopped here. */
  #isPausedAt(name: Lane): boolean {
    return this.#isPaused || this.#pausedLanes.has(name);
  }

  /** An operator wants it tried now. */
  #unblock(name: Site): void {
    if (!this.#sites.has(name) && this.#resting.get(name) === undefined) return; // a lane's name, or one nobody knows
    const site = this.#site(name);
    site.block = NO_BLOCK;
    this.#grant(site);
    this.#forgetSite(site);
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
  #judge(site: SiteState, failure: string): void {
    const standing = sum(site.slots);
    site.window = narrowed(site.window, standing);
    if (standing === 0) this.#block(site, failure);
  }

  /** It has no connection now, so that what is counted of it is nothing. */
  #block(site: SiteState, because: string): void {
    if (this.#isBlocked(site)) return;
    site.failures++;
    const { entropy, recorder } = this.#parts;
    const until = this.#clock.now() + wait(SITE_RETRY, site.failures, entropy.fraction());
    site.block = { until, text: because };
    site.window = PROBE_WINDOW;
    site.isProven = false;
    recorder.record({
      event: "site.blocked",
      site: site.name,
      until: new Date(until).toISOString(),
      failures: site.failures,
      text: because,
    });
    for (const name of site.lanes) this.#rest(this.#lane(name), until);
    // What is in hand is parked a moment later, so that the row has to know already.
    if (!isRetriedWithItsSite(site.name)) return this.#tellBlocked(site);
    if (!site.lanes.has(site.name)) this.#tellRest(site.name, until);
    // It may have been the last way for mail of other lanes.
    for (const lane of this.#lanes.values())
      if (lane.hasMore && lane.site !== undefined && lane.site !== site && this.#isBlocked(lane.site))
        this.#rest(lane, lane.site.block.until);
    return this.#tellBlocked(site);
  }

  #tellBlocked(site: SiteState): void {
    for (const mail of this.#mails) mail.say({ kind: "blocked", site: site.name, block: site.block });
  }

  /** What is left of the lane waits in the store, unless it may go elsewhere meanwhile. */
  #rest(lane: LaneState, until: Instant): void {
    if (this.#mayGoOn(lane.name)) return;
    lane.hasMore = false;
    this.#tellRest(lane.name, until);
  }

  /** What is claimed of the lane may go another way than through its site. */
  #mayGoOn(lane: Lane): boolean {
    return this.#parts
      .fallbacksOf(lane)
      .some((step) => step.kind === "mx" || this.#blockOf(smartHostLane(step.name)) === undefined);
  }

  #blockOf(name: Site): Block | undefined {
    const block = (this.#sites.get(name) ?? this.#resting.get(name))?.block;
    return block !== undefined && block.until > this.#clock.now() ? block : undefined;
  }

  #tellRest(lane: Lane, until: Instant): void {
    if (this.#mayGoOn(lane)) return;
    const others = this.#parts
      .fallbacksOf(lane)
      .map((step) => (step.kind === "mx" ? until : this.#blockOf(smartHostLane(step.name))!.until));
    this.#store.say({ kind: "rest", lane, blockedUntil: Math.min(until, ...others) });
  }

  /** Slots that all sites together leave to this one. */
  #room(site: SiteState): number {
    const room = OUTBOUND.connectionsMax - this.#slots;
    if (site.isProven) return room;
    const open = room - OUTBOUND.provenReserve;
    return site.failures === 0 ? open : Math.min(open, OUTBOUND.failingConnectionsMax - this.#failingSlots);
  }

  /** New connections that the rates leave to a site now; the timer rings when there will be more. */
  #allowed(site: SiteState): number {
    const { connections, messages } = site.rates;
    const now = this.#clock.monotonic();
    // A connection is of no use before its first message may go.
    const wait = Math.max(connections?.freeAt(now) ?? now, (messages?.freeAt(now) ?? now) - OUTBOUND_TIME.idle) - now;
    if (wait > 0) this.#ring(site, wait);
    return wait > 0 ? 0 : (connections?.room(now) ?? Number.POSITIVE_INFINITY);
  }

  /** Both rates are looked at when it rings, so that the sooner one counts. */
  #ring(site: SiteState, delay: Duration): void {
    const at = this.#clock.monotonic() + delay;
    if (site.timer !== undefined && site.timerAt <= at) return;
    site.timer?.cancel();
    site.timerAt = at;
    site.timer = this.#clock.after(delay, () => {
      site.timer = undefined;
      this.#grant(site);
      this.#permit(site);
    });
  }

  /** A mail thread wants to begin a transaction at a site whose messages have a rate. */
  #permit(site: SiteState): void {
    const { messages } = site.rates;
    while (site.asking.length > 0) {
      const now = this.#clock.monotonic();
      const at = messages?.freeAt(now) ?? now;
      if (at > now) return this.#ring(site, at - now);
      messages?.take(now);
      this.#mails[site.asking.shift()!]!.say({ kind: "permitted", site: site.name });
    }
  }

  /** Gives out slots up to the window, one mail thread after the other. */
  #grant(site: SiteState): void {
    if (!this.#mayDeliver || this.#isBlocked(site) || this.#isPausedAt(site.name)) return;
    const wanted = sum(site.wanted) - sum(site.slots);
    if (wanted <= 0) return;
    const room = this.#room(site);
    let free = Math.min(room, site.window.limit - sum(site.slots), this.#allowed(site));
    const grants = this.#mails.map(() => 0);
    for (let isGiving = true; free > 0 && isGiving;) {
      isGiving = false;
      for (let thread = 0; thread < grants.length && free > 0; thread++) {
        if (site.slots[thread]! >= site.wanted[thread]!) continue;
        site.slots[thread]!++;
        grants[thread]!++;
        free--;
        this.#slots++;
        if (site.failures > 0) this.#failingSlots++;
        site.rates.connections?.take(this.#clock.monotonic());
        isGiving = true;
      }
    }
    for (const [thread, slots] of grants.entries())
      if (slots > 0) this.#mails[thread]!.say({ kind: "granted", site: site.name, slots });
    const isShort = sum(site.wanted) > sum(site.slots);
    if (isShort && room <= sum(grants)) this.#hungry.add(site);
    else if (isShort && site.window.limit > sum(site.slots)) this.#allowed(site); // the timer, if nothing else
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

  #claimedFrom(lanes: readonly ClaimedLane[]): void {
    for (const { lane: name, count, octets, hasMore } of lanes) {
      const lane = this.#lane(name);
      lane.isClaiming = false;
      lane.claimed += count;
      this.#claimed += count;
      this.#claimedOctets += octets;
      lane.hasMore = hasMore;
      // It was blocked while the claim was under way: what is left of it rests.
      if (hasMore && lane.site !== undefined && this.#isBlocked(lane.site)) this.#rest(lane, lane.site.block.until);
      this.#claimMore(lane); // what was claimed may be consumed already: nobody else would look at it again
      this.#forgetLane(lane);
    }
    this.#claimDue();
  }

  #claimMore(lane: LaneState): void {
    if (!lane.hasMore || lane.isClaiming || this.#isPausedAt(lane.name) || lane.claimed >= LANE_LOW_WATER) return;
    if (!this.#mayClaim()) return void this.#starved.add(lane.name);
    lane.isClaiming = true;
    this.#claimsUnderWay++;
    this.#store.say({ kind: "claim-lane", lane: lane.name, now: this.#clock.now(), mailThread: this.#turn() });
  }

  #claimStarved(): void {
    if (this.#starved.size === 0 || !this.#mayClaim()) return;
    const names = [...this.#starved];
    this.#starved.clear();
    for (const name of names) {
      const lane = this.#lanes.get(name);
      if (lane !== undefined) this.#claimMore(lane);
    }
  }

  /** Asks for lanes that are due, or sets the timer for when one will be. */
  #claimDue(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const wakeAt = this.#wakeAt;
    if (wakeAt === undefined || this.#isPaused || this.#isClaimingDue || !this.#mayClaim()) return;
    const now = this.#clock.now();
    if (wakeAt > now) {
      this.#timer = this.#clock.after(Math.min(wakeAt - now, TIMER_MAX), () => this.#claimDue());
      return;
    }
    this.#isClaimingDue = true;
    this.#claimsUnderWay++;
    this.#store.say({ kind: "claim-due", now, lanesMax: QUEUE.lanesPerClaim, mailThread: this.#turn() });
  }

  /** Claims under way count with the most that they may bring, but for the one that is asked for. */
  #mayClaim(): boolean {
    const deliveries = this.#claimed + this.#claimsUnderWay * QUEUE.deliveriesPerClaim;
    const octets = this.#claimedOctets + this.#claimsUnderWay * QUEUE.claimOctetsMax;
    return this.#mayDeliver && deliveries < QUEUE.claimedMax && octets < QUEUE.claimedOctetsMax;
  }

  #turn(): number {
    this.#nextMailThread = (this.#nextMailThread + 1) % this.#mails.length;
    return this.#nextMailThread;
  }
}

function freshRecord({ connectionsMax, connectionsPerMinute, messagesPerMinute }: SiteLimits): SiteRecord {
  const rate = (most: number | undefined): Rate | undefined =>
    most === undefined ? undefined : new Rate(most, minute + OUTBOUND.rateSlack);
  const rates = { connections: rate(connectionsPerMinute), messages: rate(messagesPerMinute) };
  return { window: freshWindow(connectionsMax), failures: 0, block: NO_BLOCK, isProven: false, rates };
}

function sum(numbers: readonly number[]): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
