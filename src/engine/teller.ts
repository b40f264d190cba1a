import { DSN } from "../core/base/limits.ts";
import type { Instant } from "../core/base/time.ts";
import { SILENCE } from "../core/dsn/notice.ts";
import type { Action } from "../core/dsn/report.ts";
import type { QueuePort } from "../ports/queue.ts";
import type { Settlement } from "../ports/store.ts";
import type { MessageInHand } from "./load.ts";
import type { Fared, Notifier } from "./notifier.ts";
import { Turns } from "./turns.ts";

/** A delivery whose sender may have to be told of something. */
export interface Telling extends Fared {
  readonly isPassedOn: boolean;
  /** What is recorded once that is decided; `told` says what was, and is empty where nobody has to know. */
  settle(told: string): Settlement;
}

export interface TellerParts {
  readonly queue: Pick<QueuePort, "settle" | "settleWithReports">;
  readonly notifier: Pick<Notifier, "notice" | "report">;
  /** When a message's time is over. */
  expiresAt(message: MessageInHand): Instant;
}

/** Has senders told: who is, when, and in which report. What a report is about is settled together with it. */
export class Teller {
  readonly #parts: TellerParts;
  readonly #turns = new Turns(DSN.underWayMax);

  constructor(parts: TellerParts) {
    this.#parts = parts;
  }

  /** Settles them, with one report about those whose sender is to be told. Undefined where there is none. */
  tell(message: MessageInHand, action: Action, tellings: readonly Telling[]): Promise<void> | undefined {
    const { queue, notifier } = this.#parts;
    const asked = tellings.filter((telling) => !this.#settleUntold(message, action, telling));
    if (asked.length === 0) return undefined;
    return this.#turns.take(async () => {
      const triedUntil = action === "delayed" ? this.#parts.expiresAt(message) : undefined;
      const { note, report } = await notifier.report(message, action, asked, triedUntil);
      const settlements = asked.map((telling) => telling.settle(note));
      await queue.settleWithReports(settlements, report === undefined ? [] : [report]);
    });
  }

  /** True where nobody is to be told: it is settled. */
  #settleUntold(message: MessageInHand, action: Action, telling: Telling): boolean {
    const { queue, notifier } = this.#parts;
    const notice = notifier.notice(message, action, telling.delivery, telling.isPassedOn);
    if (notice === "report") return false;
    // Who is not told of a success or a delay did not ask, as a rule: that needs no note.
    queue.settle(telling.settle(action === "failed" || notice === "passed-on" ? SILENCE[notice] : ""));
    return true;
  }
}
