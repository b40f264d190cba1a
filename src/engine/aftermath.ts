import type { Failure, Outcome } from "../core/outbound/outcome.ts";
import { dueAfterBlock } from "../core/queue/backoff.ts";
import type { Reason } from "../core/queue/reason.ts";
import { movesOn, otherSteps } from "../core/routing/fallback.ts";
import { type Lane, isRetriedWithItsSite } from "../core/routing/lane.ts";
import type { Block } from "../ports/queue.ts";
import type { InHand } from "./in-hand.ts";
import { type DeliveryInHand, type Load, type MessageInHand, group } from "./load.ts";
import type { Openings } from "./openings.ts";
import { type Attempt, whoSaid } from "./settlements.ts";
import { type Fate, Settler, type SettlerParts, type ToldWait, type Wait } from "./settler.ts";

export interface AftermathParts extends SettlerParts {
  readonly openings: Openings;
  readonly inHand: InHand;
  /** These take another step of their route, at once. */
  goOn(message: MessageInHand, lane: Lane, deliveries: readonly DeliveryInHand[]): void;
  /** What was recorded late is recorded now. */
  settled(): void;
}

/**
 * What becomes of deliveries that a mail thread has in hand: they end, wait, or take another step of their route. What
 * leaves is recorded, and then let go.
 */
export class Aftermath {
  readonly #parts: AftermathParts;
  readonly #settler: Settler;
  /** Settlements that wait for their reports. */
  #underWay = 0;
  #isStopping = false;

  constructor(parts: AftermathParts) {
    this.#parts = parts;
    this.#settler = new Settler(parts);
  }

  /** True where all that ended so far was handed over to be recorded. */
  get isQuiet(): boolean {
    return this.#underWay === 0;
  }

  /** From now on what is interrupted stays in hand, to be tried after the next start. */
  stop(): void {
    this.#isStopping = true;
    this.#settler.flush();
  }

  /** All of it could go another way now. */
  hasNextStep(load: Load): boolean {
    const { openings } = this.#parts;
    return load.deliveries.every((delivery) => openings.next(this.#lanesOf(load, delivery), load.lane) !== undefined);
  }

  /** One outcome a delivery, in order. Answers with what goes again at once; what the route's next step takes is on its way. */
  settle(load: Load, outcomes: readonly Outcome[], attempt: Attempt, isStale: boolean): DeliveryInHand[] {
    const again: DeliveryInHand[] = [];
    const fates: Fate[] = [];
    const waits: ToldWait[] = [];
    const onward = new Map<Lane, DeliveryInHand[]>();
    for (const [at, delivery] of load.deliveries.entries()) {
      const outcome = outcomes[at]!;
      if (this.#isStopping && isStopped(outcome)) continue; // no attempt: it stays in hand until the next start
      if (outcome.kind === "permanent" && otherSteps(outcome) !== "none")
        (delivery.ruledOut ??= new Set()).add(load.lane);
      const decision = this.#settler.decide(load.message, delivery.attempts + 1, outcome);
      if (isStale || decision.kind === "again") again.push(delivery);
      else if (outcome.kind === "delivered" || !this.#moveOn(load, delivery, outcome, attempt, onward)) {
        delivery.attempts++;
        const wait = this.#wayToWaitFor(load, delivery, outcome, attempt);
        if (wait !== undefined) {
          waits.push(wait);
          continue;
        }
        const lane = decision.kind === "retry" ? this.#firstLane(load, delivery) : load.lane;
        fates.push({ delivery, outcome, decision, lane });
      }
    }
    this.#dropWhen(this.#settler.settle(load, fates, attempt), load.message, fates.length);
    if (waits.length > 0) this.#dropWhen(this.#settler.waitForStep(load, waits), load.message, waits.length);
    this.#goOn(load.message, onward);
    return again;
  }

  /** The site failed before the load could begin. */
  notTried(load: Load, failure: Failure, attempt: Attempt): void {
    // A smart host that is away says nothing of recipients. Elsewhere the wait for the site is the recipient's own.
    if (!isRetriedWithItsSite(load.lane)) for (const delivery of load.deliveries) delivery.attempts++;
    this.#settler.notTried(load, failure, attempt);
  }

  /** Its site is blocked: the route's next step takes it, or it waits. */
  wait(load: Load, block: Block): void {
    const { openings } = this.#parts;
    const onward = new Map<Lane, DeliveryInHand[]>();
    const waits: Wait[] = [];
    for (const delivery of load.deliveries) {
      const lanes = this.#lanesOf(load, delivery);
      const next = openings.next(lanes, load.lane);
      if (next !== undefined) {
        this.#settler.goesRound(delivery, next);
        group(onward, next, delivery);
      } else {
        const { clock, entropy } = this.#parts;
        const until = Math.min(block.until, openings.firstToEnd(lanes)?.until ?? block.until);
        const tried = this.#triedBefore(load, lanes, delivery);
        const due = dueAfterBlock(until, tried, this.#parts.policy(), clock.now(), entropy.fraction());
        waits.push({ delivery, lane: lanes[0] ?? load.lane, due, isOurs: block.isOurs === true });
      }
    }
    if (waits.length > 0) this.#dropWhen(this.#settler.waitForSite(load, block, waits), load.message, waits.length);
    this.#goOn(load.message, onward);
  }

  /** It goes back to the store, due at once: an operator paused its lane, or wants something else of it. */
  putBack(load: Load, because: Reason): void {
    const lanes = load.deliveries.map((delivery) => this.#firstLane(load, delivery));
    this.#settler.putBack(load, lanes, because);
    this.#parts.inHand.drop(load.message, load.deliveries.length);
  }

  /** An operator wants an end of them. */
  expire(load: Load): void {
    this.#dropWhen(this.#settler.expire(load), load.message, load.deliveries.length);
  }

  /** Its next hop is gone from the configuration, or an operator wants it to go where the routes say now. */
  reroute(load: Load): void {
    for (const delivery of load.deliveries) this.#dropWhen(this.#settler.reroute(load, delivery), load.message, 1);
  }

  /**
   * A smart host that is away says nothing of recipients. Elsewhere their own wait goes on beside the site's; behind a first
   * step it has begun with that one's failure, so that not the whole queue is gone through as often as a site is tried.
   */
  #triedBefore({ lane }: Load, lanes: readonly Lane[], { attempts }: DeliveryInHand): number {
    if (isRetriedWithItsSite(lane)) return 0;
    return lanes.indexOf(lane) > 0 ? Math.max(1, attempts) : attempts;
  }

  /**
   * This way it cannot go. Another step that did not say so itself may take it yet: it is blocked, paused, or only put the
   * mail off. That one is waited for, and nobody's mail fails (promise P5).
   */
  #wayToWaitFor(load: Load, delivery: DeliveryInHand, outcome: Outcome, attempt: Attempt): ToldWait | undefined {
    if (outcome.kind !== "permanent") return undefined;
    const lanes = this.#lanesOf(load, delivery);
    const which = otherSteps(outcome);
    const eligible = which === "all" ? lanes : which === "before" ? lanes.slice(0, lanes.indexOf(load.lane)) : [];
    const others = eligible.filter((lane) => delivery.ruledOut?.has(lane) !== true);
    if (others.length === 0) return undefined;
    this.#settler.cannotTake(load, delivery, outcome, attempt);
    const { openings, clock, entropy } = this.#parts;
    const now = clock.now();
    const block = openings.firstToEnd(others);
    const due = dueAfterBlock(block?.until ?? now, delivery.attempts, this.#parts.policy(), now, entropy.fraction());
    const met = { means: outcome.status, ...whoSaid(outcome, attempt) };
    return { delivery, lane: lanes[0]!, due, isOurs: block?.isOurs === true, met };
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
    const next = this.#parts.openings.next(this.#lanesOf(load, delivery), load.lane);
    if (next === undefined) return false;
    this.#settler.movedOn(load, delivery, failure, attempt, next);
    group(onward, next, delivery);
    return true;
  }

  #goOn(message: MessageInHand, onward: ReadonlyMap<Lane, readonly DeliveryInHand[]>): void {
    for (const [lane, deliveries] of onward) this.#parts.goOn(message, lane, deliveries);
  }

  /** Where it begins again. */
  #firstLane(load: Load, delivery: DeliveryInHand): Lane {
    return this.#lanesOf(load, delivery)[0] ?? load.lane;
  }

  /** The lanes of its route as it is now; none where the route does not name the one that it is in. */
  #lanesOf({ message, lane }: Load, { recipient }: DeliveryInHand): readonly Lane[] {
    const lanes = this.#parts.lanesOf(message.envelope.from, recipient);
    return lanes.includes(lane) ? lanes : [];
  }

  /** Lets `count` deliveries go; with `settled` only then: the message is needed until its report is recorded. */
  #dropWhen(settled: Promise<void> | undefined, message: MessageInHand, count: number): void {
    if (settled === undefined) return this.#parts.inHand.drop(message, count);
    return void this.#dropLater(settled, message, count);
  }

  async #dropLater(settled: Promise<void>, message: MessageInHand, count: number): Promise<void> {
    this.#underWay++;
    await settled;
    this.#underWay--;
    this.#parts.inHand.drop(message, count);
    this.#parts.inHand.report(true);
    this.#parts.settled();
  }
}

/** We ended it ourselves, before the next hop can have taken the message. */
export function isStopped(outcome: Outcome): boolean {
  return outcome.kind === "transient" && outcome.cause === "stopped-here" && !outcome.isPossibleDuplicate;
}
