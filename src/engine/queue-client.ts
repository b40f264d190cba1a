import { second } from "../core/base/time.ts";
import type { Lane } from "../core/routing/lane.ts";
import type { Clock } from "../ports/clock.ts";
import { StorageError } from "../ports/content.ts";
import type { LaneReport, QueuePort } from "../ports/queue.ts";
import type { Arrival, Commit, MessageRow, Settlement } from "../ports/store.ts";
import type { MailToQueue, MailToStore, Outlet, StoreToMail } from "./messages.ts";

interface Submission {
  readonly arrival: Arrival;
  readonly isInHand: boolean;
  readonly resolve: (row: MessageRow) => void;
  readonly reject: (error: StorageError) => void;
}

const RETRY = 1 * second;
/** Arrivals in a commit from which on the next one waits for company, and how long: the shortest timer there is. */
const COMPANY = 2;
const PATIENCE = 1;

/**
 * A mail thread's end of the queue. It has one commit under way at a time; what comes meanwhile travels with the next,
 * so that commits grow with the load by themselves.
 */
export class QueueClient implements QueuePort {
  readonly #clock: Clock;
  readonly #store: Outlet<MailToStore>;
  readonly #queue: Outlet<MailToQueue>;
  #submissions: Submission[] = [];
  #settlements: Settlement[] = [];
  #underWay: { readonly submissions: Submission[]; readonly settlements: Settlement[] } | undefined;
  #isScheduled = false;
  #lastGroup = 0; // arrivals in the last commit
  #isWaiting = false; // after a failed commit, until it is tried again
  #whenSettled: (() => void)[] = [];

  constructor(clock: Clock, store: Outlet<MailToStore>, queue: Outlet<MailToQueue>) {
    this.#clock = clock;
    this.#store = store;
    this.#queue = queue;
  }

  submit(arrival: Arrival, isInHand: boolean): Promise<MessageRow> {
    return new Promise((resolve, reject) => {
      this.#submissions.push({ arrival, isInHand, resolve, reject });
      this.#schedule();
    });
  }

  settle(settlement: Settlement): void {
    this.#settlements.push(settlement);
    this.#schedule();
  }

  settled(): Promise<void> {
    if (this.#settlements.length === 0 && this.#underWay === undefined) return Promise.resolve();
    return new Promise((resolve) => this.#whenSettled.push(resolve));
  }

  demand(lane: Lane, connections: number): void {
    this.#queue.say({ kind: "demand", lane, connections });
  }

  release(lane: Lane, report: LaneReport): void {
    this.#queue.say({ kind: "release", lane, report });
  }

  progress(lane: Lane, deliveries: number): void {
    this.#queue.say({ kind: "progress", lane, deliveries });
  }

  consumed(lane: Lane, deliveries: number): void {
    this.#queue.say({ kind: "consumed", lane, deliveries });
  }

  fromStore(message: Extract<StoreToMail, { kind: "committed" | "not-committed" }>): void {
    const underWay = this.#underWay!;
    this.#underWay = undefined;
    if (message.kind === "committed") {
      for (const [at, { resolve }] of underWay.submissions.entries()) resolve(message.rows[at]!);
    } else {
      const error = new StorageError(message.reason, message.text);
      for (const { reject } of underWay.submissions) reject(error);
      // The ends of deliveries must not be lost: they are said again until they are recorded (promise P2).
      this.#settlements = [...underWay.settlements, ...this.#settlements];
      this.#isWaiting = true;
      this.#clock.after(RETRY, () => {
        this.#isWaiting = false;
        this.#schedule();
      });
    }
    if (this.#submissions.length > 0 || this.#settlements.length > 0) this.#schedule();
    else for (const resolve of this.#whenSettled.splice(0)) resolve();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#underWay !== undefined) return;
    this.#isScheduled = true;
    const flush = (): void => {
      this.#isScheduled = false;
      this.#flush();
    };
    // Where several clients wait at a time, more are about to: a moment's patience makes one fsync of many.
    if (this.#lastGroup >= COMPANY) this.#clock.after(PATIENCE, flush);
    else this.#clock.soon(flush);
  }

  #flush(): void {
    if (this.#underWay !== undefined || this.#isWaiting) return;
    if (this.#submissions.length === 0 && this.#settlements.length === 0) return;
    const underWay = { submissions: this.#submissions, settlements: this.#settlements };
    this.#submissions = [];
    this.#settlements = [];
    this.#underWay = underWay;
    this.#lastGroup = underWay.submissions.length;
    const commit: Commit = {
      arrivals: underWay.submissions.map(({ arrival, isInHand }) => ({ arrival, isInHand })),
      settlements: underWay.settlements,
    };
    this.#store.say({ kind: "commit", commit });
  }
}
