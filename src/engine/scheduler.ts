import { QUEUE } from "../core/base/limits.ts";
import { RecentMap } from "../core/base/recent-map.ts";
import type { Duration, Instant } from "../core/base/time.ts";
import { SITE_RETRY, wait } from "../core/queue/backoff.ts";
import { FRESH_WINDOW, PROBE_WINDOW, type Window, narrowed, widened } from "../core/queue/window.ts";
import type { Lane } from "../core/routing/lane.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { Entropy } from "../ports/entropy.ts";
import type { Recorder } from "../ports/recorder.ts";
import type { Block, LaneReport } from "../ports/queue.ts";
import type { ClaimedLane, MailToQueue, Outlet, QueueToMail, QueueToStore, StoreToQueue } from "./messages.ts";

/** How a lane fared; good to know when it wakes. */
interface LaneRecord {
  readonly window: Window;
  /** Blocks in a row. */
  readonly failures: number;
  readonly block: Block;
}

/** What the scheduler knows of a lane that is in use. Lanes at rest are rows in the store only. */
interface LaneState {
  window: Window;
  /** Blocks in a row. */
  failures: number;
  block: Block;
  /** Slots given out, by mail thread. */
  readonly slots: number[];
  /** Connections wanted, by mail thread, those it has included. */
  readonly wanted: number[];
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

/**
 * The queue thread: knows what is due, what is in flight and which limits bind. It does no I/O. Every connection to a
 * site is a slot given out here, so that windows hold over all mail threads (promise P8), and one dead site costs one
 * slot at a time and delays nobody else.
 */
export class Scheduler {
  readonly #clock: Clock;
  readonly #entropy: Entropy;
  readonly #recorder: Recorder;
  readonly #mails: readonly Outlet<QueueToMail>[];
  readonly #store: Outlet<QueueToStore>;
  readonly #lanes = new Map<Lane, LaneState>();
  readonly #resting = new RecentMap<Lane, LaneRecord>(QUEUE.restingLanesMax);
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

  constructor(parts: {
    readonly clock: Clock;
    readonly entropy: Entropy;
    readonly recorder: Recorder;
    readonly mails: readonly Outlet<QueueToMail>[];
    readonly store: Outlet<QueueToStore>;
  }) {
    this.#clock = parts.clock;
    this.#entropy = parts.entropy;
    this.#recorder = parts.recorder;
    this.#mails = parts.mails;
    this.#store = parts.store;
  }

  fromMail(mailThread: number, message: MailToQueue): void {
    const lane = this.#lane(message.lane);
    switch (message.kind) {
      case "demand":
        lane.wanted[mailThread] = message.connections;
        if (this.#isBlocked(lane) && message.connections > lane.slots[mailThread]!)
          this.#mails[mailThread]!.say({ kind: "blocked", lane: message.lane, block: lane.block });
        break;
      case "release":
        lane.slots[mailThread]!--;
        this.#judge(message.lane, lane, message.report);
        break;
      case "progress":
        this.#progress(message.lane, lane, message.deliveries);
        break;
      case "consumed":
        lane.claimed -= message.deliveries;
        this.#claimed -= message.deliveries;
        this.#claimedOctets -= message.octets;
        this.#claimMore(message.lane, lane);
        this.#claimStarved();
        this.#claimDue();
        break;
    }
    this.#grant(message.lane, lane);
    this.#forget(message.lane, lane);
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
    }
  }

  #lane(name: Lane): LaneState {
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      const perThread = (): number[] => this.#mails.map(() => 0);
      const found = this.#resting.get(name) ?? { window: FRESH_WINDOW, failures: 0, block: NO_BLOCK };
      this.#resting.delete(name);
      lane = {
        ...found,
        slots: perThread(),
        wanted: perThread(),
        claimed: 0,
        hasMore: false,
        isClaiming: false,
      };
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  /** A lane that nobody uses rests; of how it fared the newest are remembered (promise P7). */
  #forget(name: Lane, lane: LaneState): void {
    const isIdle =
      sum(lane.slots) === 0 && sum(lane.wanted) === 0 && lane.claimed === 0 && !lane.hasMore && !lane.isClaiming;
    if (!isIdle) return;
    this.#lanes.delete(name);
    const { window, failures, block } = lane;
    if (failures > 0 || window.price > 1) this.#resting.set(name, { window, failures, block });
  }

  #isBlocked(lane: LaneState): boolean {
    return lane.block.until > this.#clock.now();
  }

  /** What may be given out or claimed may have changed for all lanes. */
  #goOn(): void {
    for (const [name, lane] of this.#lanes) {
      this.#grant(name, lane);
      this.#claimMore(name, lane);
    }
    this.#claimDue();
  }

  /** By an operator. The store does not let a paused lane wake, so that only what is served already is to be stopped here. */
  #isLanePaused(name: Lane): boolean {
    return this.#isPaused || this.#pausedLanes.has(name);
  }

  /** An operator wants it tried now. */
  #unblock(name: Lane): void {
    const lane = this.#lane(name);
    lane.block = NO_BLOCK;
    this.#grant(name, lane);
    this.#forget(name, lane);
  }

  #progress(name: Lane, lane: LaneState, deliveries: number): void {
    if (deliveries === 0) return;
    if (lane.failures > 0) this.#recorder.record({ event: "lane.unblocked", lane: name, failures: lane.failures });
    lane.failures = 0;
    lane.window = widened(lane.window, deliveries);
  }

  /** A connection is gone. Where the site failed and nothing else stands there, the whole lane waits. */
  #judge(name: Lane, lane: LaneState, report: LaneReport): void {
    this.#progress(name, lane, report.deliveries);
    if (report.failure === undefined) return;
    const standing = sum(lane.slots);
    lane.window = narrowed(lane.window, standing);
    if (standing === 0) this.#block(name, lane, report.failure);
  }

  #block(name: Lane, lane: LaneState, because: string): void {
    if (this.#isBlocked(lane)) return;
    lane.failures++;
    const until = this.#clock.now() + wait(SITE_RETRY, lane.failures, this.#entropy.fraction());
    lane.block = { until, text: because };
    lane.window = PROBE_WINDOW;
    lane.hasMore = false;
    this.#recorder.record({
      event: "lane.blocked",
      lane: name,
      until: new Date(until).toISOString(),
      failures: lane.failures,
      text: because,
    });
    this.#store.say({ kind: "rest", lane: name, blockedUntil: until });
    for (const mail of this.#mails) mail.say({ kind: "blocked", lane: name, block: lane.block });
  }

  /** Gives out slots up to the window, one mail thread after the other. */
  #grant(name: Lane, lane: LaneState): void {
    if (!this.#mayDeliver || this.#isBlocked(lane) || this.#isLanePaused(name)) return;
    let free = lane.window.limit - sum(lane.slots);
    const grants = this.#mails.map(() => 0);
    for (let isGiving = true; free > 0 && isGiving;) {
      isGiving = false;
      for (let thread = 0; thread < grants.length && free > 0; thread++) {
        if (lane.slots[thread]! >= lane.wanted[thread]!) continue;
        lane.slots[thread]!++;
        grants[thread]!++;
        free--;
        isGiving = true;
      }
    }
    for (const [thread, slots] of grants.entries())
      if (slots > 0) this.#mails[thread]!.say({ kind: "granted", lane: name, slots });
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
      if (hasMore && this.#isBlocked(lane)) {
        lane.hasMore = false;
        this.#store.say({ kind: "rest", lane: name, blockedUntil: lane.block.until });
      }
      this.#claimMore(name, lane); // what was claimed may be consumed already: nobody else would look at it again
      this.#forget(name, lane);
    }
    this.#claimDue();
  }

  #claimMore(name: Lane, lane: LaneState): void {
    if (!lane.hasMore || lane.isClaiming || this.#isLanePaused(name) || lane.claimed >= LANE_LOW_WATER) return;
    if (!this.#mayClaim()) return void this.#starved.add(name);
    lane.isClaiming = true;
    this.#claimsUnderWay++;
    this.#store.say({ kind: "claim-lane", lane: name, now: this.#clock.now(), mailThread: this.#turn() });
  }

  /** Lanes whose turn for more came while enough was out. */
  #claimStarved(): void {
    if (this.#starved.size === 0 || !this.#mayClaim()) return;
    const names = [...this.#starved];
    this.#starved.clear();
    for (const name of names) {
      const lane = this.#lanes.get(name);
      if (lane !== undefined) this.#claimMore(name, lane);
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

function sum(numbers: readonly number[]): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
