import { invariant, unreachable } from "../core/base/invariant.ts";
import { OUTBOUND } from "../core/base/limits.ts";
import type { Instant } from "../core/base/time.ts";
import type { MessageId } from "../core/mail/message-id.ts";
import type { StoredEnvelope } from "../core/mail/stored.ts";
import { type Failure, type Outcome, type Transient, trouble, unroutable } from "../core/outbound/outcome.ts";
import { wait } from "../core/queue/backoff.ts";
import type { Pauses } from "../core/queue/pause.ts";
import type { Priority } from "../core/queue/priority.ts";
import { lastWord } from "../core/queue/reason.ts";
import { isAboutTheWay, movesOn } from "../core/routing/fallback.ts";
import { type Lane, type NextHop, isRetriedWithItsSite, parseLane } from "../core/routing/lane.ts";
import type { SmartHost } from "../core/routing/smart-host.ts";
import { FREE_TERMS, type SiteTerms } from "../core/routing/site-terms.ts";
import type { Entropy } from "../ports/entropy.ts";
import type { Block, QueueListener, QueuePort, Site } from "../ports/queue.ts";
import type { Claimed, MessageRow, SpaceReport } from "../ports/store.ts";
import type { Courier, CourierHandler, CourierParts } from "./courier.ts";
import type { Destination, DestinationFinder } from "./destination.ts";
import type { DeliveryInHand, Load, MessageInHand } from "./load.ts";
import { InHand } from "./in-hand.ts";
import { Openings } from "./openings.ts";
import { type Aim, Pool } from "./pool.ts";
import { type Attempt, type Fate, NO_ATTEMPT, Settler, type SettlerParts, type Wait } from "./settler.ts";
import { type Target, exchangerTarget, smartHostTarget } from "./target.ts";

export interface DispatcherParts extends CourierParts, SettlerParts {
  readonly queue: QueuePort;
  readonly entropy: Entropy;
  readonly finder: Pick<DestinationFinder, "find">;
  /** Of the servers that MX records name. */
  readonly exchangerPort: number;
  readonly exchangerTerms: SiteTerms;
  /** By name at every attempt; undefined where the configuration has it no more. */
  smartHost(name: string): SmartHost | undefined;
}

/** Where the deliveries of an arrival begin, in order, and whether they stay in memory. */
export interface Admission {
  readonly isInHand: boolean;
  readonly places: readonly Place[];
}

interface Place {
  readonly lane: Lane;
  /** Where it waits: not before this it is claimed. */
  readonly due: Instant;
  /** Where it waits: why, as JSON. */
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
    readonly priority: Priority;
  }[];
}

const OTHER_WAY = "one step of its route cannot take it, and the others cannot be reached";

/** Of a site that nothing goes to any more. */
const NOWHERE: Aim = { limits: FREE_TERMS.limits, target: () => undefined };

/**
 * A mail thread's part of the queue: has messages in hand (fresh ones from memory, others claimed from the store), finds
 * out where they go, and gives them to that site's connections. What ends or has to wait is settled durably; what its
 * next hop does not take for now goes on to the route's next step.
 */
export class Dispatcher implements CourierHandler, QueueListener {
  readonly #parts: DispatcherParts;
  readonly #settler: Settler;
  readonly #pools = new Map<Site, Pool>();
  /** Loads whose lanes' servers are looked for. */
  readonly #locating = new Map<Lane, Load[]>();
  readonly #inHand: InHand;
  readonly #openings: Openings;
  /** Settlements that wait for their reports. */
  #settling = 0;
  #isStopping = false;
  #mayDeliver = true;
  #whenQuiet: (() => void) | undefined;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    this.#settler = new Settler(parts);
    this.#inHand = new InHand(parts.queue);
    this.#openings = new Openings(parts.clock);
  }

  /**
   * Where an arrival begins that is about to be committed: at the first of each recipient's lanes that is not known to be
   * blocked. It stays in hand where there is room, and nobody has to wait.
   */
  admits(octets: number, recipients: readonly (readonly Lane[])[]): Admission {
    const now = this.#parts.clock.now();
    const isRoom = this.#inHand.hasRoom(octets, recipients.length);
    const open = recipients.map((lanes) => this.#openings.first(lanes));
    const isInHand = isRoom && !this.#isStopping && open.every((lane) => lane !== undefined);
    if (isInHand) return { isInHand, places: open.map((lane) => ({ lane, due: now, last: "" })) };
    // What waits begins with its route's first step, whatever is open now.
    const places = recipients.map((lanes, at) => this.#placeOf(lanes, open[at] !== undefined, isRoom, now));
    return { isInHand, places };
  }

  #placeOf(lanes: readonly Lane[], isOpen: boolean, isRoom: boolean, now: Instant): Place {
    const lane = lanes[0]!;
    if (this.#openings.isPaused(lane)) return { lane, due: now, last: lastWord("paused", "", now) };
    const block = isOpen ? undefined : this.#openings.firstToEnd(lanes);
    if (block !== undefined) return { lane, due: block.until, last: lastWord("lane-blocked", block.text, now) };
    return { lane, due: now, last: lastWord(isRoom ? "queued" : "no-memory", "", now) };
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
      const byLane = new Map<Lane, DeliveryInHand[]>();
      const ended: DeliveryInHand[] = [];
      for (const { row, recipient, options, priority, attempts, isTold, wish } of deliveries) {
        const delivery = { row, recipient, options, priority, attempts, isTold, wish };
        if (wish === "reroute") this.#routeAnew({ message, lane, priority, deliveries: [delivery] }, delivery);
        else if (wish === "expire") ended.push(delivery);
        else group(byLane, lane, delivery);
      }
      if (ended.length > 0)
        this.#dropWhen(
          this.#settler.expire({ message, lane, priority: "normal", deliveries: ended }),
          message,
          ended.length,
        );
      for (const [name, some] of byLane) this.#enqueue(message, name, some);
    }
    this.#inHand.report(false);
  }

  granted(site: Site, slots: number): void {
    const pool = this.#pools.get(site) ?? this.#newPool(site, NOWHERE);
    pool.granted(slots);
    this.#work(pool);
    pool.returnSlots();
    this.#tidy(pool);
  }

  permitted(site: Site): void {
    this.#pools.get(site)?.permitted();
  }

  blocked(site: Site, block: Block): void {
    this.#openings.block(site, block);
    const pool = this.#pools.get(site);
    if (pool === undefined) return;
    for (const load of pool.drain()) this.#wait(load, block);
    this.#inHand.report(true);
    this.#tidy(pool);
  }

  /** What waits in memory for a connection is parked where it is paused; what is on its way goes on. */
  pauses(paused: Omit<Pauses, "inbound">): void {
    this.#openings.pause(paused);
    for (const pool of this.#pools.values()) {
      for (const load of pool.drain((lane) => this.#openings.isPaused(lane))) this.#park(load);
      this.#tidy(pool);
    }
    this.#inHand.report(true);
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

  /** Starts nothing new; resolves when no load is on its way. */
  stop(): Promise<void> {
    this.#isStopping = true;
    for (const pool of this.#pools.values()) pool.close("ready");
    this.#settler.flush();
    return new Promise((resolve) => {
      this.#whenQuiet = resolve;
      this.#checkQuiet();
    });
  }

  /** Ends what is still on its way; its deliveries are tried again after the next start. */
  abandon(): void {
    for (const pool of this.#pools.values()) pool.close("all");
  }

  // What couriers say.

  idle(courier: Courier): void {
    const load = this.#mayStart() ? this.#pool(courier).next() : undefined;
    if (load !== undefined) return courier.send(load);
    this.#inHand.report(true);
    if (this.#isStopping) courier.close();
    return undefined;
  }

  mayBegin(courier: Courier): boolean {
    if (this.#mayDeliver) return this.#pool(courier).mayBegin(courier);
    this.#parts.clock.soon(() => courier.close()); // its end could not be recorded: the load comes back, and waits
    return false;
  }

  done(courier: Courier, load: Load, outcomes: readonly Outcome[], isStale: boolean): void {
    const pool = this.#pool(courier);
    const again = this.#settle(load, outcomes, attemptOf(courier), isStale);
    for (const outcome of outcomes) if (outcome.kind === "delivered") pool.delivered();
    if (again.length > 0) this.#addFirst(pool, { ...load, deliveries: again });
    this.#inHand.report(false);
  }

  gone(courier: Courier, failure: Transient | undefined, load: Load | undefined): void {
    const pool = this.#pool(courier);
    if (this.#isStopping && failure !== undefined && isStopped(failure)) {
      pool.gone(courier, undefined, true);
      return this.#checkQuiet();
    }
    if (load !== undefined) {
      if (failure !== undefined) {
        // A smart host that is away says nothing of recipients. Elsewhere the wait for the site is the recipient's own.
        if (!isRetriedWithItsSite(load.lane)) for (const delivery of load.deliveries) delivery.attempts++;
        this.#settler.notTried(load, failure, attemptOf(courier));
      }
      this.#addFirst(pool, load);
    }
    pool.gone(courier, failure, this.#isStopping);
    this.#work(pool);
    this.#inHand.report(!pool.hasWaiting);
    this.#tidy(pool);
    this.#checkQuiet();
  }

  // Where a load goes.

  #enqueue(message: MessageInHand, lane: Lane, deliveries: readonly DeliveryInHand[]): void {
    const hop = parseLane(lane);
    for (let at = 0; at < deliveries.length; at += OUTBOUND.recipientsPerTransactionMax) {
      const part = deliveries.slice(at, at + OUTBOUND.recipientsPerTransactionMax);
      this.#send({ message, lane, priority: part[0]!.priority, deliveries: part }, hop);
    }
  }

  #send(load: Load, hop: NextHop | undefined): void {
    if (hop === undefined) return this.#reroute(load);
    switch (hop.kind) {
      case "smarthost":
        return this.#toSmartHost(load, hop.name);
      case "mx":
        return this.#locate(load, hop.domain);
      default:
        return unreachable(hop);
    }
  }

  #toSmartHost(load: Load, name: string): void {
    const found = this.#parts.smartHost(name);
    if (found === undefined) return this.#reroute(load);
    return this.#toSite(load, load.lane, {
      limits: found.limits,
      target: () => {
        const host = this.#parts.smartHost(name); // at every attempt, so that a repaired one acts at once
        return host === undefined ? undefined : smartHostTarget(host);
      },
    });
  }

  /** Looks for the domain's servers; what comes meanwhile for the same domain goes with it. */
  #locate(load: Load, domain: string): void {
    const waiting = this.#locating.get(load.lane);
    if (waiting !== undefined) return void waiting.push(load);
    this.#locating.set(load.lane, [load]);
    void this.#parts.finder.find(domain).then((destination) => this.#located(load.lane, destination));
  }

  #located(lane: Lane, destination: Destination): void {
    const loads = this.#locating.get(lane) ?? [];
    this.#locating.delete(lane);
    switch (destination.kind) {
      case "hosts": {
        const { hosts, site } = destination;
        this.#openings.sited(lane, site);
        const { exchangerPort, exchangerTerms, entropy, queue } = this.#parts;
        if (loads.some(({ message }) => message.claimedFrom === lane)) queue.sited(lane, site);
        const target = (): Target => exchangerTarget(hosts, exchangerPort, exchangerTerms, () => entropy.fraction());
        for (const load of loads) this.#toSite(load, site, { limits: exchangerTerms.limits, target });
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
      this.#settle(
        load,
        load.deliveries.map(() => failure),
        NO_ATTEMPT,
        false,
      );
    this.#inHand.report(true);
  }

  #toSite(load: Load, site: Site, aim: Aim): void {
    if (this.#openings.isPaused(load.lane)) {
      this.#park(load);
      return this.#inHand.report(true);
    }
    const block = this.#openings.blockOf(site);
    if (block !== undefined) {
      this.#wait(load, block);
      return this.#inHand.report(true);
    }
    const pool = this.#pools.get(site) ?? this.#newPool(site, aim);
    pool.aim(aim);
    pool.add(load);
    return this.#work(pool);
  }

  /** It comes back, to go before the others. */
  #addFirst(pool: Pool, load: Load): void {
    if (this.#openings.isPaused(load.lane)) this.#park(load);
    else pool.addFirst(load);
  }

  #newPool(site: Site, aim: Aim): Pool {
    const pool = new Pool(this.#parts, site, aim, this);
    this.#pools.set(site, pool);
    return pool;
  }

  #pool(courier: Courier): Pool {
    const pool = this.#pools.get(courier.site);
    invariant(pool !== undefined, "a site with a connection is in use");
    return pool;
  }

  #work(pool: Pool): void {
    if (this.#mayStart()) for (const load of pool.work()) this.#reroute(load);
  }

  /** Its lane is paused. */
  #park(load: Load): void {
    const lanes = load.deliveries.map((delivery) => this.#firstLane(load, delivery));
    this.#settler.waitForResume(load, lanes);
    this.#inHand.drop(load.message, load.deliveries.length);
  }

  #mayStart(): boolean {
    return this.#mayDeliver && !this.#isStopping;
  }

  #tidy(pool: Pool): void {
    if (pool.isEmpty) this.#pools.delete(pool.site);
  }

  // What becomes of a delivery.

  /** One outcome a delivery, in order. Answers with what goes again at once; what the route's next step takes is on its way. */
  #settle(load: Load, outcomes: readonly Outcome[], attempt: Attempt, isStale: boolean): DeliveryInHand[] {
    const again: DeliveryInHand[] = [];
    const fates: Fate[] = [];
    const waits: Wait[] = [];
    const onward = new Map<Lane, DeliveryInHand[]>();
    for (const [at, delivery] of load.deliveries.entries()) {
      const outcome = outcomes[at]!;
      if (this.#isStopping && isStopped(outcome)) continue; // no attempt: it stays in hand until the next start
      const decision = this.#settler.decide(load.message, delivery.attempts + 1, outcome);
      const wait = this.#wayToWaitFor(load, delivery, outcome);
      if (isStale || decision.kind === "again") again.push(delivery);
      else if (outcome.kind === "delivered" || !this.#moveOn(load, delivery, outcome, attempt, onward)) {
        if (wait !== undefined) {
          waits.push(wait);
          continue;
        }
        delivery.attempts++;
        const lane = decision.kind === "retry" ? this.#firstLane(load, delivery) : load.lane;
        fates.push({ delivery, outcome, decision, lane });
      }
    }
    this.#dropWhen(this.#settler.settle(load, fates, attempt), load.message, fates.length);
    if (waits.length > 0) this.#dropWhen(this.#settler.waitForSite(load, OTHER_WAY, waits), load.message, waits.length);
    this.#goOn(load.message, onward);
    return again;
  }

  /** This way it cannot go, and another one is only blocked: that one is waited for, and nobody's mail fails (promise P5). */
  #wayToWaitFor(load: Load, delivery: DeliveryInHand, outcome: Outcome): Wait | undefined {
    if (outcome.kind !== "permanent" || !isAboutTheWay(outcome)) return undefined;
    const lanes = this.#lanesOf(load, delivery);
    const block = this.#openings.firstToEnd(lanes.filter((lane) => lane !== load.lane));
    return block === undefined ? undefined : { delivery, lane: lanes[0]!, due: block.until };
  }

  /** True where the route's next step takes it. */
  #moveOn(
    load: Load,
    delivery: DeliveryInHand,
    failure: Failure,
    attempt: Attempt,
    onward: Map<Lane, DeliveryInHand[]>,
  ): boolean {
    if (!movesOn(failure)) return false;
    const next = this.#openings.next(this.#lanesOf(load, delivery), load.lane);
    if (next === undefined) return false;
    this.#settler.movedOn(load, delivery, failure, attempt, next);
    group(onward, next, delivery);
    return true;
  }

  /** Where it begins again. */
  #firstLane(load: Load, delivery: DeliveryInHand): Lane {
    return this.#lanesOf(load, delivery)[0] ?? load.lane;
  }

  #goOn(message: MessageInHand, onward: ReadonlyMap<Lane, readonly DeliveryInHand[]>): void {
    for (const [lane, deliveries] of onward) this.#enqueue(message, lane, deliveries);
  }

  /** Its site is blocked: the route's next step takes it, or it waits. */
  #wait(load: Load, block: Block): void {
    const onward = new Map<Lane, DeliveryInHand[]>();
    const waits: Wait[] = [];
    for (const delivery of load.deliveries) {
      const lanes = this.#lanesOf(load, delivery);
      const next = this.#openings.next(lanes, load.lane);
      if (next !== undefined) group(onward, next, delivery);
      else {
        const until = Math.min(block.until, this.#openings.firstToEnd(lanes)?.until ?? block.until);
        const due = this.#dueAfterBlock(load.lane, delivery, until);
        waits.push({ delivery, lane: lanes[0] ?? load.lane, due });
      }
    }
    if (waits.length > 0)
      this.#dropWhen(this.#settler.waitForSite(load, block.text, waits), load.message, waits.length);
    this.#goOn(load.message, onward);
  }

  /** The lanes of its route as it is now; none where the route does not name the one that it is in. */
  #lanesOf({ message, lane }: Load, { recipient }: DeliveryInHand): readonly Lane[] {
    const lanes = this.#parts.lanesOf(message.envelope.from, recipient);
    return lanes.includes(lane) ? lanes : [];
  }

  #dueAfterBlock(lane: Lane, delivery: DeliveryInHand, until: Instant): Instant {
    if (isRetriedWithItsSite(lane) || delivery.attempts === 0) return until;
    const { clock, entropy, policy } = this.#parts;
    return Math.max(until, clock.now() + wait(policy, delivery.attempts, entropy.fraction()));
  }

  #reroute(load: Load): void {
    for (const delivery of load.deliveries) this.#routeAnew(load, delivery);
    this.#inHand.report(true);
  }

  /** Its next hop is gone from the configuration, or an operator wants it to go where the routes say now. */
  #routeAnew(load: Load, delivery: DeliveryInHand): void {
    this.#dropWhen(this.#settler.reroute(load, delivery), load.message, 1);
  }

  // What is in hand.

  /** Lets `count` deliveries go; with `settled` only then: the message is needed until its report is recorded. */
  #dropWhen(settled: Promise<void> | undefined, message: MessageInHand, count: number): void {
    if (settled === undefined) return this.#inHand.drop(message, count);
    return void this.#dropLater(settled, message, count);
  }

  async #dropLater(settled: Promise<void>, message: MessageInHand, count: number): Promise<void> {
    this.#settling++;
    await settled;
    this.#settling--;
    this.#inHand.drop(message, count);
    this.#inHand.report(true);
    this.#checkQuiet();
  }

  #checkQuiet(): void {
    if (this.#whenQuiet === undefined || this.#settling > 0) return;
    for (const pool of this.#pools.values()) if (pool.hasCouriers) return;
    this.#whenQuiet();
    this.#whenQuiet = undefined;
  }
}

function group(groups: Map<Lane, DeliveryInHand[]>, lane: Lane, delivery: DeliveryInHand): void {
  const found = groups.get(lane);
  if (found === undefined) groups.set(lane, [delivery]);
  else found.push(delivery);
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

/** We ended it ourselves, before the next hop can have taken the message. */
function isStopped(outcome: Outcome): boolean {
  return outcome.kind === "transient" && outcome.cause === "stopped-here" && !outcome.isPossibleDuplicate;
}
