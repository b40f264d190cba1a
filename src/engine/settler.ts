import { type Instant, hour } from "../core/base/time.ts";
import { BY_OPERATOR } from "../core/dsn/explanation.ts";
import type { Failure, Outcome } from "../core/outbound/outcome.ts";
import { expiresAt } from "../core/queue/ageing.ts";
import type { Reason } from "../core/queue/reason.ts";
import { type Decision, type DeliveryPolicy, settle } from "../core/queue/settle.ts";
import type { Lane } from "../core/routing/lane.ts";
import type { Clock } from "../ports/clock.ts";
import type { Entropy } from "../ports/entropy.ts";
import type { Block, QueuePort } from "../ports/queue.ts";
import type { Recorder } from "../ports/recorder.ts";
import type { ClockWatch } from "./clock-watch.ts";
import type { DeliveryInHand, Load, MessageInHand } from "./load.ts";
import type { Notifier } from "./notifier.ts";
import { reasonOfBlock } from "./openings.ts";
import { type Attempt, NO_ATTEMPT, type Said, Settlements, type Waiting, whoSaid } from "./settlements.ts";
import { Teller, type Telling } from "./teller.ts";

export interface SettlerParts {
  readonly queue: Pick<QueuePort, "settle" | "settleWithReports">;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly recorder: Recorder;
  readonly notifier: Pick<Notifier, "notice" | "parts" | "report" | "delayAfter">;
  readonly ages: Pick<ClockWatch, "receivedByNow">;
  policy(): DeliveryPolicy;
  /** What the routes say now: the lanes in the order of the route's steps, none where no route takes it. */
  lanesOf(from: string, recipient: string): readonly Lane[];
}

/** What an attempt brought a delivery, and what follows from it. */
export interface Fate {
  readonly delivery: DeliveryInHand;
  readonly outcome: Outcome;
  readonly decision: Exclude<Decision, { readonly kind: "again" }>;
  /** Where it waits, if it does: in the lane of its route's first step. */
  readonly lane: Lane;
}

/** A delivery that has to wait without an attempt. */
export interface Wait {
  readonly delivery: DeliveryInHand;
  readonly lane: Lane;
  readonly due: Instant;
  /** It waits for something that this machine does: that ends no mail (promise P5). */
  readonly isOurs: boolean;
}

type Met = Pick<Said, "means" | "remoteHost" | "diagnostic">;

/** A wait with what its sender hears of it. */
export interface ToldWait extends Wait {
  readonly met: Met;
}

// What senders hear of waits without an attempt: what a server said may be about another sender's mail.
const MET_BLOCK: Met = {
  remoteHost: "",
  diagnostic: "the next server could not be reached, or took no mail from this relay",
};
const MET_NO_ROUTE: Met = { remoteHost: "", diagnostic: "this relay has no way to it any more" };

const EXPIRED = "4.4.7";
/** It waits without having been tried: RFC 3463 has no code for why, and its time is not over. */
const WAITS = "4.4.0";
const REROUTED: { readonly [Wish in DeliveryInHand["wish"]]?: "rerouted-by-operator" | "imported" } = {
  reroute: "rerouted-by-operator",
  route: "imported",
};
const DELIVERED: Decision = { kind: "delivered" };

/**
 * Says durably what became of deliveries, with its reason (promise P9), has senders told, and tells log and history.
 * What ends with a report is recorded together with it; until then the delivery stays in hand, and a promise tells the
 * caller of the end.
 */
export class Settler {
  readonly #parts: SettlerParts;
  readonly #settlements: Settlements;
  readonly #teller: Teller;

  constructor(parts: SettlerParts) {
    this.#parts = parts;
    this.#settlements = new Settlements(parts);
    const { clock, queue, notifier } = parts;
    this.#teller = new Teller({ clock, queue, notifier, expiresAt: (message) => this.#expiresAt(message) });
  }

  /** What is gathered for reports is recorded at once, now and from now on: nobody waits for a stop. */
  flush(): void {
    this.#teller.flush();
  }

  /** What follows from the outcome of an attempt; `attempts` has it included. */
  decide(message: MessageInHand, attempts: number, outcome: Outcome): Decision {
    if (outcome.kind === "delivered") return DELIVERED;
    const { clock, entropy } = this.#parts;
    const tried = { attempts, expiresAt: this.#expiresAt(message) };
    return settle(outcome, tried, this.#parts.policy(), clock.now(), entropy.fraction());
  }

  /** What one attempt of a load brought. */
  settle(load: Load, fates: readonly Fate[], attempt: Attempt): Promise<void> | undefined {
    const waits: Waiting[] = [];
    const failed: Telling[] = [];
    const relayed: Telling[] = [];
    for (const { delivery, outcome, decision, lane } of fates) {
      if (outcome.kind === "delivered") relayed.push(this.#settlements.delivered(load, delivery, outcome, attempt));
      else if (decision.kind === "retry") {
        const { due, because } = decision;
        waits.push(this.#settlements.retried(load, { delivery, lane, due, because }, outcome, attempt));
      } else {
        const isExpired = decision.kind === "expired";
        const code = isExpired ? { status: EXPIRED, means: outcome.status } : { status: outcome.status };
        const said = { ...code, ...whoSaid(outcome, attempt) };
        const cause = isExpired ? "expired" : outcome.cause;
        failed.push(this.#settlements.failed(load, delivery, said, cause, attempt));
      }
    }
    const delayed = this.#wait(load, waits);
    return this.#teller.tell(load.message, fates.length, { failed, delayed, relayed });
  }

  /** The site failed before the load could begin. History gets an entry for each delivery, the log one line for all. */
  notTried(load: Load, failure: Failure, attempt: Attempt): void {
    for (const delivery of load.deliveries)
      this.#parts.queue.settle(this.#settlements.noted(load, delivery, failure, attempt, "no-connection"));
    this.#settlements.deferred(load, load.deliveries[0]!, failure, undefined, "no-connection");
  }

  /** An attempt failed in a way that the route's next step may do better: `lane` takes it at once. */
  movedOn(load: Load, delivery: DeliveryInHand, failure: Failure, attempt: Attempt, lane: Lane): void {
    this.#parts.queue.settle(this.#settlements.moved(load, delivery, failure, attempt, lane));
    this.#settlements.deferred(load, delivery, failure, undefined, "next-step");
  }

  /** This next hop cannot take it, and another step of its route may; what follows is `waitForStep`. */
  cannotTake(load: Load, delivery: DeliveryInHand, failure: Failure, attempt: Attempt): void {
    this.#parts.queue.settle(this.#settlements.noted(load, delivery, failure, attempt, "other-step"));
    this.#settlements.deferred(load, delivery, failure, undefined, "other-step");
  }

  /** They wait for a step of their route that may take them later. */
  waitForStep(load: Load, waits: readonly ToldWait[]): Promise<void> | undefined {
    return this.#waitOrExpire(load, "other-step", "", waits);
  }

  /** Its site is blocked: `lane` takes it meanwhile, without an attempt. */
  goesRound({ row }: DeliveryInHand, lane: Lane): void {
    this.#parts.queue.settle({ kind: "move", row, lane, entry: "" });
  }

  /** Their site is blocked: they wait for it. */
  waitForSite(load: Load, block: Pick<Block, "text" | "isOurs">, waits: readonly Wait[]): Promise<void> | undefined {
    const told = waits.map((one) => ({ ...one, met: MET_BLOCK }));
    return this.#waitOrExpire(load, reasonOfBlock(block), block.text, told);
  }

  /** They wait for an operator, or for the store to do what one wants. `lanes`: where each waits. */
  putBack(load: Load, lanes: readonly Lane[], because: Reason): void {
    const now = this.#parts.clock.now();
    for (const [at, delivery] of load.deliveries.entries())
      this.#parts.queue.settle(this.#settlements.set(delivery, lanes[at]!, now, because));
  }

  /** An operator wants an end of them. */
  expire(load: Load): Promise<void> | undefined {
    const met = { means: BY_OPERATOR, remoteHost: "", diagnostic: "its end was asked for by the relay's operator" };
    const failed = load.deliveries.map((delivery) => this.#expired(load, delivery, met));
    return this.#teller.tell(load.message, failed.length, { failed });
  }

  /**
   * Its next hop is gone from the configuration, an operator wants it, or it was imported: the routes decide anew; without one it waits
   * where it is.
   */
  reroute(load: Load, delivery: DeliveryInHand): Promise<void> | undefined {
    const { id, envelope } = load.message;
    const { recipient } = delivery;
    const { clock, queue, recorder } = this.#parts;
    const [found] = this.#parts.lanesOf(envelope.from, recipient);
    const now = clock.now();
    if (found !== undefined && (found !== load.lane || delivery.wish !== "none")) {
      const reason = REROUTED[delivery.wish] ?? "rerouted";
      queue.settle(this.#settlements.set(delivery, found, now, reason));
      recorder.record({ event: "delivery.rerouted", id, recipient, lane: found, reason });
      return undefined;
    }
    recorder.record({ event: "delivery.rerouted", id, recipient, lane: load.lane, reason: "no-route" });
    const wait = { delivery, lane: load.lane, due: now + hour, isOurs: false, met: MET_NO_ROUTE };
    return this.#waitOrExpire(load, "no-route", "", [wait]);
  }

  #expiresAt({ receivedAt, envelope }: MessageInHand): Instant {
    const { ages } = this.#parts;
    return expiresAt(ages.receivedByNow(receivedAt), this.#parts.policy().expire, envelope.from);
  }

  /** What is too old ends. `text` is what was said, for the operator. */
  #waitOrExpire(load: Load, because: Reason, text: string, waits: readonly ToldWait[]): Promise<void> | undefined {
    const end = this.#expiresAt(load.message);
    const failed: Telling[] = [];
    const waiting: Waiting[] = [];
    for (const { delivery, lane, due, isOurs, met } of waits) {
      const last = isOurs ? Number.POSITIVE_INFINITY : end;
      if (this.#parts.clock.now() >= last) failed.push(this.#expired(load, delivery, met, text || undefined));
      else {
        const until = Math.min(due, last);
        waiting.push({ delivery, lane, due: until, because, text, end: undefined, status: WAITS, ...met });
      }
    }
    return this.#teller.tell(load.message, waits.length, { failed, delayed: this.#wait(load, waiting) });
  }

  /** It ends without an attempt. */
  #expired(load: Load, delivery: DeliveryInHand, met: Met, text?: string): Telling {
    return this.#settlements.failed(load, delivery, { status: EXPIRED, ...met }, "expired", NO_ATTEMPT, text);
  }

  /** Parks them, but for those whose sender may have to hear of the delay, once. */
  #wait(load: Load, waits: readonly Waiting[]): Telling[] {
    const { notifier, ages, clock, queue } = this.#parts;
    const isLate = clock.now() - ages.receivedByNow(load.message.receivedAt) >= notifier.delayAfter;
    const late: Telling[] = [];
    for (const waiting of waits) {
      if (isLate && !waiting.delivery.isTold) late.push(this.#settlements.delayed(load, waiting));
      else queue.settle(this.#settlements.parked(load, waiting));
    }
    return late;
  }
}
