import { CLOCK } from "../core/base/limits.ts";
import type { Instant } from "../core/base/time.ts";
import { type ClockJump, type ClockLook, jumpBetween, receivedByNow } from "../core/queue/ageing.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { Recorder } from "../ports/recorder.ts";

/** Remembers how the wall clock was set while the relay runs, so that ages of messages do not depend on it. */
export class ClockWatch {
  readonly #clock: Clock;
  readonly #recorder: Recorder | undefined;
  readonly #jumps: ClockJump[] = [];
  readonly #startedAt: number;
  #last: ClockLook;
  #timer: Timer | undefined;

  /** With a recorder it tells of jumps: one of all watches is enough. */
  constructor(clock: Clock, recorder: Recorder | undefined) {
    this.#clock = clock;
    this.#recorder = recorder;
    this.#last = this.#look();
    this.#startedAt = this.#last.monotonic;
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
    const { wall, monotonic } = this.#last;
    const found = receivedByNow(receivedAt, this.#jumps, wall + CLOCK.aheadMax);
    if (found !== undefined) return found;
    const knowsAll = this.#jumps.length < CLOCK.jumpsKept;
    return knowsAll ? wall - Math.round(monotonic - this.#startedAt) : receivedAt;
  }

  #look(): ClockLook {
    return { wall: this.#clock.now(), monotonic: this.#clock.monotonic() };
  }

  #compare(): void {
    const look = this.#look();
    const jump = jumpBetween(this.#last, look, CLOCK.jumpMin);
    this.#last = look;
    if (jump === undefined) return;
    this.#jumps.push(jump);
    if (this.#jumps.length > CLOCK.jumpsKept) this.#jumps.shift();
    this.#recorder?.record({ event: "clock.jumped", byMs: jump.by });
  }
}
