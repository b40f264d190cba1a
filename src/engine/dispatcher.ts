import { invariant } from "../core/base/invariant.ts";
import { OUTBOUND } from "../core/base/limits.ts";
import type { Instant } from "../core/base/time.ts";
import type { MessageId } from "../core/mail/message-id.ts";
import type { StoredEnvelope } from "../core/mail/stored.ts";
import type { Failure, Outcome, Transient } from "../core/outbound/outcome.ts";
import type { Pauses } from "../core/queue/pause.ts";
import { PRIORITIES, type Priority } from "../core/queue/priority.ts";
import { type Lane, parseLane } from "../core/routing/lane.ts";
import { FREE_TERMS, type SiteLimits } from "../core/routing/site-terms.ts";
import type { Block, QueueListener, QueuePort, Rated, Site } from "../ports/queue.ts";
import type { Claimed, DeliveryRow, MessageRow, SpaceReport, WishInHand } from "../ports/store.ts";
import { type Admission, admission } from "./admission.ts";
import { Aftermath, isStopped } from "./aftermath.ts";
import type { Courier, CourierHandler, CourierParts } from "./courier.ts";
import { type DeliveryInHand, type Load, type MessageInHand, group } from "./load.ts";
import { InHand } from "./in-hand.ts";
import { Locator, type LocatorParts } from "./locator.ts";
import { Openings } from "./openings.ts";
import { type Aim, Pool } from "./pool.ts";
import { type Attempt, NO_ATTEMPT } from "./settlements.ts";
import type { SettlerParts } from "./settler.ts";

export interface DispatcherParts extends CourierParts, SettlerParts, LocatorParts {
  readonly queue: QueuePort;
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
    readonly priority: Priority;
  }[];
}

/**
 * A mail thread's part of the queue: has messages in hand (fresh ones from memory, others claimed from the store), finds
 * out where they go, and gives them to that site's connections. What ends or has to wait is settled durably; what its
 * next hop does not take for now goes on to the route's next step.
 */
export class Dispatcher implements CourierHandler, QueueListener {
  readonly #parts: DispatcherParts;
  readonly #aftermath: Aftermath;
  readonly #pools = new Map<Site, Pool>();
  readonly #locator: Locator;
  readonly #inHand: InHand;
  readonly #openings: Openings;
  #isStopping = false;
  #mayDeliver = true;
  #whenQuiet: (() => void) | undefined;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    this.#inHand = new InHand(parts.queue);
    this.#openings = new Openings(parts.clock);
    this.#locator = new Locator(parts, {
      sited: (lane, site, loads) => this.#sited(lane, site, loads),
      toSite: (load, site, aim) => this.#toSite(load, site, aim),
      reroute: (load) => this.#reroute(load),
      unreached: (loads, failure) => this.#unreached(loads, failure),
    });
    this.#aftermath = new Aftermath({
      ...parts,
      openings: this.#openings,
      inHand: this.#inHand,
      goOn: (message, lane, deliveries) => this.#enqueue(message, lane, deliveries),
      settled: () => this.#checkQuiet(),
    });
  }

  /** Where an arrival begins that is about to be committed. */
  admits(octets: number, recipients: readonly (readonly Lane[])[], mayStay = true): Admission {
    const isRoom = this.#inHand.hasRoom(octets, recipients.length);
    const obstacle = !isRoom ? "no-memory" : this.#isStopping || !mayStay ? "queued" : undefined;
    return admission(this.#openings, recipients, obstacle, this.#parts.clock.now());
  }

  /** Takes a message that was committed as being in hand. */
  take(fresh: Fresh): void {
    const message: MessageInHand = { ...fresh, claimedFrom: undefined, left: fresh.deliveries.length };
    const byLane = new Map<Lane, DeliveryInHand[]>();
    for (const { row, lane, recipient, options, priority } of fresh.deliveries)
      group(byLane, lane, { row, recipient, options, priority, attempts: 0, isTold: false, wish: "none" });
    this.#inHand.take(message);
    for (const [lane, deliveries] of byLane) this.#enqueue(message, lane, deliveries);
  }

  claimed(claimed: readonly Claimed[]): void {
    for (const { message: found, deliveries } of claimed) {
      const envelope = JSON.parse(found.envelope) as StoredEnvelope;
      const { lane } = deliveries[0]!; // a claim is one lane's
      const message: MessageInHand = { ...found, envelope, claimedFrom: lane, left: deliveries.length };
      this.#inHand.take(message);
      const tried: DeliveryInHand[] = [];
      for (const { row, recipient, options, priority, attempts, isTold, wish } of deliveries) {
        const delivery = { row, recipient, options, priority, attempts, isTold, wish };
        if (wish === "none") tried.push(delivery);
        else this.#fulfil({ message, lane, priority, deliveries: [delivery] }, wish);
      }
      this.#enqueue(message, lane, tried);
    }
    this.#inHand.report(false);
  }

  granted(site: Site, slots: number): void {
    const pool = this.#pools.get(site) ?? this.#newPool(site, FREE_TERMS.limits);
    pool.granted(slots);
    this.#work(pool);
    pool.returnSlots();
    this.#tidy(pool);
  }

  keep(site: Site, slots: number): void {
    this.#pools.get(site)?.keep(slots);
  }

  permitted(site: Site, what: Rated): void {
    this.#pools.get(site)?.permitted(what, this.#mayStart());
  }

  blocked(site: Site, block: Block): void {
    this.#openings.block(site, block);
    const pool = this.#pools.get(site);
    if (pool === undefined) return;
    for (const load of pool.drain()) this.#aftermath.wait(load, block);
    this.#inHand.report(true);
    this.#tidy(pool);
  }

  /** What has not begun is parked where it is paused; what is on its way goes on. */
  pauses(paused: Omit<Pauses, "inbound">): void {
    this.#openings.pause(paused);
    for (const pool of this.#pools.values()) {
      for (const load of pool.recall(({ lane }) => this.#openings.isPaused(lane)))
        this.#aftermath.putBack(load, "paused");
      this.#work(pool); // what had a connection, and goes back, leaves it to the others
      this.#tidy(pool);
    }
    this.#inHand.report(true);
  }

  /** An operator wants something of these: what is not on its way yet goes back to the store, where it happens. */
  wanted(rows: readonly DeliveryRow[]): void {
    const wanted = new Set(rows);
    for (const pool of this.#pools.values()) {
      const has = ({ deliveries }: Load): boolean => deliveries.some(({ row }) => wanted.has(row));
      for (const load of pool.recall(has).toReversed()) {
        const rest = this.#withoutWanted(load, wanted);
        if (rest !== undefined) pool.addFirst(rest);
      }
      this.#work(pool);
      this.#tidy(pool);
    }
    this.#locator.filter((load) => this.#withoutWanted(load, wanted));
    this.#inHand.report(true);
  }

  /** The configuration changed: what stands ends with what it carries, and what follows goes by what holds now. */
  renew(): void {
    for (const [site, pool] of this.#pools) pool.renew(this.#limitsOf(site));
  }

  /** An operator wants it tried now. */
  unblocked(lane: Lane): void {
    this.#parts.queue.unblock(this.#openings.unblock(lane));
  }

  /** Without room to record an end nothing is begun, over connections that stand neither. */
  space({ mayDeliver }: SpaceReport): void {
    this.#mayDeliver = mayDeliver;
    if (mayDeliver) for (const pool of this.#pools.values()) this.#work(pool);
  }

  /** Makes no new connection; what one is being made for goes yet. Resolves when no load is on its way. */
  stop(): Promise<void> {
    this.#isStopping = true;
    this.#aftermath.stop();
    for (const pool of this.#pools.values()) pool.close("at-rest");
    return new Promise((resolve) => {
      this.#whenQuiet = resolve;
      this.#checkQuiet();
    });
  }

  /** Ends what has not come as far as its content: a server that says nothing holds up no stop. */
  hurry(): void {
    for (const pool of this.#pools.values()) pool.close("unsent");
  }

  /** Ends what is still on its way; its deliveries are tried again after the next start. */
  abandon(): void {
    for (const pool of this.#pools.values()) pool.close("all");
  }

  // What couriers say.

  idle(courier: Courier): void {
    const pool = this.#pool(courier);
    const load = this.#mayStart() ? pool.next(courier) : undefined;
    if (load !== undefined) return courier.send(load);
    this.#inHand.report(true);
    const isOver = pool.isLeaving(courier) || (this.#mayStart() && pool.hasWaiting); // what waits wants another one
    if (this.#isStopping || isOver) courier.close();
    return undefined;
  }

  mayConnect(courier: Courier): boolean {
    return this.#pool(courier).may("connection", courier);
  }

  mayBegin(courier: Courier): boolean {
    if (this.#mayDeliver) return this.#pool(courier).may("message", courier);
    this.#parts.clock.soon(() => courier.close()); // its end could not be recorded: the load comes back, and waits
    return false;
  }

  hasNextStep(load: Load): boolean {
    return this.#aftermath.hasNextStep(load);
  }

  done(courier: Courier, load: Load, outcomes: readonly Outcome[], isStale: boolean): void {
    const pool = this.#pool(courier);
    const again = this.#aftermath.settle(load, outcomes, attemptOf(courier), isStale);
    for (const outcome of outcomes) if (outcome.kind === "delivered") pool.delivered();
    if (again.length > 0) this.#addFirst(pool, { ...load, deliveries: again });
    this.#inHand.report(false);
  }

  gone(courier: Courier, failure: Transient | undefined, load: Load | undefined): void {
    const pool = this.#pool(courier);
    const isEndedHere = failure !== undefined && isStopped(failure);
    if (this.#isStopping && isEndedHere) {
      pool.gone(courier, undefined, true);
      return this.#checkQuiet();
    }
    if (load !== undefined) {
      if (failure !== undefined && !isEndedHere) this.#aftermath.notTried(load, failure, attemptOf(courier));
      this.#addFirst(pool, load);
    }
    pool.gone(courier, isEndedHere ? undefined : failure, this.#isStopping);
    this.#work(pool);
    this.#inHand.report(!pool.hasWaiting);
    this.#tidy(pool);
    this.#checkQuiet();
  }

  // Where a load goes.

  /** Loads of what shares lane and priority: as many as transactions have recipients. */
  #enqueue(message: MessageInHand, lane: Lane, deliveries: readonly DeliveryInHand[]): void {
    const most = OUTBOUND.recipientsPerTransactionMax;
    const loads: Load[] = [];
    for (const priority of PRIORITIES) {
      const same = deliveries.filter((delivery) => delivery.priority === priority);
      for (let at = 0; at < same.length; at += most)
        loads.push({ message, lane, priority, deliveries: same.slice(at, at + most) });
    }
    this.#locator.locate(loads, lane);
  }

  #sited(lane: Lane, site: Site, loads: readonly Load[]): void {
    this.#openings.sited(lane, site);
    if (loads.some(({ message }) => message.claimedFrom === lane)) this.#parts.queue.sited(lane, site);
  }

  /** There is nobody to connect to. */
  #unreached(loads: readonly Load[], failure: Failure): void {
    for (const load of loads)
      this.#aftermath.settle(
        load,
        load.deliveries.map(() => failure),
        NO_ATTEMPT,
        false,
      );
    this.#inHand.report(true);
  }

  #toSite(load: Load, site: Site, aim: Aim): void {
    if (this.#openings.isPaused(load.lane)) {
      this.#aftermath.putBack(load, "paused");
      return this.#inHand.report(true);
    }
    const block = this.#openings.blockOf(site);
    if (block !== undefined) {
      this.#aftermath.wait(load, block);
      return this.#inHand.report(true);
    }
    const pool = this.#pools.get(site) ?? this.#newPool(site, aim.limits);
    pool.add({ ...load, order: aim.order }, aim);
    return this.#work(pool);
  }

  /** It comes back, to go before the others. */
  #addFirst(pool: Pool, load: Load): void {
    if (this.#openings.isPaused(load.lane)) this.#aftermath.putBack(load, "paused");
    else pool.addFirst(load);
  }

  #newPool(site: Site, limits: SiteLimits): Pool {
    const pool = new Pool(this.#parts, site, limits, this);
    this.#pools.set(site, pool);
    return pool;
  }

  /** Undefined where the configuration has the next hop or the egress no more. */
  #limitsOf(site: Site): SiteLimits | undefined {
    const hop = parseLane(site); // a smart host's site is named as its lane
    if (hop?.kind === "smarthost") return this.#parts.smartHost(hop.name, hop.egress)?.limits;
    return this.#parts.exchangerTerms(undefined)?.limits;
  }

  #pool(courier: Courier): Pool {
    const pool = this.#pools.get(courier.site);
    invariant(pool !== undefined, "a site with a connection is in use");
    return pool;
  }

  #work(pool: Pool): void {
    if (this.#mayStart()) for (const load of pool.work()) this.#reroute(load);
  }

  #mayStart(): boolean {
    return this.#mayDeliver && !this.#isStopping;
  }

  #tidy(pool: Pool): void {
    if (pool.isEmpty) this.#pools.delete(pool.site);
  }

  /** Its next hop is gone from the configuration. */
  #reroute(load: Load): void {
    this.#aftermath.reroute(load);
    this.#inHand.report(true);
  }

  #fulfil(load: Load, wish: Exclude<WishInHand, "none">): void {
    if (wish === "expire") this.#aftermath.expire(load);
    else this.#aftermath.reroute(load);
  }

  /** Puts the wanted ones of its deliveries back; answers with the rest, if there is one. */
  #withoutWanted(load: Load, wanted: ReadonlySet<DeliveryRow>): Load | undefined {
    const deliveries = load.deliveries.filter(({ row }) => wanted.has(row));
    if (deliveries.length === 0) return load;
    this.#aftermath.putBack({ ...load, deliveries }, "queued");
    const rest = load.deliveries.filter(({ row }) => !wanted.has(row));
    return rest.length === 0 ? undefined : { ...load, deliveries: rest };
  }

  #checkQuiet(): void {
    if (this.#whenQuiet === undefined || !this.#aftermath.isQuiet) return;
    for (const pool of this.#pools.values()) if (pool.hasCouriers) return;
    this.#whenQuiet();
    this.#whenQuiet = undefined;
  }
}

function attemptOf(courier: Courier): Attempt {
  const { address, port } = courier.remote;
  return {
    host: address === "" ? "" : `${address}:${port}`,
    hostName: courier.host,
    tls: courier.tls,
    elapsedMs: Math.round(courier.elapsed),
    transcript: courier.transcript,
  };
}
