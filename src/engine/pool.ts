import { QUEUE } from "../core/base/limits.ts";
import { Doubts } from "../core/outbound/doubts.ts";
import type { Transient } from "../core/outbound/outcome.ts";
import { WaitingRoom } from "../core/queue/waiting-room.ts";
import type { Lane } from "../core/routing/lane.ts";
import type { SiteLimits } from "../core/routing/site-terms.ts";
import type { QueuePort, Rated, Site } from "../ports/queue.ts";
import type { DeliveryRow } from "../ports/store.ts";
import { Courier, type CourierHandler, type CourierParts } from "./courier.ts";
import type { Load } from "./load.ts";
import { failureText } from "./settler.ts";
import type { Target } from "./target.ts";

export interface PoolParts extends CourierParts {
  readonly queue: Pick<QueuePort, "demand" | "release" | "progress" | "permit" | "withdraw">;
}

/** Where a site's connections go. */
export interface Aim {
  readonly limits: SiteLimits;
  /** As known at the time; undefined where the configuration has it no more. */
  target(): Target | undefined;
}

const RATED: readonly Rated[] = ["message", "connection"];

/** A mail thread's connections to one site, as many as it has slots for, and what waits for them. */
export class Pool {
  readonly site: Site;
  readonly #parts: PoolParts;
  readonly #handler: CourierHandler;
  /** Loads that wait for a connection: each priority and each lane has its turns. */
  readonly #waiting = new WaitingRoom<Lane, Load>();
  readonly #couriers = new Set<Courier>();
  /** Connections that wait for a permit, first come, first served. */
  readonly #asking: Readonly<Record<Rated, Set<Courier>>> = { message: new Set(), connection: new Set() };
  readonly #doubts = new Doubts();
  #slots = 0;
  #demanded = 0;
  /** Deliveries not yet told to the queue. */
  #delivered = 0;
  #aim: Aim;

  constructor(parts: PoolParts, site: Site, aim: Aim, handler: CourierHandler) {
    this.#parts = parts;
    this.site = site;
    this.#aim = aim;
    this.#handler = handler;
  }

  get isEmpty(): boolean {
    const isAtRest = this.#slots === 0 && this.#demanded === 0 && this.#delivered === 0;
    return isAtRest && this.#waiting.length === 0 && this.#couriers.size === 0;
  }

  get hasCouriers(): boolean {
    return this.#couriers.size > 0;
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** What was found out later goes. */
  aim(aim: Aim): void {
    this.#aim = aim;
  }

  add(load: Load): void {
    this.#waiting.push(load.priority, load.lane, load);
  }

  /** It was to go before all that waits now. */
  addFirst(load: Load): void {
    this.#waiting.unshift(load.priority, load.lane, load);
  }

  next(): Load | undefined {
    return this.#waiting.shift();
  }

  /** Takes what waits, of all lanes or of some; no connection is wanted for it any more. */
  drain(isWanted?: (lane: Lane) => boolean): Load[] {
    const taken = this.#waiting.drain(isWanted);
    if (this.#demanded > this.#wanted) this.#demand(this.#wanted);
    return taken;
  }

  /** Takes the loads that have some of these deliveries, as far as their transactions have not begun. */
  recall(rows: ReadonlySet<DeliveryRow>): Load[] {
    const has = ({ deliveries }: Load): boolean => deliveries.some(({ row }) => rows.has(row));
    const atHand = [...this.#couriers].flatMap((courier) => courier.recall(has) ?? []);
    const taken = [...atHand, ...this.#waiting.take(has)];
    if (this.#demanded > this.#wanted) this.#demand(this.#wanted);
    return taken;
  }

  /**
   * Loads for connections that stand, connections for slots, and a word to the queue where more would help. Answers with
   * loads that have nowhere to go any more.
   */
  work(): Load[] {
    const astray: Load[] = [];
    for (const courier of this.#couriers) {
      if (this.#waiting.length === 0) break;
      if (courier.isReady) courier.send(this.#waiting.shift()!);
    }
    while (this.#waiting.length > 0 && this.#couriers.size < this.#slots) {
      const target = this.#aim.target();
      const load = this.#waiting.shift()!;
      if (target === undefined) astray.push(load);
      else this.#couriers.add(new Courier(this.#parts, this.site, target, this.#doubts, this.#handler, load));
    }
    if (this.#waiting.length > 0 && this.#wanted > this.#demanded) this.#demand(this.#wanted);
    return astray;
  }

  granted(slots: number): void {
    this.#slots += slots;
  }

  /** Whether a transaction may begin, or a connection be made, at once; if not, `permitted` follows. */
  may(what: Rated, courier: Courier): boolean {
    const { messagesPerMinute, connectionsPerMinute } = this.#aim.limits;
    if ((what === "message" ? messagesPerMinute : connectionsPerMinute) === undefined) return true;
    const asking = this.#asking[what];
    if (!asking.has(courier)) this.#parts.queue.permit(this.site, what);
    asking.add(courier);
    return false;
  }

  permitted(what: Rated): void {
    const asking = this.#asking[what];
    const [courier] = asking;
    if (courier === undefined) return; // who asked went while it was on its way
    asking.delete(courier);
    courier.proceed();
  }

  /** What came too late to be of use goes back. */
  returnSlots(): void {
    while (this.#slots > this.#couriers.size) this.#release(undefined, this.#couriers.size);
  }

  /** A connection is gone. */
  gone(courier: Courier, failure: Transient | undefined, isStopping: boolean): void {
    this.#couriers.delete(courier);
    for (const what of RATED) if (this.#asking[what].delete(courier)) this.#parts.queue.withdraw(this.site, what);
    this.#release(failure, isStopping ? this.#couriers.size : this.#wanted);
  }

  delivered(): void {
    this.#delivered++;
    if (this.#delivered < QUEUE.reportEvery) return;
    this.#parts.queue.progress(this.site, this.#delivered);
    this.#delivered = 0;
  }

  /** Says QUIT to connections that carry nothing, or ends all of them. */
  close(which: "ready" | "all"): void {
    for (const courier of this.#couriers) if (which === "all" || courier.isReady) courier.close();
  }

  /** Connections that would have work. */
  get #wanted(): number {
    return Math.min(this.#aim.limits.connectionsMax, this.#couriers.size + this.#waiting.length);
  }

  #demand(connections: number): void {
    this.#demanded = connections;
    this.#parts.queue.demand(this.site, connections);
  }

  #release(failure: Transient | undefined, wanted: number): void {
    this.#slots--;
    const deliveries = this.#delivered;
    this.#delivered = 0;
    this.#demand(wanted);
    this.#parts.queue.release(this.site, {
      deliveries,
      failure: failure === undefined ? undefined : failureText(failure),
    });
  }
}
