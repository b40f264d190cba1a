import { INBOUND } from "../core/base/limits.ts";
import type { Clock } from "../ports/clock.ts";

/**
 * Work that goes on piece by piece, so that a thousand peers who ask for much keep nobody waiting who asks for little: in each
 * turn of the event loop all pieces together have `INBOUND.longWorkMsPerTurn`, one after the other in the order in which they came.
 */
export class LongWork {
  readonly #clock: Pick<Clock, "monotonic" | "soon">;
  #waiting: (() => void)[] = [];

  constructor(clock: Pick<Clock, "monotonic" | "soon">) {
    this.#clock = clock;
  }

  later(piece: () => void): void {
    this.#waiting.push(piece);
    if (this.#waiting.length === 1) this.#clock.soon(() => this.#turn());
  }

  #turn(): void {
    const pieces = this.#waiting;
    this.#waiting = [];
    const end = this.#clock.monotonic() + INBOUND.longWorkMsPerTurn;
    let done = 0;
    try {
      do pieces[done++]!();
      while (done < pieces.length && this.#clock.monotonic() < end);
    } finally {
      const isWaited = this.#waiting.length > 0; // by what came meanwhile, for a turn that is under way
      this.#waiting = [...pieces.slice(done), ...this.#waiting];
      if (!isWaited && this.#waiting.length > 0) this.#clock.soon(() => this.#turn());
    }
  }
}
