import { OUTBOUND, QUEUE } from "../core/base/limits.ts";
import { RecentMap } from "../core/base/recent-map.ts";
import type { Instant } from "../core/base/time.ts";
import type { MessageId } from "../core/mail/message-id.ts";
import type { StoredEnvelope } from "../core/mail/stored.ts";
import type { Outcome, Transient } from "../core/outbound/outcome.ts";
import { wait } from "../core/queue/backoff.ts";
import { lastWord } from "../core/queue/reason.ts";
import { type Lane, isRetriedWithItsSite } from "../core/routing/lane.ts";
import type { SmartHost } from "../core/routing/smart-host.ts";
import type { Entropy } from "../ports/entropy.ts";
import type { Block, QueueListener, QueuePort } from "../ports/queue.ts";
import type { Claimed, MessageRow, SpaceReport } from "../ports/store.ts";
import { Courier, type CourierHandler, type CourierParts } from "./courier.ts";
import { type Fate, Settler, type SettlerParts, failureText } from "./settler.ts";
import type { DeliveryInHand, MessageInHand, Load } from "./load.ts";

/** What of a lane this mail thread has in hand. */
interface LaneInHand {
  readonly name: Lane;
  /** Loads that wait for a connection. */
  waiting: Load[];
  readonly couriers: Set<Courier>;
  slots: number;
  demanded: number;
  /** Claimed deliveries done with and not yet told to the queue, and octets of their content. */
  consumed: number;
  consumedOctets: number;
  /** Deliveries not yet told to the queue. */
  delivered: number;
}

export interface DispatcherParts extends CourierParts, SettlerParts {
  readonly queue: QueuePort;
  readonly entropy: Entropy;
  /** By name at every attempt; undefined where the configuration has no such next hop any more. */
  siteOf(lane: Lane): SmartHost | undefined;
}

/** Whether an arrival stays in memory; where not, how its deliveries wait, in the order of their lanes. */
export interface Admission {
  readonly isInHand: boolean;
  readonly waits: readonly Wait[];
}

interface Wait {
  /** Not before this it is claimed. */
  readonly due: Instant;
  /** Why it waits, as JSON. */
  readonly last: string;
}

/** A message that was just committed, for those of its deliveries that stay in hand. */
export interface Fresh {
  readonly row: MessageRow;
  readonly id: MessageId;
  readonly receivedAt: Instant;
  readonly octets: number;
  readonly envelope: StoredEnvelope;
  readonly content: Uint8Array | undefined;
  readonly deliveries: readonly {
    readonly row: number;
    readonly lane: Lane;
    readonly recipient: string;
    readonly options: string;
  }[];
}

/** The queue hears of deliveries and of room for claims in groups of this many. */
const REPORT_EVERY = 20;

/**
 * A mail thread's part of the queue: has messages in hand (fresh ones from memory, others claimed from the store), asks
 * for slots, and gives loads to couriers. What ends or has to wait is settled durably.
 */
export class Dispatcher implements CourierHandler, QueueListener {
  readonly #parts: DispatcherParts;
  readonly #settler: Settler;
  readonly #lanes = new Map<Lane, LaneInHand>();
  readonly #blocks = new RecentMap<Lane, Block>(QUEUE.blockedLanesMax);
  #octetsInHand = 0;
  #deliveriesInHand = 0;
  /** Settlements that wait for their reports. */
  #settling = 0;
  #isStopping = false;
  #mayDeliver = true;
  #whenQuiet: (() => void) | undefined;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    this.#settler = new Settler(parts);
  }

  /** Whether a message with a delivery to each of these lanes may stay in memory. */
  admits(octets: number, lanes: readonly Lane[]): Admission {
    const now = this.#parts.clock.now();
    const blocks = lanes.map((lane) => this.#blockOf(lane));
    const isRoom =
      this.#octetsInHand + octets <= QUEUE.inHandOctetsMax &&
      this.#deliveriesInHand + lanes.length <= QUEUE.inHandDeliveriesMax;
    if (isRoom && !this.#isStopping && blocks.every((block) => block === undefined))
      return { isInHand: true, waits: lanes.map(() => ({ due: now, last: "" })) };
    const atOnce = { due: now, last: lastWord(isRoom ? "queued" : "no-memory", "", now) };
    const waits = blocks.map((block) =>
      block === undefined ? atOnce : { due: block.until, last: lastWord("lane-blocked", block.text, now) },
    );
    return { isInHand: false, waits };
  }

  /** Takes a message that was committed as being in hand. */
  take(fresh: Fresh): void {
    const message: MessageInHand = { ...fresh, isClaimed: false, left: fresh.deliveries.length };
    const byLane = new Map<Lane, DeliveryInHand[]>();
    for (const { row, lane, recipient, options } of fresh.deliveries) {
      const delivery: DeliveryInHand = { row, recipient, options, attempts: 0, isTold: false };
      const group = byLane.get(lane);
      if (group === undefined) byLane.set(lane, [delivery]);
      else group.push(delivery);
    }
    this.#count(message);
    for (const [lane, deliveries] of byLane) this.#enqueue(message, lane, deliveries);
  }

  claimed(claimed: readonly Claimed[]): void {
    for (const { message: found, deliveries } of claimed) {
      const envelope = JSON.parse(found.envelope) as StoredEnvelope;
      const message: MessageInHand = { ...found, envelope, isClaimed: true, left: deliveries.length };
      this.#count(message);
      const lane = deliveries[0]!.lane;
      this.#enqueue(
        message,
        lane,
        deliveries.map(({ row, recipient, options, attempts, isTold }) => ({
          row,
          recipient,
          options,
          attempts,
          isTold,
        })),
      );
    }
  }

  granted(name: Lane, slots: number): void {
    const lane = this.#lane(name);
    lane.slots += slots;
    this.#work(lane);
    // What came too late to be of use goes back.
    while (lane.slots > lane.couriers.size) this.#releaseSlot(lane, undefined);
    this.#tidy(lane);
  }

  blocked(name: Lane, block: Block): void {
    this.#blocks.set(name, block);
    const lane = this.#lanes.get(name);
    if (lane === undefined) return;
    if (lane.demanded > lane.couriers.size) this.#demand(lane, lane.couriers.size);
    const waiting = lane.waiting;
    lane.waiting = [];
    for (const load of waiting) {
      const dues = load.deliveries.map((delivery) => this.#dueAfterBlock(name, delivery, block.until));
      this.#dropWhen(this.#settler.waitForLane(load, block.text, dues), load, load.deliveries.length);
    }
    this.#report(lane, true);
    this.#tidy(lane);
  }

  /** Without room to record an end nothing is begun, over connections that stand neither. */
  space({ mayDeliver }: SpaceReport): void {
    this.#mayDeliver = mayDeliver;
    if (mayDeliver) for (const lane of this.#lanes.values()) this.#work(lane);
  }

  /** Starts nothing new; resolves when no load is on its way. */
  stop(): Promise<void> {
    this.#isStopping = true;
    for (const lane of this.#lanes.values()) for (const courier of lane.couriers) if (courier.isReady) courier.close();
    return new Promise((resolve) => {
      this.#whenQuiet = resolve;
      this.#checkQuiet();
    });
  }

  /** Ends what is still on its way; its deliveries are tried again after the next start. */
  abandon(): void {
    for (const lane of this.#lanes.values()) for (const courier of lane.couriers) courier.close();
  }

  // What couriers say.

  idle(courier: Courier): void {
    const lane = this.#lane(courier.lane);
    const load = this.#mayStart() ? lane.waiting.shift() : undefined;
    if (load !== undefined) return courier.send(load);
    this.#report(lane, true);
    if (this.#isStopping) courier.close();
    return undefined;
  }

  done(courier: Courier, load: Load, outcomes: readonly Outcome[], isStale: boolean): void {
    const lane = this.#lane(load.lane);
    const again: DeliveryInHand[] = [];
    const fates: Fate[] = [];
    for (const [at, delivery] of load.deliveries.entries()) {
      const outcome = outcomes[at]!;
      if (this.#isStopping && isStopped(outcome)) continue; // no attempt: it stays in hand until the next start
      const decision = this.#settler.decide(load.message, delivery.attempts + 1, outcome);
      if (isStale || decision.kind === "again") again.push(delivery);
      else {
        delivery.attempts++;
        fates.push({ delivery, outcome, decision });
        if (outcome.kind === "delivered") lane.delivered++;
      }
    }
    this.#settle(courier, load, fates);
    if (again.length > 0) lane.waiting.unshift({ ...load, deliveries: again });
    this.#report(lane, false);
  }

  gone(courier: Courier, failure: Transient | undefined, load: Load | undefined): void {
    const lane = this.#lane(courier.lane);
    lane.couriers.delete(courier);
    if (this.#isStopping && failure !== undefined && isStopped(failure)) {
      this.#releaseSlot(lane, undefined);
      return this.#checkQuiet();
    }
    if (load !== undefined) {
      if (failure !== undefined) {
        // A smart host that is away says nothing of recipients. Elsewhere the wait for the site is the recipient's own.
        if (!isRetriedWithItsSite(load.lane)) for (const delivery of load.deliveries) delivery.attempts++;
        this.#settler.notTried(load, failure);
      }
      lane.waiting.unshift(load);
    }
    this.#releaseSlot(lane, failure);
    this.#work(lane);
    this.#report(lane, lane.waiting.length === 0);
    this.#tidy(lane);
    this.#checkQuiet();
  }

  #lane(name: Lane): LaneInHand {
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = {
        name,
        waiting: [],
        couriers: new Set(),
        slots: 0,
        demanded: 0,
        consumed: 0,
        consumedOctets: 0,
        delivered: 0,
      };
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  /** A lane with nothing in hand is dropped. */
  #tidy(lane: LaneInHand): void {
    const isEmpty = lane.waiting.length === 0 && lane.couriers.size === 0 && lane.slots === 0 && lane.demanded === 0;
    if (isEmpty && lane.consumed === 0 && lane.delivered === 0) this.#lanes.delete(lane.name);
  }

  /** Undefined where the lane is not known to be blocked; the queue knows for certain. */
  #blockOf(name: Lane): Block | undefined {
    const block = this.#blocks.get(name);
    if (block === undefined || block.until > this.#parts.clock.now()) return block;
    this.#blocks.delete(name);
    return undefined;
  }

  #count(message: MessageInHand): void {
    this.#octetsInHand += message.content?.length ?? 0;
    this.#deliveriesInHand += message.left;
  }

  #drop(message: MessageInHand, lane: Lane): void {
    message.left--;
    this.#deliveriesInHand--;
    const octets = message.left === 0 ? (message.content?.length ?? 0) : 0;
    this.#octetsInHand -= octets;
    if (!message.isClaimed) return;
    const inHand = this.#lane(lane);
    inHand.consumed++;
    inHand.consumedOctets += octets;
  }

  #enqueue(message: MessageInHand, name: Lane, deliveries: readonly DeliveryInHand[]): void {
    const lane = this.#lane(name);
    if (this.#parts.siteOf(name) === undefined) {
      for (const delivery of deliveries) this.#reroute({ message, lane: name, deliveries }, delivery);
      this.#report(lane, true);
      return this.#tidy(lane);
    }
    for (let at = 0; at < deliveries.length; at += OUTBOUND.recipientsPerTransactionMax) {
      lane.waiting.push({
        message,
        lane: name,
        deliveries: deliveries.slice(at, at + OUTBOUND.recipientsPerTransactionMax),
      });
    }
    const block = this.#blockOf(name);
    return block === undefined ? this.#work(lane) : this.blocked(name, block);
  }

  /** Loads for connections that stand, connections for slots, and a word to the queue where more would help. */
  #work(lane: LaneInHand): void {
    if (!this.#mayStart()) return;
    for (const courier of lane.couriers) {
      if (lane.waiting.length === 0) break;
      if (courier.isReady) courier.send(lane.waiting.shift()!);
    }
    while (lane.waiting.length > 0 && lane.couriers.size < lane.slots) this.#dispatch(lane, lane.waiting.shift()!);
    const wanted = Math.min(QUEUE.windowMax, lane.couriers.size + lane.waiting.length);
    if (lane.waiting.length > 0 && wanted > lane.demanded) this.#demand(lane, wanted);
  }

  #mayStart(): boolean {
    return this.#mayDeliver && !this.#isStopping;
  }

  #dispatch(lane: LaneInHand, load: Load): void {
    const site = this.#parts.siteOf(lane.name);
    if (site === undefined) {
      for (const delivery of load.deliveries) this.#reroute(load, delivery);
      return;
    }
    lane.couriers.add(new Courier(this.#parts, lane.name, site, this, load));
  }

  #demand(lane: LaneInHand, connections: number): void {
    lane.demanded = connections;
    this.#parts.queue.demand(lane.name, connections);
  }

  #releaseSlot(lane: LaneInHand, failure: Transient | undefined): void {
    lane.slots--;
    const deliveries = lane.delivered;
    lane.delivered = 0;
    const more = this.#mayStart() ? lane.waiting.length : 0;
    this.#demand(lane, Math.min(QUEUE.windowMax, lane.couriers.size + more));
    this.#parts.queue.release(lane.name, {
      deliveries,
      failure: failure === undefined ? undefined : failureText(failure),
    });
  }

  /** Tells the queue what was delivered and consumed, in groups; room for more claims at once where there is no work. */
  #report(lane: LaneInHand, isIdle: boolean): void {
    if (lane.delivered >= REPORT_EVERY) {
      this.#parts.queue.progress(lane.name, lane.delivered);
      lane.delivered = 0;
    }
    if (lane.consumed > 0 && (isIdle || lane.consumed >= REPORT_EVERY)) {
      this.#parts.queue.consumed(lane.name, lane.consumed, lane.consumedOctets);
      lane.consumed = 0;
      lane.consumedOctets = 0;
    }
  }

  #settle(courier: Courier, load: Load, fates: readonly Fate[]): void {
    const { remote, hostName, elapsed } = courier;
    const attempt = { host: `${remote.address}:${remote.port}`, hostName, elapsedMs: Math.round(elapsed) };
    this.#dropWhen(this.#settler.settle(load, fates, attempt), load, fates.length);
  }

  /** Lets `count` deliveries of the load go; with `settled` only then: the message is needed until its report is recorded. */
  #dropWhen(settled: Promise<void> | undefined, { message, lane: name }: Load, count: number): void {
    const drop = (): void => {
      for (let n = 0; n < count; n++) this.#drop(message, name);
    };
    if (settled === undefined) drop();
    else void this.#dropLater(settled, name, drop);
  }

  async #dropLater(settled: Promise<void>, name: Lane, drop: () => void): Promise<void> {
    this.#settling++;
    await settled;
    this.#settling--;
    drop();
    const lane = this.#lane(name);
    this.#report(lane, lane.waiting.length === 0);
    this.#tidy(lane);
    this.#checkQuiet();
  }

  #dueAfterBlock(lane: Lane, delivery: DeliveryInHand, until: Instant): Instant {
    if (isRetriedWithItsSite(lane) || delivery.attempts === 0) return until;
    const { clock, entropy, policy } = this.#parts;
    return Math.max(until, clock.now() + wait(policy, delivery.attempts, entropy.fraction()));
  }

  #reroute(load: Load, delivery: DeliveryInHand): void {
    this.#dropWhen(this.#settler.reroute(load, delivery), load, 1);
  }

  #checkQuiet(): void {
    if (this.#whenQuiet === undefined) return;
    if (this.#settling > 0) return;
    for (const lane of this.#lanes.values()) if (lane.couriers.size > 0) return;
    this.#whenQuiet();
    this.#whenQuiet = undefined;
  }
}

/** We ended it ourselves, before the next hop can have taken the message. */
function isStopped(outcome: Outcome): boolean {
  return outcome.kind === "transient" && outcome.cause === "stopped-here" && !outcome.isPossibleDuplicate;
}
