import { invariant, unreachable } from "../core/base/invariant.ts";
import { OUTBOUND } from "../core/base/limits.ts";
import type { Instant } from "../core/base/time.ts";
import type { MessageId } from "../core/mail/message-id.ts";
import type { StoredEnvelope } from "../core/mail/stored.ts";
import { type Failure, type Outcome, type Transient, trouble, unroutable } from "../core/outbound/outcome.ts";
import type { Pauses } from "../core/queue/pause.ts";
import { PRIORITIES, type Priority } from "../core/queue/priority.ts";
import { type Lane, type NextHop, parseLane, through } from "../core/routing/lane.ts";
import type { SmartHost } from "../core/routing/smart-host.ts";
import { FREE_TERMS, type SiteLimits, type SiteTerms } from "../core/routing/site-terms.ts";
import type { Entropy } from "../ports/entropy.ts";
import type { Block, QueueListener, QueuePort, Rated, Site } from "../ports/queue.ts";
import type { Claimed, DeliveryRow, MessageRow, SpaceReport, WishInHand } from "../ports/store.ts";
import { type Admission, admission } from "./admission.ts";
import { Aftermath, isStopped } from "./aftermath.ts";
import type { Courier, CourierHandler, CourierParts } from "./courier.ts";
import type { Destination, DestinationFinder } from "./destination.ts";
import { type DeliveryInHand, type Load, type MessageInHand, group } from "./load.ts";
import { InHand } from "./in-hand.ts";
import { Openings } from "./openings.ts";
import { type Aim, Pool } from "./pool.ts";
import { type Attempt, NO_ATTEMPT } from "./settlements.ts";
import type { SettlerParts } from "./settler.ts";
import { type Target, exchangerTarget, smartHostTarget } from "./target.ts";

export interface DispatcherParts extends CourierParts, SettlerParts {
  readonly queue: QueuePort;
  readonly entropy: Entropy;
  readonly finder: Pick<DestinationFinder, "find">;
  /** Of the servers that MX records name. */
  exchangerPort(): number;
  /** By name at every attempt, as all that is looked up here; undefined where the configuration has the egress no more. */
  exchangerTerms(egress: string | undefined): SiteTerms | undefined;
  /** Undefined where the configuration has it or the egress no more. */
  smartHost(name: string, egress: string | undefined): SmartHost | undefined;
}

type SmartHostHop = Extract<NextHop, { kind: "smarthost" }>;
type DomainHop = Extract<NextHop, { kind: "mx" }>;

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
  /** Loads whose lanes' servers are looked for. */
  readonly #locating = new Map<Lane, Load[]>();
  readonly #inHand: InHand;
  readonly #openings: Openings;
  #isStopping = false;
  #mayDeliver = true;
  #whenQuiet: (() => void) | undefined;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    this.#inHand = new InHand(parts.queue);
    this.#openings = new Openings(parts.clock);
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
    for (const [lane, loads] of this.#locating)
      this.#locating.set(
        lane,
        loads.flatMap((load) => this.#withoutWanted(load, wanted) ?? []),
      );
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
    const hop = parseLane(lane);
    const most = OUTBOUND.recipientsPerTransactionMax;
    for (const priority of PRIORITIES) {
      const same = deliveries.filter((delivery) => delivery.priority === priority);
      for (let at = 0; at < same.length; at += most)
        this.#send({ message, lane, priority, deliveries: same.slice(at, at + most) }, hop);
    }
  }

  #send(load: Load, hop: NextHop | undefined): void {
    if (hop === undefined) return this.#reroute(load);
    switch (hop.kind) {
      case "smarthost":
        return this.#toSmartHost(load, hop);
      case "mx":
        return this.#locate(load, hop);
      default:
        return unreachable(hop);
    }
  }

  #toSmartHost(load: Load, { name, egress }: SmartHostHop): void {
    const found = this.#parts.smartHost(name, egress);
    if (found === undefined) return this.#reroute(load);
    return this.#toSite(load, load.lane, {
      order: "",
      limits: found.limits,
      target: () => {
        const host = this.#parts.smartHost(name, egress); // at every attempt, so that a repaired one acts at once
        return host && smartHostTarget(host);
      },
    });
  }

  /** Looks for the domain's servers; what comes meanwhile for the same lane goes with it. */
  #locate(load: Load, { domain, egress }: DomainHop): void {
    const terms = this.#parts.exchangerTerms(egress);
    if (terms === undefined) return this.#reroute(load);
    const waiting = this.#locating.get(load.lane);
    if (waiting !== undefined) return void waiting.push(load);
    this.#locating.set(load.lane, [load]);
    const { family } = terms.egress;
    void this.#parts.finder.find(domain, family).then((found) => this.#located(load.lane, egress, terms, found));
  }

  #located(lane: Lane, egress: string | undefined, { limits }: SiteTerms, destination: Destination): void {
    const loads = this.#locating.get(lane) ?? [];
    this.#locating.delete(lane);
    switch (destination.kind) {
      case "hosts": {
        const { hosts, order } = destination;
        const site = through(egress, destination.site);
        this.#openings.sited(lane, site);
        const { entropy, queue } = this.#parts;
        if (loads.some(({ message }) => message.claimedFrom === lane)) queue.sited(lane, site);
        const target = (): Target | undefined => {
          const terms = this.#parts.exchangerTerms(egress);
          return terms && exchangerTarget(hosts, this.#parts.exchangerPort(), terms, () => entropy.fraction());
        };
        for (const load of loads) this.#toSite(load, site, { order, limits, target });
        return;
      }
      case "refused":
        return this.#unreached(loads, unroutable(destination.status, destination.detail));
      case "unknown":
        return this.#unreached(loads, trouble("connect", "unresolved", "site", destination.detail));
      default:
        return unreachable(destination);
    }
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
