import { SPOOL } from "../core/base/limits.ts";
import { minute } from "../core/base/time.ts";
import type { Recorder } from "../ports/recorder.ts";

/** Says which files cannot be taken: any user may leave as many as it likes, and the log is not theirs to fill (promise P7). */
export class SpoolFailures {
  readonly #recorder: Recorder;
  #minuteEndsAt = Number.NEGATIVE_INFINITY;
  #told = 0;
  #untold = 0;

  constructor(recorder: Recorder) {
    this.#recorder = recorder;
  }

  /** `now` by the monotonic clock. */
  tell(file: string, text: string, now: number): void {
    if (now >= this.#minuteEndsAt) this.#begin(now);
    if (this.#told === SPOOL.failuresToldPerMinute) this.#untold++;
    else {
      this.#told++;
      this.#recorder.record({ event: "spool.failed", file, text });
    }
  }

  #begin(now: number): void {
    if (this.#untold > 0) {
      const text = `${this.#untold} more times a file could not be taken, which was not said each time`;
      this.#recorder.record({ event: "spool.failed", file: undefined, text });
    }
    this.#minuteEndsAt = now + minute;
    this.#told = 0;
    this.#untold = 0;
  }
}
