import { DSN } from "../core/base/limits.ts";
import type { Instant } from "../core/base/time.ts";
import { SILENCE } from "../core/dsn/notice.ts";
import type { Action } from "../core/dsn/report.ts";
import type { MessageId } from "../core/mail/message-id.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { QueuePort } from "../ports/queue.ts";
import { type Settlement, deliveryRow, messageRow } from "../ports/store.ts";
import type { MessageInHand } from "./load.ts";
import type { Fared, Notifier } from "./notifier.ts";
import { Turns } from "./turns.ts";

/** A delivery whose sender may have to be told of something. */
export interface Telling extends Fared {
  readonly isPassedOn: boolean;
  /** What is recorded once that is decided; `told` says what was, and is empty where nobody has to know. */
  settle(told: string): Settlement;
}

/** Deliveries of one message, by what became of them. */
export type Tellings = { readonly [Name in Action]?: readonly Telling[] };

export interface TellerParts {
  readonly clock: Pick<Clock, "after">;
  readonly queue: Pick<QueuePort, "settle" | "settleWithReports">;
  readonly notifier: Pick<Notifier, "notice" | "parts" | "report">;
  /** When a message's time is over. */
  expiresAt(message: MessageInHand): Instant;
}

/** What there is to tell of a message, until it is told. */
interface Gathering {
  readonly message: MessageInHand;
  readonly failed: Telling[];
  readonly delayed: Telling[];
  /** Deliveries that stay in hand until then. */
  count: number;
  readonly timer: Timer;
  readonly told: Promise<void>;
  readonly resolve: (told: Promise<void>) => void;
}

/**
 * Has senders told: who is, when, and in which report. What fails together is told together, although each next hop has
 * an attempt of its own: a message to a thousand domains must not make a thousand reports. What a report is about is
 * settled together with it; until then it is in hand, and tried again after a crash (promise P2).
 */
export class Teller {
  readonly #parts: TellerParts;
  readonly #turns = new Turns(DSN.underWayMax);
  /** No more than deliveries in hand, and none for longer than `DSN.gatherFor`. */
  readonly #gatherings = new Map<MessageId, Gathering>();
  #isStopping = false;

  constructor(parts: TellerParts) {
    this.#parts = parts;
  }

  /**
   * Settles them, with reports about those whose sender is to be told. `count` deliveries of the message, these among
   * them, are let go of when that is done. Undefined where it is.
   */
  tell(message: MessageInHand, count: number, tellings: Tellings): Promise<void> | undefined {
    const failed = this.#asked(message, "failed", tellings.failed);
    const delayed = this.#asked(message, "delayed", tellings.delayed);
    const relayed = this.#asked(message, "relayed", tellings.relayed);
    // Not gathered: what was delivered is to be on disk at once, for it would be delivered again (promise P3).
    const isRelayed = relayed.length === 0 ? undefined : this.#write(message, "relayed", relayed);
    if (failed.length + delayed.length === 0) {
      this.#closeIfLast(this.#gatherings.get(message.id), message, count);
      return isRelayed;
    }
    const gathering = this.#gatherings.get(message.id) ?? this.#open(message);
    gathering.failed.push(...failed);
    gathering.delayed.push(...delayed);
    gathering.count += count;
    this.#closeIfLast(gathering, message, 0);
    return isRelayed === undefined ? gathering.told : Promise.all([isRelayed, gathering.told]).then(() => undefined);
  }

  /** A stop waits for nothing that could still be gathered. */
  flush(): void {
    this.#isStopping = true;
    for (const gathering of this.#gatherings.values()) this.#close(gathering);
  }

  /** Those whose sender is to be told; the others are settled. */
  #asked(message: MessageInHand, action: Action, tellings: readonly Telling[] = []): Telling[] {
    const { queue, notifier } = this.#parts;
    const asked: Telling[] = [];
    for (const telling of tellings) {
      const notice = notifier.notice(message, action, telling);
      if (notice === "report") asked.push(telling);
      // Who is not told of a success or a delay did not ask, as a rule: that needs no note.
      else queue.settle(telling.settle(action === "failed" || notice === "passed-on" ? SILENCE[notice] : ""));
    }
    return asked;
  }

  #open(message: MessageInHand): Gathering {
    const { promise: told, resolve } = Promise.withResolvers<void>();
    const timer = this.#parts.clock.after(DSN.gatherFor, () => this.#close(gathering));
    const gathering: Gathering = { message, failed: [], delayed: [], count: 0, timer, told, resolve };
    this.#gatherings.set(message.id, gathering);
    return gathering;
  }

  /** `count` more of its deliveries are settled, and not told of. */
  #closeIfLast(gathering: Gathering | undefined, message: MessageInHand, count: number): void {
    if (gathering === undefined) return;
    const isLast = message.left <= gathering.count + count && isWhole(message, gathering);
    if (isLast || this.#isStopping) this.#close(gathering);
  }

  #close(gathering: Gathering): void {
    const { message, failed, delayed, timer, resolve } = gathering;
    timer.cancel();
    this.#gatherings.delete(message.id);
    const written = [this.#write(message, "failed", failed), this.#write(message, "delayed", delayed)];
    resolve(Promise.all(written).then(() => undefined));
  }

  /** Settles them with as many reports as it takes. */
  async #write(message: MessageInHand, action: Action, tellings: readonly Telling[]): Promise<void> {
    const { notifier } = this.#parts;
    const parts = notifier.parts(message, action, tellings);
    await Promise.all(parts.map((part) => this.#turns.take(() => this.#writeOne(message, action, part))));
  }

  async #writeOne(message: MessageInHand, action: Action, tellings: readonly Telling[]): Promise<void> {
    const { queue, notifier } = this.#parts;
    const triedUntil = action === "delayed" ? this.#parts.expiresAt(message) : undefined;
    const { note, report } = await notifier.report(message, action, tellings, triedUntil);
    const settlements = tellings.map((telling) => telling.settle(note));
    await queue.settleWithReports(settlements, report === undefined ? [] : [report]);
  }
}

/**
 * Whether a message has no deliveries but those in hand. It is not known of one that was claimed: others of it may be
 * claimed any moment. But most messages have one recipient, and that is their first; where the first one of several fails
 * alone, that makes one report more.
 */
function isWhole({ claimedFrom }: MessageInHand, { failed, delayed }: Gathering): boolean {
  const isFirst = ({ delivery }: Telling): boolean => delivery.row === deliveryRow(messageRow(delivery.row), 0);
  return claimedFrom === undefined || failed.some(isFirst) || delayed.some(isFirst);
}
