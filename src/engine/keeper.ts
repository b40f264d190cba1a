import { unreachable } from "../core/base/invariant.ts";
import { QUEUE, STORE } from "../core/base/limits.ts";
import type { Instant } from "../core/base/time.ts";
import { lastWord } from "../core/queue/reason.ts";
import type { Clock } from "../ports/clock.ts";
import { StorageError } from "../ports/content.ts";
import type { Commit, LaneClaim, QueueStore, SpaceReport } from "../ports/store.ts";
import type { MailToStore, Outlet, QueueToStore, StoreToMail, StoreToQueue } from "./messages.ts";

interface Waiting {
  readonly mailThread: number;
  readonly commit: Commit;
}

/**
 * The store thread: turns what all mail threads bring into group commits (one transaction, one fsync, then all their
 * 250s), and hands out what is due. Between two commits it looks at everything that came meanwhile.
 */
export class Keeper {
  readonly #store: QueueStore;
  readonly #clock: Clock;
  readonly #mails: readonly Outlet<StoreToMail>[];
  readonly #queue: Outlet<StoreToQueue>;
  #waiting: Waiting[] = [];
  #isScheduled = false;
  #wake: Instant | undefined;

  constructor(store: QueueStore, clock: Clock, mails: readonly Outlet<StoreToMail>[], queue: Outlet<StoreToQueue>) {
    this.#store = store;
    this.#clock = clock;
    this.#mails = mails;
    this.#queue = queue;
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
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.soon(() => this.#commitWaiting());
  }

  fromQueue(message: QueueToStore): void {
    switch (message.kind) {
      case "claim-due":
        return this.#handOut(
          message.mailThread,
          this.#store.claimDue(message.now, message.lanesMax, QUEUE.deliveriesPerLaneClaim),
        );
      case "claim-lane":
        return this.#handOut(message.mailThread, [
          this.#store.claimLane(message.lane, message.now, QUEUE.deliveriesPerLaneClaim),
        ]);
      case "rest":
        this.#store.rest(message.lane, message.blockedUntil);
        return this.#tellWake();
      default:
        return unreachable(message);
    }
  }

  space(report: SpaceReport): void {
    for (const mail of this.#mails) mail.say({ kind: "space", report });
    this.#queue.say({ kind: "space", report });
  }

  #commitWaiting(): void {
    this.#isScheduled = false;
    const group = this.#nextGroup();
    try {
      const rows = this.#store.commit(group.map((waiting) => waiting.commit));
      let at = 0;
      for (const { mailThread, commit } of group) {
        this.#mails[mailThread]!.say({ kind: "committed", rows: rows.slice(at, at + commit.arrivals.length) });
        at += commit.arrivals.length;
      }
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      for (const { mailThread } of group)
        this.#mails[mailThread]!.say({ kind: "not-committed", reason: error.reason, text: error.message });
    }
    if (group.some(({ commit }) => parks(commit))) this.#tellWake();
  }

  /** As much as one transaction should take; the rest follows at once. */
  #nextGroup(): Waiting[] {
    let octets = 0;
    let count = 0;
    while (count < this.#waiting.length && (count === 0 || octets <= STORE.commitOctetsMax)) {
      for (const { arrival } of this.#waiting[count]!.commit.arrivals) octets += arrival.content?.length ?? 0;
      count++;
    }
    const group = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    if (this.#waiting.length > 0) {
      this.#isScheduled = true;
      this.#clock.soon(() => this.#commitWaiting());
    }
    return group;
  }

  #handOut(mailThread: number, claims: readonly LaneClaim[]): void {
    const claimed = claims.flatMap((claim) => claim.claimed);
    this.#tellWake(); // before the claim's answer, which may lead to the next one
    // First the queue, which counts them, then the thread that gets them.
    this.#queue.say({
      kind: "claimed",
      mailThread,
      lanes: claims.map(({ lane, count, hasMore }) => ({ lane, count, hasMore })),
    });
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
