import { invariant } from "../core/base/invariant.ts";
import { OUTBOUND, QUEUE } from "../core/base/limits.ts";
import { Doubts } from "../core/outbound/doubts.ts";
import type { Transient } from "../core/outbound/outcome.ts";
import { WaitingRoom } from "../core/queue/waiting-room.ts";
import type { Lane } from "../core/routing/lane.ts";
import type { SiteLimits } from "../core/routing/site-terms.ts";
import type { QueuePort, Rated, Site } from "../ports/queue.ts";
import { Courier, type CourierHandler, type CourierParts } from "./courier.ts";
import type { Load } from "./load.ts";
import { failureText } from "./settlements.ts";
import type { Target } from "./target.ts";

export interface PoolParts extends CourierParts {
  readonly queue: Pick<QueuePort, "demand" | "release" | "progress" | "permit" | "withdraw">;
}

/** Where connections to a site go. */
export interface Aim {
  /** In which order its servers are tried: loads of one order may share a connection. */
  readonly order: string;
  readonly limits: SiteLimits;
  /** As known at the time; undefined where the configuration has it no more. */
  target(): Target | undefined;
}

/** One order of a site's servers: what waits for it, and the connections that were made in it. */
interface Way {
  /** As it was found out last. */
  aim: Aim;
  /** Each priority and each lane has its turns. */
  readonly waiting: WaitingRoom<Lane, Load>;
  readonly couriers: Set<Courier>;
}

/** A connection of ours. */
interface Standing {
  readonly way: Way;
  /** Loads that it was given. */
  loads: number;
  /** When its first transaction was to begin. */
  beganAt: number | undefined;
  /** The queue counts a slot as unused until it hears of a first permit, or that there was none. */
  hasAsked: boolean;
}

const RATED: readonly Rated[] = ["message", "connection"];

/** A mail thread's connections to one site, as many as it has slots for, and what waits for them. */
export class Pool {
  readonly site: Site;
  readonly #parts: PoolParts;
  readonly #handler: CourierHandler;
  /** By order; a smart host has one. The first is the next to have a new connection. */
  readonly #ways = new Map<string, Way>();
  readonly #couriers = new Map<Courier, Standing>();
  /** They make room for connections of another order, or of another mail thread. */
  readonly #leaving = new Set<Courier>();
  /** Connections that wait for a permit, first come, first served. */
  readonly #asking: Readonly<Record<Rated, Set<Courier>>> = { message: new Set(), connection: new Set() };
  readonly #doubts = new Doubts();
  #slots = 0;
  /** Connections that stay when their turns are over, while other mail threads have none. */
  #kept = Number.POSITIVE_INFINITY;
  #demanded = 0;
  /** Deliveries not yet told to the queue. */
  #delivered = 0;
  #limits: SiteLimits;

  constructor(parts: PoolParts, site: Site, limits: SiteLimits, handler: CourierHandler) {
    this.#parts = parts;
    this.site = site;
    this.#limits = limits;
    this.#handler = handler;
  }

  get isEmpty(): boolean {
    const isAtRest = this.#slots === 0 && this.#demanded === 0 && this.#delivered === 0;
    return isAtRest && !this.hasWaiting && this.#couriers.size === 0;
  }

  get hasCouriers(): boolean {
    return this.#couriers.size > 0;
  }

  get hasWaiting(): boolean {
    for (const { waiting } of this.#ways.values()) if (waiting.length > 0) return true;
    return false;
  }

  /** What was found out later goes. */
  add(load: Load, aim: Aim): void {
    this.#limits = aim.limits;
    const way = this.#way(aim.order, aim);
    way.aim = aim;
    way.waiting.push(load.priority, load.lane, load);
  }

  /** It was to go before all that waits now. */
  addFirst(load: Load): void {
    const way = this.#ways.get(load.order ?? "");
    invariant(way !== undefined, "what comes back was added");
    way.waiting.unshift(load.priority, load.lane, load);
  }

  /** None where nothing waits for this connection, or it has to make room for another one. */
  next(courier: Courier): Load | undefined {
    const standing = this.#couriers.get(courier);
    if (standing === undefined || this.#leaving.has(courier)) return undefined;
    if (this.#mustLeave(standing)) {
      this.#leaving.add(courier);
      return undefined;
    }
    const load = standing.way.waiting.shift();
    if (load !== undefined) standing.loads++;
    return load;
  }

  /** Takes what waits, of all lanes or of some; no connection is wanted for it any more. */
  drain(isWanted?: (lane: Lane) => boolean): Load[] {
    const taken = [...this.#ways.values()].flatMap(({ waiting }) => waiting.drain(isWanted));
    if (this.#demanded > this.#wanted) this.#demand(this.#wanted);
    return taken;
  }

  /** Takes the loads that are wanted, as far as their transactions have not begun. */
  recall(isWanted: (load: Load) => boolean): Load[] {
    const atHand = [...this.#couriers.keys()].flatMap((courier) => courier.recall(isWanted) ?? []);
    const taken = [...atHand, ...[...this.#ways.values()].flatMap(({ waiting }) => waiting.take(isWanted))];
    if (this.#demanded > this.#wanted) this.#demand(this.#wanted);
    return taken;
  }

  /**
   * Loads for connections that stand, connections for slots, and a word to the queue where more would help. Answers with
   * loads that have nowhere to go any more.
   */
  work(): Load[] {
    const astray: Load[] = [];
    for (const courier of this.#couriers.keys()) {
      if (!this.hasWaiting) break;
      if (!courier.isReady) continue;
      const load = this.next(courier);
      if (load !== undefined) courier.send(load);
      // What waits is of another order.
      else if (this.#leaving.has(courier) || this.#couriers.size >= this.#slots) courier.close();
    }
    while (this.#couriers.size < this.#slots) {
      const way = this.#nextWay();
      if (way === undefined) break;
      const target = way.aim.target();
      const load = way.waiting.shift()!;
      if (target === undefined) astray.push(load);
      else this.#connect(way, target, load);
    }
    if (this.hasWaiting && this.#wanted > this.#demanded) this.#demand(this.#wanted);
    return astray;
  }

  granted(slots: number): void {
    this.#slots += slots;
  }

  /** What is idle goes at once where its turn is over, what is not when it is idle. */
  keep(slots: number): void {
    this.#kept = slots;
    for (const [courier, standing] of this.#couriers) {
      if (!courier.isReady || !this.#mustLeave(standing)) continue;
      this.#leaving.add(courier);
      courier.close();
    }
  }

  isLeaving(courier: Courier): boolean {
    return this.#leaving.has(courier);
  }

  /** Whether a transaction may begin, or a connection be made, at once; if not, `permitted` follows. */
  may(what: Rated, courier: Courier): boolean {
    const standing = this.#couriers.get(courier);
    if (what === "message" && standing !== undefined) standing.beganAt ??= this.#parts.clock.monotonic();
    const { messagesPerMinute, connectionsPerMinute } = this.#limits;
    if ((what === "message" ? messagesPerMinute : connectionsPerMinute) === undefined) return true;
    const asking = this.#asking[what];
    if (!asking.has(courier)) this.#ask(what, standing);
    asking.add(courier);
    return false;
  }

  #ask(what: Rated, standing: Standing | undefined): void {
    const isFirst = what === "message" && standing?.hasAsked === false;
    if (isFirst) standing.hasAsked = true;
    this.#parts.queue.permit(this.site, what, isFirst);
  }

  /** `mayGoOn`: false where nothing may begin by now; the connection ends, and its load comes back. */
  permitted(what: Rated, mayGoOn: boolean): void {
    const asking = this.#asking[what];
    const [courier] = asking;
    if (courier === undefined) return; // who asked went while it was on its way
    asking.delete(courier);
    if (mayGoOn) courier.proceed();
    else courier.close();
  }

  /** What came too late to be of use goes back. */
  returnSlots(): void {
    while (this.#slots > this.#couriers.size) this.#release(undefined, this.#couriers.size, true);
  }

  /** A connection is gone. */
  gone(courier: Courier, failure: Transient | undefined, isStopping: boolean): void {
    const standing = this.#couriers.get(courier);
    standing?.way.couriers.delete(courier);
    this.#couriers.delete(courier);
    this.#leaving.delete(courier);
    this.#forgetIdle();
    for (const what of RATED) if (this.#asking[what].delete(courier)) this.#parts.queue.withdraw(this.site, what);
    this.#release(failure, isStopping ? this.#couriers.size : this.#wanted, standing?.hasAsked !== true);
  }

  delivered(): void {
    this.#delivered++;
    if (this.#delivered < QUEUE.reportEvery) return;
    this.#parts.queue.progress(this.site, this.#delivered);
    this.#delivered = 0;
  }

  /** Ends connections that do nothing, or have sent no content, or all of them; what they were to carry comes back. */
  close(which: "at-rest" | "unsent" | "all"): void {
    for (const courier of this.#couriers.keys())
      if (which === "all" || (which === "unsent" ? courier.isUnsent : courier.isAtRest)) courier.close();
  }

  #way(order: string, aim: Aim): Way {
    const found = this.#ways.get(order);
    if (found !== undefined) return found;
    const way = { aim, waiting: new WaitingRoom<Lane, Load>(), couriers: new Set<Courier>() };
    this.#ways.set(order, way);
    return way;
  }

  /** Of those with something that waits, each in its turn; those without a connection first. */
  #nextWay(): Way | undefined {
    const waiting = [...this.#ways].filter(([, way]) => way.waiting.length > 0);
    const found = waiting.find(([, { couriers }]) => couriers.size === 0) ?? waiting[0];
    if (found === undefined) return undefined;
    const [order, way] = found;
    this.#ways.delete(order);
    this.#ways.set(order, way);
    return way;
  }

  /** Some order has loads and no connection, there is no slot for one, and too few make room for it yet. */
  #mustMakeRoom(): boolean {
    if (this.#ways.size < 2 || this.#couriers.size < this.#slots) return false;
    let bare = 0;
    for (const { waiting, couriers } of this.#ways.values()) if (waiting.length > 0 && couriers.size === 0) bare++;
    return bare > this.#leaving.size;
  }

  /** Connections are worth keeping: one makes room when its turn is over, not after each load. */
  #mustLeave(standing: Standing): boolean {
    const isOneTooMany = this.#couriers.size - this.#leaving.size > this.#kept;
    return this.#isTurnOver(standing) && (isOneTooMany || this.#mustMakeRoom());
  }

  #isTurnOver({ loads, beganAt }: Standing): boolean {
    const elapsed = beganAt === undefined ? 0 : this.#parts.clock.monotonic() - beganAt;
    return loads >= OUTBOUND.turnLoads || elapsed >= OUTBOUND.turnTime;
  }

  #connect(way: Way, target: Target, load: Load): void {
    const courier = new Courier(this.#parts, this.site, target, this.#doubts, this.#handler, load);
    this.#couriers.set(courier, { way, loads: 1, beganAt: undefined, hasAsked: false });
    way.couriers.add(courier);
  }

  #forgetIdle(): void {
    for (const [order, { waiting, couriers }] of this.#ways)
      if (waiting.length === 0 && couriers.size === 0) this.#ways.delete(order);
  }

  /** What it is for may be another server by now, or other terms: each connection ends with what it carries. */
  renew(limits: SiteLimits | undefined): void {
    this.#limits = limits ?? this.#limits;
    for (const courier of this.#couriers.keys()) {
      this.#leaving.add(courier);
      if (courier.isBetweenTransactions) courier.close();
    }
  }

  /** Connections that would have work. */
  get #wanted(): number {
    let waiting = 0;
    for (const way of this.#ways.values()) waiting += way.waiting.length;
    return Math.min(this.#limits.connectionsMax, this.#couriers.size + waiting);
  }

  #demand(connections: number): void {
    this.#demanded = connections;
    this.#parts.queue.demand(this.site, connections);
  }

  #release(failure: Transient | undefined, wanted: number, isUnused: boolean): void {
    this.#slots--;
    const deliveries = this.#delivered;
    this.#delivered = 0;
    this.#demand(wanted);
    this.#parts.queue.release(this.site, {
      deliveries,
      failure: failure === undefined ? undefined : failureText(failure),
      isOurs: failure?.scope === "source",
      isUnused,
    });
  }
}
