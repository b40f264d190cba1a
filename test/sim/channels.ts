import type { MessagePort } from "node:worker_threads";
import type { Dice } from "./dice.ts";
import type { Life, Timeline } from "./timeline.ts";

type Listener = (message: unknown) => void;

/**
 * One end of a line between two threads, as `MessagePort` has it: what is said arrives in its order, after a while, as a
 * copy, and what one of them moved is gone.
 */
class SimPort {
  readonly #timeline: Timeline;
  readonly #dice: Dice;
  readonly #life: Life;
  other: SimPort | undefined;
  #listener: Listener | undefined;
  readonly #waiting: unknown[] = [];
  /** When the last that was said arrives at the other end. */
  #lastAt = 0;

  constructor(timeline: Timeline, dice: Dice, life: Life) {
    this.#timeline = timeline;
    this.#dice = dice;
    this.#life = life;
  }

  postMessage(message: unknown, moved: readonly ArrayBuffer[] = []): void {
    if (this.#life.isDead) return;
    const copy: unknown = structuredClone(message, { transfer: [...moved] });
    const at = Math.max(this.#lastAt, this.#timeline.now + this.#delay());
    this.#lastAt = at;
    this.#timeline.after(at - this.#timeline.now, () => {
      if (!this.#life.isDead) this.other?.take(copy);
    });
  }

  on(_name: "message", listener: Listener): void {
    this.#listener = listener;
    for (const message of this.#waiting.splice(0)) listener(message);
  }

  take(message: unknown): void {
    if (this.#listener === undefined) this.#waiting.push(message);
    else this.#listener(message);
  }

  /** A thread is mostly awake, and now and then busy with something else: never for longer than a rate's slack allows. */
  #delay(): number {
    return this.#dice.happens(0.02) ? this.#dice.between(1, 40) : this.#dice.fraction();
  }
}

/** A line between two threads of one process. */
export function simChannel(
  timeline: Timeline,
  dice: Dice,
  life: Life,
): { readonly port1: MessagePort; readonly port2: MessagePort } {
  const [one, two] = [new SimPort(timeline, dice, life), new SimPort(timeline, dice, life)];
  one.other = two;
  two.other = one;
  return { port1: one as unknown as MessagePort, port2: two as unknown as MessagePort };
}
