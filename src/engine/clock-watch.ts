import { CLOCK } from "../core/base/limits.ts";
import type { Instant } from "../core/base/time.ts";
import { type ClockJump, receivedByNow } from "../core/queue/ageing.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { Recorder } from "../ports/recorder.ts";
import { BothClocks } from "./both-clocks.ts";

/** Remembers how the wall clock was set while the relay runs, so that ages of messages do not depend on it. */
export class ClockWatch {
  readonly #clock: Clock;
  readonly #recorder: Recorder | undefined;
  readonly #clocks: BothClocks;
  readonly #jumps: ClockJump[] = [];
  readonly #startedAt: number;
  #timer: Timer | undefined;

  /** With a recorder it tells of jumps: one of all watches is enough. */
  constructor(clock: Clock, recorder: Recorder | undefined) {
    this.#clock = clock;
    this.#recorder = recorder;
    this.#clocks = new BothClocks(clock);
    this.#startedAt = this.#clocks.last.monotonic;
  }

  /** Looks regularly. Without it jumps are seen as soon as somebody asks for an age, but less exactly. */
  start(): void {
    this.#timer = this.#clock.after(CLOCK.lookEvery, () => {
      this.#compare();
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /**
   * When a message was received, told by the clock as it goes now. One of a time that is still to come, and that no jump
   * explains, is of a clock that was ahead before this watch began: the message was there by then.
   */
  receivedByNow(receivedAt: Instant): Instant {
    this.#compare();
    const { wall, monotonic } = this.#clocks.last;
    const found = receivedByNow(receivedAt, this.#jumps, wall + CLOCK.aheadMax);
    if (found !== undefined) return found;
    const knowsAll = this.#jumps.length < CLOCK.jumpsKept;
    return knowsAll ? wall - Math.round(monotonic - this.#startedAt) : receivedAt;
  }

  #compare(): void {
    const jump = this.#clocks.look();
    if (jump === undefined) return;
    this.#jumps.push(jump);
    if (this.#jumps.length > CLOCK.jumpsKept) this.#jumps.shift();
    this.#recorder?.record({ event: "clock.jumped", byMs: jump.by });
  }
}
