import { HISTORY } from "../core/base/limits.ts";
import { type Duration, type Instant, second } from "../core/base/time.ts";
import { CONTROL_RETRY, wait } from "../core/queue/backoff.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { HistoryEntry } from "../ports/history.ts";
import type { Recorder } from "../ports/recorder.ts";

interface OutboxRow {
  readonly row: number;
  /** A JSON array of `HistoryEntry`. */
  readonly entries: string;
}

export interface HistorianParts {
  readonly outbox: { read(after: number, limit: number): readonly OutboxRow[] };
  readonly history: {
    write(entries: readonly HistoryEntry[]): void;
    retire(now: Instant): unknown;
    shortenLogs(): void;
  };
  /** Whether the store's reserve has no room any more, and mail is refused or soon will be: history gives back what it can. */
  readonly isSpaceLow: () => boolean;
  /** History has everything up to this row. */
  readonly forget: (row: number) => void;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, "now" | "after">;
}

const LOOK = 1 * second;

/**
 * Moves finished outcomes from the outbox to history, and retires what is old. What fails is told and tried again, later
 * and later; until then the outbox keeps what history did not take.
 */
export class Historian {
  readonly #parts: HistorianParts;
  readonly #timers = new Set<Timer>();
  #forgotten = 0;
  #mayGiveBack = true;

  constructor(parts: HistorianParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#repeat(() => {
      this.#giveBack();
      return this.#fill() === HISTORY.rowsPerBatch ? 0 : LOOK;
    });
    this.#repeat(() => {
      this.#parts.history.retire(this.#parts.clock.now());
      return HISTORY.retireEvery;
    });
  }

  /** What the outbox has now, then nothing more. What fails is for the next start. */
  finish(): void {
    for (const timer of this.#timers) timer.cancel();
    try {
      while (this.#fill() > 0);
    } catch (error) {
      this.#tell(error, undefined);
    }
  }

  /** Somebody is about to look: what ended a moment ago is to be there, as far as that is soon done. */
  catchUp(): void {
    try {
      for (let n = 0; n < HISTORY.batchesPerLook && this.#fill() === HISTORY.rowsPerBatch; n++) continue;
    } catch (error) {
      this.#tell(error, undefined); // the usual round tries again
    }
  }

  /** Does `work` over and over, each time after what it answered. */
  #repeat(work: () => Duration, delay: Duration = 0, failures = 0): void {
    const timer = this.#parts.clock.after(delay, () => {
      this.#timers.delete(timer);
      const retryMs = wait(CONTROL_RETRY, failures + 1, 0);
      try {
        this.#repeat(work, work());
      } catch (error) {
        this.#tell(error, retryMs);
        this.#repeat(work, retryMs, failures + 1);
      }
    });
    this.#timers.add(timer);
  }

  /** What it cannot give back keeps nothing from being written, and is told once. */
  #giveBack(): void {
    try {
      if (this.#parts.isSpaceLow()) this.#parts.history.shortenLogs();
      this.#mayGiveBack = true;
    } catch (error) {
      if (this.#mayGiveBack) this.#tell(error, undefined);
      this.#mayGiveBack = false;
    }
  }

  /** One batch; a row is only taken once history has it, so that a crash in between repeats it (idempotent by id). */
  #fill(): number {
    const { outbox, history, forget } = this.#parts;
    const rows = outbox.read(this.#forgotten, HISTORY.rowsPerBatch);
    if (rows.length === 0) return 0;
    history.write(rows.flatMap(({ entries }) => JSON.parse(entries) as HistoryEntry[]));
    this.#forgotten = rows.at(-1)!.row;
    forget(this.#forgotten);
    return rows.length;
  }

  #tell(error: unknown, retryMs: Duration | undefined): void {
    const text = error instanceof Error ? error.message : String(error);
    this.#parts.recorder.record({ event: "history.failed", text, retryMs });
  }
}
