import type { Duration } from "../core/base/time.ts";
import type { Clock, Timer } from "../ports/clock.ts";

interface Asked<Answer> {
  readonly resolve: (answer: Answer | undefined) => void;
  readonly timer: Timer;
}

/** Questions to another thread: an answer bears the number of its question, and none is waited for without end. */
export class Questions<Answer> {
  readonly #clock: Pick<Clock, "now" | "after">;
  readonly #patience: Duration;
  readonly #asked = new Map<number, Asked<Answer>>();
  #number: number;

  constructor(clock: Pick<Clock, "now" | "after">, patience: Duration) {
    this.#clock = clock;
    this.#patience = patience;
    // Not from where an earlier control thread was, whose answers may still come.
    this.#number = clock.now();
  }

  /** Undefined where the answer does not come in time; one that comes later is dropped. */
  ask(say: (number: number) => void): Promise<Answer | undefined> {
    const number = this.#number++;
    return new Promise((resolve) => {
      const timer = this.#clock.after(this.#patience, () => {
        this.#asked.delete(number);
        resolve(undefined);
      });
      this.#asked.set(number, { resolve, timer });
      say(number);
    });
  }

  answered(number: number, answer: Answer): void {
    const asked = this.#asked.get(number);
    this.#asked.delete(number);
    asked?.timer.cancel();
    asked?.resolve(answer);
  }
}
