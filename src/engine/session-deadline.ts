import { INBOUND_TIME } from "../core/base/limits.ts";
import type { Clock, Timer } from "../ports/clock.ts";

/** What a session is at: `content` comes from the client, `ours` waits for us, `theirs` for a command. */
export type Turn = "content" | "ours" | "theirs";

export interface DeadlineParts {
  readonly clock: Clock;
  /** Sessions run short: deadlines shrink. */
  isUnderStress(): boolean;
  turn(): Turn;
  /** The client took too long; `text` says with what. */
  expire(text: string): void;
}

const CONTENT_OCTETS_MIN = (INBOUND_TIME.contentOctetsPerSecondMin * INBOUND_TIME.contentGrace) / 1000;
const LOOK_MIN = 1000;

/**
 * How long a client may take: a command has its time from the reply before it, per command and not per read; content
 * has a least rate. The timer rings once a minute at most, and sessions that are busy do not touch it.
 */
export class SessionDeadline {
  readonly #parts: DeadlineParts;
  #timer: Timer | undefined;
  #extendedAt = 0;
  #deadline = 0;
  #contentOctets = 0; // since it was last looked at

  constructor(parts: DeadlineParts) {
    this.#parts = parts;
  }

  /** A reply went out, or something else began anew. */
  extend(): void {
    const { clock } = this.#parts;
    const allowed = this.#parts.isUnderStress() ? INBOUND_TIME.commandUnderStress : INBOUND_TIME.command;
    this.#extendedAt = clock.monotonic();
    this.#deadline = this.#extendedAt + allowed;
    if (this.#timer === undefined) this.#arm(Math.min(allowed, INBOUND_TIME.contentGrace));
  }

  contentCame(octets: number): void {
    this.#contentOctets += octets;
  }

  cancel(): void {
    this.#timer?.cancel();
  }

  #arm(delay: number): void {
    this.#timer = this.#parts.clock.after(delay, () => this.#look());
  }

  #look(): void {
    const now = this.#parts.clock.monotonic();
    const at = this.#parts.turn();
    if (at === "content") {
      const isTooSlow = this.#contentOctets < CONTENT_OCTETS_MIN;
      this.#contentOctets = 0;
      const isAtStart = now - this.#extendedAt < INBOUND_TIME.contentGrace;
      if (isTooSlow && !isAtStart) return this.#parts.expire("the content came too slowly");
      return this.#arm(INBOUND_TIME.contentGrace);
    }
    const left = this.#deadline - now;
    if (left <= 0 && at === "theirs") return this.#parts.expire("no command in time");
    return this.#arm(Math.min(Math.max(left, LOOK_MIN), INBOUND_TIME.contentGrace));
  }
}
