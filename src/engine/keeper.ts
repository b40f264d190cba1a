import { unreachable } from "../core/base/invariant.ts";
import { QUEUE, STORE } from "../core/base/limits.ts";
import { type Instant, second } from "../core/base/time.ts";
import { lastWord } from "../core/queue/reason.ts";
import type { Clock } from "../ports/clock.ts";
import { StorageError } from "../ports/content.ts";
import type { Commit, LaneClaim, MessageRow, QueueStore, SpaceReport } from "../ports/store.ts";
import type { MailToStore, Outlet, QueueToStore, StoreToMail, StoreToQueue } from "./messages.ts";

interface Waiting {
  readonly mailThread: number;
  readonly commit: Commit;
}

interface HandOut {
  readonly mailThread: number;
  readonly isDue: boolean;
  readonly claims: readonly LaneClaim[];
}

type Order = QueueToStore | { readonly kind: "forget"; readonly row: number };

export interface KeeperParts {
  readonly store: QueueStore;
  readonly clock: Clock;
  /** By mail thread. */
  readonly mails: readonly Outlet<StoreToMail>[];
  readonly queue: Outlet<StoreToQueue>;
  /** A transaction met a full disk. */
  readonly full: () => void;
}

const RETRY = 1 * second;
/** A claim takes some milliseconds, and the 250s of the same transaction wait for it. */
const CLAIMS_PER_TURN = 2;

/**
 * The store thread: turns what all mail threads bring into group commits (one transaction, one fsync, then all their
 * 250s), and hands out what is due. What comes while it commits, the queue's orders included, is the next transaction.
 */
export class Keeper {
  readonly #store: QueueStore;
  readonly #clock: Clock;
  readonly #mails: readonly Outlet<StoreToMail>[];
  readonly #queue: Outlet<StoreToQueue>;
  readonly #full: () => void;
  readonly #waiting: Waiting[] = [];
  readonly #orders: Order[] = [];
  #isFailing = false; // the orders failed, until they are tried again
  #isScheduled = false;
  #wake: Instant | undefined;

  constructor({ store, clock, mails, queue, full }: KeeperParts) {
    this.#store = store;
    this.#clock = clock;
    this.#mails = mails;
    this.#queue = queue;
    this.#full = full;
  }

  /** Recovery at start: what was in hand waits again. Answers how many deliveries that were. */
  start(): number {
    const now = this.#clock.now();
    const recovered = this.#store.recover(now, lastWord("recovered", "", now));
    this.#tellWake();
    return recovered;
  }

  fromMail(mailThread: number, message: MailToStore): void {
    this.#waiting.push({ mailThread, commit: message.commit });
    this.#schedule();
  }

  fromQueue(message: QueueToStore): void {
    this.#orders.push(message);
    this.#schedule();
  }

  /** History has everything up to this row of the outbox. */
  forget(row: number): void {
    this.#orders.push({ kind: "forget", row });
    this.#schedule();
  }

  space(report: SpaceReport): void {
    for (const mail of this.#mails) mail.say({ kind: "space", report });
    this.#queue.say({ kind: "space", report });
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
      const { rows, claims } = this.#store.together(() => ({
        rows: this.#store.commit(group.map((waiting) => waiting.commit)),
        claims: orders.map((order) => this.#obey(order)),
      }));
      this.#tellCommitted(group, rows);
      if (orders.length > 0 || group.some(({ commit }) => parks(commit))) this.#tellWake();
      for (const claim of claims) if (claim !== undefined) this.#handOut(claim);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      for (const { mailThread } of group)
        this.#mails[mailThread]!.say({ kind: "not-committed", reason: error.reason, text: error.message });
      this.#obeyLater(orders);
      this.#full();
    }
  }

  /** In their order, with as many claims as others should wait for. */
  #nextOrders(): Order[] {
    let count = 0;
    for (let claims = 0; count < this.#orders.length && claims < CLAIMS_PER_TURN; count++) {
      const { kind } = this.#orders[count]!;
      if (kind === "claim-due" || kind === "claim-lane") claims++;
    }
    const orders = this.#orders.splice(0, count);
    if (this.#orders.length > 0) this.#schedule();
    return orders;
  }

  /** Orders stand until they are obeyed: without an answer the queue asks for nothing more. */
  #obeyLater(orders: readonly Order[]): void {
    if (orders.length === 0) return;
    this.#orders.unshift(...orders);
    this.#isFailing = true;
    this.#clock.after(RETRY, () => {
      this.#isFailing = false;
      this.#schedule();
    });
  }

  #obey(order: Order): HandOut | undefined {
    switch (order.kind) {
      case "claim-due": {
        const claims = this.#store.claimDue(order.now, order.lanesMax, QUEUE.deliveriesPerLaneClaim);
        return { mailThread: order.mailThread, isDue: true, claims };
      }
      case "claim-lane": {
        const claim = this.#store.claimLane(order.lane, order.now, QUEUE.deliveriesPerLaneClaim);
        return { mailThread: order.mailThread, isDue: false, claims: [claim] };
      }
      case "rest":
        this.#store.rest(order.lane, order.blockedUntil);
        return undefined;
      case "forget":
        this.#store.forget(order.row);
        return undefined;
      default:
        return unreachable(order);
    }
  }

  #tellCommitted(group: readonly Waiting[], rows: readonly MessageRow[]): void {
    let at = 0;
    for (const { mailThread, commit } of group) {
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
