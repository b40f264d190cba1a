import { invariant } from "../core/base/invariant.ts";
import { second } from "../core/base/time.ts";
import type { Lane } from "../core/routing/lane.ts";
import type { Clock } from "../ports/clock.ts";
import { StorageError } from "../ports/content.ts";
import type { QueuePort, Rated, Site, SiteReport } from "../ports/queue.ts";
import type { Arrival, MessageRow, Settlement } from "../ports/store.ts";
import type { MailToQueue, MailToStore, Outlet, SpooledAnswer, StoreToMail } from "./messages.ts";

interface Submission {
  readonly arrival: Arrival;
  readonly isInHand: boolean;
  readonly resolve: (row: MessageRow) => void;
  readonly reject: (error: StorageError) => void;
}

interface Group {
  readonly submissions: readonly Submission[];
  readonly settled: Settled;
  /** Some of it failed before. */
  readonly isRepeated: boolean;
}

/** Ends and waits of deliveries, with the reports that they cause. What was said together stays together. */
interface Settled {
  readonly settlements: Settlement[];
  readonly reports: Arrival[];
  readonly whenDurable: (() => void)[];
}

function nothingSettled(): Settled {
  return { settlements: [], reports: [], whenDurable: [] };
}

function isNothing({ settlements, whenDurable }: Settled): boolean {
  return settlements.length === 0 && whenDurable.length === 0;
}

/** `first` and then `second`. */
function both(first: Settled, second: Settled): Settled {
  return {
    settlements: [...first.settlements, ...second.settlements],
    reports: [...first.reports, ...second.reports],
    whenDurable: [...first.whenDurable, ...second.whenDurable],
  };
}

const RETRY = 1 * second;
/** Commits under way at a time, of which one carries arrivals. */
const UNDER_WAY_MAX = 4;

/**
 * A mail thread's end of the queue. It has one commit of arrivals under way at a time; what comes meanwhile travels with
 * the next, so that commits grow with the load by themselves. Ends of deliveries do not wait for that: they are to be on
 * disk as soon as the next transaction, because what is not is repeated after a crash (promise P3).
 */
export class QueueClient implements QueuePort {
  readonly #clock: Clock;
  readonly #store: Outlet<MailToStore>;
  readonly #queue: Outlet<MailToQueue>;
  readonly #submissions: Submission[] = [];
  #settled = nothingSettled();
  /** What failed, in its order; it goes before all that was settled since. */
  #failed = nothingSettled();
  /** In the order of their answers. */
  readonly #underWay: Group[] = [];
  readonly #questions = new Map<number, (answer: SpooledAnswer) => void>();
  #asked = 0;
  #isScheduled = false;
  #isWaiting = false; // after failed commits, until it is tried again
  #whenSettled: (() => void)[] = [];
  /** Resolves with the answer to the newest of the submissions, which are answered in their order. */
  #submitted: Promise<unknown> = Promise.resolve();

  constructor(clock: Clock, store: Outlet<MailToStore>, queue: Outlet<MailToQueue>) {
    this.#clock = clock;
    this.#store = store;
    this.#queue = queue;
  }

  submit(arrival: Arrival, isInHand: boolean): Promise<MessageRow> {
    const row = new Promise<MessageRow>((resolve, reject) => {
      this.#submissions.push({ arrival, isInHand, resolve, reject });
      this.#schedule();
    });
    this.#submitted = row.catch(() => undefined); // whoever submitted it hears of that
    return row;
  }

  /** Says so once all that was submitted by now is in the store, or refused. */
  hear(number: number): void {
    void this.#submitted.then(() => this.#store.say({ kind: "heard", number }));
  }

  markOf(name: string): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      const number = ++this.#asked;
      this.#questions.set(number, ({ mark, failure }) => {
        if (failure === undefined) resolve(mark);
        else reject(new StorageError("failed", failure));
      });
      this.#store.say({ kind: "spooled?", number, name });
    });
  }

  spooled(answer: SpooledAnswer): void {
    const settle = this.#questions.get(answer.number);
    invariant(settle !== undefined, "an answer belongs to a question");
    this.#questions.delete(answer.number);
    settle(answer);
  }

  settle(settlement: Settlement): void {
    this.#settled.settlements.push(settlement);
    this.#schedule();
  }

  settleWithReports(settlements: readonly Settlement[], reports: readonly Arrival[]): Promise<void> {
    return new Promise((resolve) => {
      this.#settled.settlements.push(...settlements);
      this.#settled.reports.push(...reports);
      this.#settled.whenDurable.push(resolve);
      this.#schedule();
    });
  }

  settled(): Promise<void> {
    if (!this.#hasSettled() && this.#underWay.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenSettled.push(resolve));
  }

  demand(site: Site, connections: number): void {
    this.#queue.say({ kind: "demand", site, connections });
  }

  release(site: Site, report: SiteReport): void {
    this.#queue.say({ kind: "release", site, report });
  }

  progress(site: Site, deliveries: number): void {
    this.#queue.say({ kind: "progress", site, deliveries });
  }

  permit(site: Site, what: Rated, isFirst: boolean): void {
    this.#queue.say({ kind: "permit", site, what, isFirst });
  }

  withdraw(site: Site, what: Rated): void {
    this.#queue.say({ kind: "withdraw", site, what });
  }

  unblock(site: Site): void {
    this.#queue.say({ kind: "unblock", site });
  }

  sited(lane: Lane, site: Site): void {
    this.#queue.say({ kind: "sited", lane, site });
  }

  consumed(lane: Lane, deliveries: number, octets: number): void {
    this.#queue.say({ kind: "consumed", lane, deliveries, octets });
  }

  fromStore(message: Extract<StoreToMail, { kind: "committed" | "not-committed" }>): void {
    const group = this.#underWay.shift();
    invariant(group !== undefined, "an answer belongs to a commit");
    if (message.kind === "committed") {
      for (const [at, { resolve }] of group.submissions.entries()) resolve(message.rows[at]!);
      for (const resolve of group.settled.whenDurable) resolve();
    } else this.#notCommitted(group, new StorageError(message.reason, message.text));
    if (this.#submissions.length > 0 || this.#hasSettled()) this.#schedule();
    else if (this.#underWay.length === 0) for (const resolve of this.#whenSettled.splice(0)) resolve();
  }

  #hasSettled(): boolean {
    return !isNothing(this.#settled) || !isNothing(this.#failed);
  }

  /**
   * The ends of deliveries, and their reports, must not be lost: they are said again until they are recorded (promise P2). At
   * once the first time, since a full disk has its reserve by then; whoever waits with an end repeats it after a crash.
   */
  #notCommitted({ submissions, settled, isRepeated }: Group, error: StorageError): void {
    for (const { reject } of submissions) reject(error);
    this.#failed = both(this.#failed, settled);
    if (!isRepeated || this.#isWaiting) return;
    this.#isWaiting = true;
    this.#clock.after(RETRY, () => {
      this.#isWaiting = false;
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.soon(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#isWaiting || this.#underWay.length >= UNDER_WAY_MAX) return;
    const mayCarryArrivals = this.#underWay.every(({ submissions }) => submissions.length === 0);
    const submissions = mayCarryArrivals ? this.#submissions.splice(0) : [];
    if (submissions.length === 0 && !this.#hasSettled()) return;
    const settled = both(this.#failed, this.#settled);
    this.#underWay.push({ submissions, settled, isRepeated: !isNothing(this.#failed) });
    this.#settled = nothingSettled();
    this.#failed = nothingSettled();
    const arrivals = [
      ...submissions.map(({ arrival, isInHand }) => ({ arrival, isInHand })), // first: rows are told by place
      ...settled.reports.map((arrival) => ({ arrival, isInHand: false })),
    ];
    this.#store.say({ kind: "commit", commit: { arrivals, settlements: settled.settlements } });
  }
}
