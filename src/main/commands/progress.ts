import { span } from "../../core/base/span.ts";
import { type Duration, second } from "../../core/base/time.ts";
import { grouped } from "../../surfaces/cli/table.ts";

interface ProgressParts {
  readonly write: (text: string) => void;
  /** Milliseconds on any clock that goes forward. */
  readonly now: () => Duration;
}

const ERASED = "\r\u001b[K";
/** What is done sooner needs no progress. */
const SHOWN_AFTER = 1 * second;
const SHOWN_EVERY = second / 5;

/** One line that is written over: `cancel: 45,000 of 100,000, 12 s left`. */
export class Progress {
  readonly #what: string;
  readonly #parts: ProgressParts;
  readonly #began: Duration;
  #shown: Duration | undefined;

  constructor(what: string, parts: ProgressParts) {
    this.#what = what;
    this.#parts = parts;
    this.#began = parts.now();
  }

  /** `total` may be a guess. */
  reached(done: number, of: number): void {
    const now = this.#parts.now();
    const elapsed = now - this.#began;
    if (elapsed < SHOWN_AFTER || now - (this.#shown ?? 0) < SHOWN_EVERY) return;
    this.#shown = now;
    const total = Math.max(done, of);
    const left = done === 0 ? "" : `, ${span((elapsed / done) * (total - done))} left`;
    this.#parts.write(`${ERASED}${this.#what}: ${grouped(done)} of ${grouped(total)}${left}`);
  }

  end(): void {
    if (this.#shown !== undefined) this.#parts.write(ERASED);
  }
}
