import { unreachable } from "../core/base/invariant.ts";
import { QUEUE, STORE } from "../core/base/limits.ts";
import { type Duration, type Instant, second } from "../core/base/time.ts";
import { lastWord } from "../core/queue/reason.ts";
import type { Lane } from "../core/routing/lane.ts";
import type { Clock } from "../ports/clock.ts";
import { StorageError } from "../ports/content.ts";
import { type Commit, type LaneClaim, type MessageRow, type QueueStore, type SpaceReport } from "../ports/store.ts";
import { type Intervention, Interventions, isIntervention } from "./interventions.ts";
import { spooledAnswer } from "./spooled-answer.ts";
import type {
  ControlToStore,
  MailToStore,
  Outlet,
  QueueToStore,
  StoreToControl,
  StoreToMail,
  StoreToQueue,
} from "./messages.ts";
import { OverdueLooks, type OverdueStep, type OverdueStepDone, nextStep, takeStep } from "./overdue-looks.ts";
import { PutOff } from "./put-off.ts";

interface Waiting {
  readonly mailThread: number;
  readonly commit: Commit;
}

interface HandOut {
  readonly kind: "claims";
  readonly mailThread: number;
  readonly isDue: boolean;
  readonly claims: readonly LaneClaim[];
}

type Order =
  | QueueToStore
  /** These lanes lead to other servers now: whatever was held against those that were there before is over. */
  | { readonly kind: "unblock"; readonly lanes: readonly Lane[] }
  | Exclude<ControlToStore, { readonly kind: "space?" }>
  /** A step: of the lanes behind that one. */
  | { readonly kind: "pull-in"; readonly after: Lane }
  | OverdueStep;

/** What an order brought, to be told once it is durable. */
type Brought =
  | HandOut
  | Intervention
  | { readonly kind: "unblocked"; readonly lanes: readonly Lane[] }
  /** `after`: the lane to go on behind; undefined where all are done. */
  | { readonly kind: "pulled-in"; readonly after: Lane | undefined }
  | OverdueStepDone;

/** How long mail waits. */
export interface RetryTimes {
  /** The life of a message. */
  readonly expire: Duration;
  /** Between two attempts, by schedule. */
  readonly longestWait: Duration;
  /** Also at the word of a server. */
  readonly longestNamed: Duration;
}

export interface KeeperParts {
  readonly store: QueueStore;
  readonly clock: Clock;
  /** By mail thread. */
  readonly mails: readonly Outlet<StoreToMail>[];
  readonly queue: Outlet<StoreToQueue>;
  readonly control: Outlet<StoreToControl>;
  readonly retry: RetryTimes;
  /** A transaction met a full disk. */
  readonly full: () => void;
}

const RETRY = 1 * second;
/** A claim, or a step of an operator's action, takes some milliseconds, and the 250s of the same transaction wait for it. */
const SLOW_PER_TURN = 2;
const SLOW: ReadonlySet<Order["kind"]> = new Set(["claim-due", "claim-lane", "act", "import", "overdue", "pull-in"]);

/**
 * The store thread: turns what all mail threads bring into group commits (one transaction, one fsync, then all their
 * 250s), and hands out what is due. What comes while it commits, the queue's orders included, is the next transaction.
 */
export class Keeper {
  readonly #store: QueueStore;
  readonly #clock: Clock;
  readonly #mails: readonly Outlet<StoreToMail>[];
  readonly #queue: Outlet<StoreToQueue>;
  readonly #control: Outlet<StoreToControl>;
  readonly #full: () => void;
  readonly #interventions: Interventions;
  readonly #waiting: Waiting[] = [];
  readonly #orders: Order[] = [];
  #isFailing = false; // the orders failed, until they are tried again
  #isScheduled = false;
  #wake: Instant | undefined;
  #space: SpaceReport | undefined;
  readonly #looks: OverdueLooks;
  readonly #putOff: PutOff;
  #longestWait: Duration;

  constructor({ store, clock, mails, queue, control, full, retry }: KeeperParts) {
    this.#looks = new OverdueLooks(retry.expire);
    this.#longestWait = retry.longestWait;
    this.#store = store;
    this.#clock = clock;
    this.#mails = mails;
    this.#queue = queue;
    this.#control = control;
    this.#full = full;
    this.#interventions = new Interventions({
      store,
      clock,
      mails,
      control,
      tellAll: (message) => this.#tellAll(message),
    });
    this.#putOff = new PutOff(clock, retry.longestNamed);
  }

  /** From now on. */
  setRetry({ expire, longestWait, longestNamed }: RetryTimes): void {
    this.#looks.setExpire(expire);
    this.#longestWait = longestWait;
    this.#putOff.setLongest(longestNamed);
  }

  /** The servers of these lanes are others now. */
  unblock(lanes: readonly Lane[]): void {
    if (lanes.length === 0) return;
    this.#orders.push({ kind: "unblock", lanes });
    this.#schedule();
  }

  /** Recovery at start: what was in hand waits again, what is paused is told before all else. Answers how many deliveries that were. */
  start(): number {
    const now = this.#clock.now();
    const recovered = this.#store.recover(now, lastWord("recovered", "", now));
    this.#interventions.tellPauses();
    this.#tellWake();
    this.#pullIn(); // the clock may have been ahead when the process before this one wrote
    this.#lookRegularly();
    return recovered;
  }

  #lookRegularly(): void {
    this.#clock.after(QUEUE.overdueEvery, () => {
      if (this.#putOff.isPossible()) this.#pullIn();
      this.#orders.push(...this.#looks.begin());
      this.#schedule();
      this.#lookRegularly();
    });
  }

  /** Lane by lane, behind this one. */
  #pullIn(after: Lane = ""): void {
    this.#orders.push({ kind: "pull-in", after });
    this.#schedule();
  }

  #pullOn(after: Lane | undefined): void {
    if (after !== undefined) this.#pullIn(after);
  }

  #lookOn(done: OverdueStepDone): void {
    const next = nextStep(done);
    if (next === undefined) return;
    this.#orders.push(next);
    this.#schedule();
  }

  fromMail(mailThread: number, message: MailToStore): void {
    if (message.kind === "heard") return this.#interventions.heard(message.number);
    if (message.kind === "spooled?") return this.#mails[mailThread]!.say(spooledAnswer(this.#store, message));
    this.#waiting.push({ mailThread, commit: message.commit });
    this.#schedule();
  }

  fromQueue(message: QueueToStore): void {
    this.#orders.push(message);
    this.#schedule();
  }

  fromControl(message: ControlToStore): void {
    if (message.kind === "space?") return this.#tellSpace();
    this.#orders.push(message);
    this.#schedule();
  }

  space(report: SpaceReport): void {
    this.#space = report;
    this.#tellAll({ kind: "space", report });
    this.#tellSpace();
  }

  #tellSpace(): void {
    if (this.#space !== undefined) this.#control.say({ kind: "space", report: this.#space });
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.soon(() => this.#turn());
  }

  /** What came meanwhile, all in one transaction, then all its answers. */
  #turn(): void {
    this.#isScheduled = false;
    const group = this.#nextGroup();
    const orders = this.#isFailing ? [] : this.#nextOrders();
    if (group.length === 0 && orders.length === 0) return;
    try {
      const { rows, brought } = this.#store.together(() => ({
        rows: this.#store.commit(group.map((waiting) => waiting.commit)),
        brought: orders.flatMap((order) => this.#obey(order) ?? []),
      }));
      this.#tellCommitted(group, rows);
      for (const one of brought)
        if (one.kind === "overdue") this.#lookOn(one);
        else if (one.kind === "pulled-in") this.#pullOn(one.after);
        else if (one.kind === "unblocked") for (const lane of one.lanes) this.#tellAll({ kind: "unblock", lane });
        else if (one.kind !== "claims") this.#interventions.tell(one);
      if (orders.length > 0 || group.some(({ commit }) => parks(commit))) this.#tellWake();
      for (const one of brought) if (one.kind === "claims") this.#handOut(one);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      for (const { mailThread } of group)
        this.#mails[mailThread]!.say({ kind: "not-committed", reason: error.reason, text: error.message });
      this.#obeyLater(orders, error);
      this.#full();
    }
  }

  /** In their order, with as much that is slow as others should wait for. */
  #nextOrders(): Order[] {
    let count = 0;
    for (let slow = 0; count < this.#orders.length && slow < SLOW_PER_TURN; count++)
      if (SLOW.has(this.#orders[count]!.kind)) slow++;
    const orders = this.#orders.splice(0, count);
    if (this.#orders.length > 0) this.#schedule();
    return orders;
  }

  /** Orders stand until they are obeyed: without an answer the queue asks for nothing more. An operator hears of it. */
  #obeyLater(orders: readonly Order[], { reason, message: text }: StorageError): void {
    const standing: Order[] = [];
    for (const order of orders) {
      if (isIntervention(order)) this.#control.say({ kind: "not-done", number: order.number, reason, text });
      else standing.push(order);
    }
    if (standing.length === 0) return;
    this.#orders.unshift(...standing);
    this.#isFailing = true;
    this.#clock.after(RETRY, () => {
      this.#isFailing = false;
      this.#schedule();
    });
  }

  #obey(order: Order): Brought | undefined {
    if (isIntervention(order)) return this.#interventions.obey(order);
    switch (order.kind) {
      case "claim-due": {
        const claims = this.#store.claimDue(order.now, order.lanesMax, QUEUE.deliveriesPerLaneClaim);
        return { kind: "claims", mailThread: order.mailThread, isDue: true, claims };
      }
      case "claim-lane": {
        const claim = this.#store.claimLane(order.lane, order.now, QUEUE.deliveriesPerLaneClaim);
        return { kind: "claims", mailThread: order.mailThread, isDue: false, claims: [claim] };
      }
      case "rest":
        this.#store.rest(order.lane, order.blockedUntil);
        this.#putOff.blocked(order.blockedUntil);
        return undefined;
      case "forget":
        this.#store.forget(order.row);
        return undefined;
      case "overdue":
        return takeStep(this.#store, order, this.#clock.now());
      case "pull-in":
        return { kind: "pulled-in", after: this.#store.pullIn(order.after, this.#clock.now(), this.#longestWait) };
      case "unblock":
        for (const lane of order.lanes) this.#store.unblock(lane, this.#clock.now());
        return { kind: "unblocked", lanes: order.lanes };
      default:
        return unreachable(order);
    }
  }

  #tellAll(message: StoreToMail & StoreToQueue): void {
    for (const mail of this.#mails) mail.say(message);
    this.#queue.say(message);
  }

  #tellCommitted(group: readonly Waiting[], rows: readonly MessageRow[]): void {
    let at = 0;
    for (const { mailThread, commit } of group) {
      for (const settlement of commit.settlements) if (settlement.kind === "park") this.#putOff.parked(settlement.due);
      this.#mails[mailThread]!.say({ kind: "committed", rows: rows.slice(at, at + commit.arrivals.length) });
      at += commit.arrivals.length;
    }
  }

  /** As much as one transaction should take; the rest follows at once. */
  #nextGroup(): Waiting[] {
    let octets = 0;
    let count = 0;
    while (count < this.#waiting.length && (count === 0 || octets <= STORE.commitOctetsMax)) {
      for (const { arrival } of this.#waiting[count]!.commit.arrivals) octets += arrival.content?.length ?? 0;
      count++;
    }
    const group = this.#waiting.splice(0, count);
    if (this.#waiting.length > 0) this.#schedule();
    return group;
  }

  #handOut({ mailThread, isDue, claims }: HandOut): void {
    const claimed = claims.flatMap((claim) => claim.claimed);
    const lanes = claims.map(({ lane, claimed: found, count, hasMore }) => {
      const octets = found.reduce((sum, { message }) => sum + (message.content?.length ?? 0), 0);
      return { lane, count, octets, hasMore };
    });
    this.#queue.say({ kind: "claimed", isDue, lanes });
    if (claimed.length > 0) this.#mails[mailThread]!.say({ kind: "claimed", claimed });
  }

  #tellWake(): void {
    const wake = this.#store.nextWake();
    if (wake === this.#wake) return;
    this.#wake = wake;
    this.#queue.say({ kind: "wake", at: wake });
  }
}

function parks(commit: Commit): boolean {
  return (
    commit.arrivals.some((arrival) => !arrival.isInHand) ||
    commit.settlements.some((settlement) => settlement.kind === "park")
  );
}
