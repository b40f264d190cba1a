import { unreachable } from "../core/base/invariant.ts";
import { QUEUE } from "../core/base/limits.ts";
import type { Duration, Instant } from "../core/base/time.ts";
import type { Step } from "../core/routing/route.ts";
import { type Lane, isRetriedWithItsSite, parseLane, smartHostLane, through } from "../core/routing/lane.ts";
import type { SiteLimits } from "../core/routing/site-terms.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { Entropy } from "../ports/entropy.ts";
import type { Recorder } from "../ports/recorder.ts";
import type { Block, Site } from "../ports/queue.ts";
import type {
  ClaimedLane,
  ControlToQueue,
  LaneStanding,
  MailToQueue,
  Outlet,
  QueueToControl,
  QueueToMail,
  QueueToStore,
  StoreToQueue,
} from "./messages.ts";
import { Sites } from "./sites.ts";

/** What the scheduler knows of a lane that the store leaves to it. Lanes at rest are rows in the store only. */
interface LaneState {
  readonly name: Lane;
  /** Undefined until a mail thread found out. */
  site: Site | undefined;
  /** Deliveries claimed from the store and not yet consumed. */
  claimed: number;
  /** The store has more that is due, and leaves the lane to us. */
  hasMore: boolean;
  /** A claim of this lane is under way. */
  isClaiming: boolean;
}

/** More of a lane is claimed while less than this of it is out. */
const LANE_LOW_WATER = QUEUE.deliveriesPerLaneClaim / 2;
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
 * The queue thread: knows what is due and what is in flight, and has the store hand out as much as there is room for. It
 * does no I/O. What limits connections is `Sites`'.
 */
export class Scheduler {
  readonly #parts: SchedulerParts;
  readonly #clock: Clock;
  readonly #mails: readonly Outlet<QueueToMail>[];
  readonly #store: Outlet<QueueToStore>;
  readonly #sites: Sites;
  readonly #lanes = new Map<Lane, LaneState>();
  /** Lanes whose turn for more came while enough was out. */
  readonly #starved = new Set<Lane>();
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
    this.#sites = new Sites({
      ...parts,
      isPaused: (site) => this.#isPausedAt(site),
      blocked: (site, block) => this.#blocked(site, block),
    });
  }

  fromMail(mailThread: number, message: MailToQueue): void {
    switch (message.kind) {
      case "demand":
        return this.#sites.demand(message.site, mailThread, message.connections);
      case "release":
        return this.#sites.release(message.site, mailThread, message.report);
      case "progress":
        return this.#sites.progress(message.site, message.deliveries);
      case "unblock":
        return this.#sites.unblock(message.site);
      case "withdraw":
        return this.#sites.withdraw(message.site, mailThread, message.what);
      case "permit":
        return this.#sites.permit(message.site, mailThread, message.what, message.isFirst);
      case "sited":
        return this.#sited(this.#lane(message.lane), message.site);
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
        this.#sites.unblock(message.lane);
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

  /** The configuration changed: bounds of sites, where mail may go meanwhile, and at these sites the servers. */
  limitsChanged(renewed: readonly Site[]): void {
    for (const site of renewed) this.#sites.renewed(site);
    this.#sites.limitsChanged();
  }

  /** What it knows of why mail waits. Changes nothing. */
  fromControl({ number, lanes, busiest, hasActive }: ControlToQueue): QueueToControl {
    const { sites, leftOut } = this.#sites.busiest(busiest, hasActive);
    return {
      kind: "standings",
      number,
      lanes: lanes.flatMap((lane) => this.#standing(lane) ?? []),
      busiest: sites,
      leftOut,
    };
  }

  /** Of a domain's lane only what is claimed of it is known: what goes from a mail thread's memory asks nobody here. */
  #standing(name: Lane): LaneStanding | undefined {
    const lane = this.#lanes.get(name);
    const site = isRetriedWithItsSite(name) ? name : lane?.site;
    if (site === undefined) return lane !== undefined && lane.claimed > 0 ? { lane: name, site: undefined } : undefined;
    const standing = this.#sites.standing(site);
    return standing === undefined ? undefined : { lane: name, site: standing };
  }

  #lane(name: Lane): LaneState {
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = { name, site: undefined, claimed: 0, hasMore: false, isClaiming: false };
      this.#lanes.set(name, lane);
      if (isRetriedWithItsSite(name)) this.#sited(lane, name);
    }
    return lane;
  }

  #forgetLane(lane: LaneState): void {
    if (lane.claimed !== 0 || lane.hasMore || lane.isClaiming) return; // below zero: consumed before it was counted
    this.#lanes.delete(lane.name);
    if (lane.site !== undefined) this.#sites.detach(lane.site, lane.name);
  }

  #sited(lane: LaneState, site: Site): void {
    if (lane.site === site) return;
    const before = lane.site;
    lane.site = site;
    this.#sites.attach(site, lane.name);
    this.#restIfBlocked(lane);
    if (before !== undefined) this.#sites.detach(before, lane.name);
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

  /** What may be given out or claimed may have changed for all. */
  #goOn(): void {
    this.#sites.goOn(this.#mayDeliver);
    for (const lane of this.#lanes.values()) this.#claimMore(lane);
    this.#claimDue();
  }

  /** By an operator. The store does not let a paused lane wake, so that only what is served already is to be stopped here. */
  #isPausedAt(name: Lane): boolean {
    return this.#isPaused || this.#pausedLanes.has(name);
  }

  // Lanes of sites that are blocked.

  /** What is in hand is parked a moment later, so that its row has to know already. */
  #blocked(site: Site, { until }: Block): void {
    const lanes = [...this.#sites.lanesOf(site)];
    for (const name of lanes) this.#rest(this.#lane(name), until);
    if (!isRetriedWithItsSite(site)) return;
    if (!lanes.includes(site)) this.#tellRest(site, until);
    // It may have been the last way for mail of other lanes.
    for (const lane of this.#lanes.values()) if (lane.hasMore && lane.site !== site) this.#restIfBlocked(lane);
  }

  #restIfBlocked(lane: LaneState): void {
    const block = lane.site === undefined ? undefined : this.#sites.blockOf(lane.site);
    if (block !== undefined) this.#rest(lane, block.until);
  }

  /** What is left of the lane waits in the store, unless it may go elsewhere meanwhile. */
  #rest(lane: LaneState, until: Instant): void {
    if (this.#tellRest(lane.name, until)) lane.hasMore = false;
  }

  /** False where what is claimed of it may go another way than through its site. */
  #tellRest(lane: Lane, until: Instant): boolean {
    const egress = parseLane(lane)?.egress;
    const ends = this.#parts
      .fallbacksOf(lane)
      .map((step) =>
        step.kind === "mx" ? undefined : this.#sites.blockOf(through(egress, smartHostLane(step.name)))?.until,
      );
    if (ends.includes(undefined)) return false;
    this.#store.say({ kind: "rest", lane, blockedUntil: Math.min(until, ...ends.map((end) => end ?? until)) });
    return true;
  }

  // What is claimed.

  #claimedFrom(lanes: readonly ClaimedLane[]): void {
    for (const { lane: name, count, octets, hasMore } of lanes) {
      const lane = this.#lane(name);
      lane.isClaiming = false;
      lane.claimed += count;
      this.#claimed += count;
      this.#claimedOctets += octets;
      lane.hasMore = hasMore;
      // It was blocked while the claim was under way: what is left of it rests.
      if (hasMore) this.#restIfBlocked(lane);
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
