import type { Duration, Instant } from "../../src/core/base/time.ts";
import type { Clock, Timer } from "../../src/ports/clock.ts";

interface Entry {
  readonly at: number;
  /** Among those of one moment, first come, first served. */
  readonly order: number;
  call: (() => void) | undefined;
}

/** Virtual time: what is going to happen, in order. Nothing waits for anything real. */
export class Timeline {
  readonly #heap: Entry[] = [];
  #now = 0;
  #order = 0;
  /** What an event threw. */
  onFault: (error: unknown) => void = (error) => {
    throw error;
  };
  events = 0;

  /** Milliseconds since the world began. */
  get now(): number {
    return this.#now;
  }

  /** What happens now takes so long: what is due meanwhile happens when that is over. */
  takes(time: Duration): void {
    this.#now += time;
  }

  after(delay: Duration, call: () => void): Timer {
    const entry: Entry = { at: this.#now + Math.max(0, delay), order: this.#order++, call };
    this.#push(entry);
    return { cancel: () => (entry.call = undefined) };
  }

  /**
   * One event after the other until `end`, or until it is over. Between two events all promises that can go on do: an
   * immediate of the real event loop comes when nothing else is left.
   */
  run(end: number, isOver: () => boolean = () => false): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = (): void => {
        try {
          if (this.#step(end, isOver)) setImmediate(step);
          else resolve();
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      setImmediate(step);
    });
  }

  #step(end: number, isOver: () => boolean): boolean {
    if (isOver()) return false;
    while (this.#heap[0] !== undefined && this.#heap[0].call === undefined) this.#pop();
    const next = this.#heap[0];
    if (next === undefined || next.at > end) {
      this.#now = Math.max(this.#now, end);
      return false;
    }
    this.#pop();
    this.#now = Math.max(this.#now, next.at);
    this.events++;
    try {
      next.call!();
    } catch (error) {
      this.onFault(error);
    }
    return true;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isBefore(entry, heap[above]!)) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below++;
      if (!isBefore(heap[below]!, last)) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = last;
  }
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

/** One run of the relay's process, from its start to its end. What belongs to it does nothing any more once it is dead. */
export interface Life {
  readonly number: number;
  isDead: boolean;
}

/** When a world begins by its wall clock: `Sat, 21 Nov 2026 00:00:00 +0000`. */
export const START: Instant = Date.UTC(2026, 10, 21);

/** Whoever looks at the clock has something to do: it goes on by this, so that work takes time, the same in each run. */
const LOOK_MS = 0.05;

/** The machine's clocks as one process sees them; the wall clock may be set. */
export class SimClock implements Clock {
  readonly #timeline: Timeline;
  readonly #wall: { readonly offset: Duration };
  readonly #life: Life;

  constructor(timeline: Timeline, wall: { readonly offset: Duration }, life: Life) {
    this.#timeline = timeline;
    this.#wall = wall;
    this.#life = life;
  }

  now(): Instant {
    return Math.floor(START + this.#timeline.now + this.#wall.offset);
  }

  monotonic(): number {
    this.#timeline.takes(LOOK_MS);
    return this.#timeline.now;
  }

  after(delay: Duration, call: () => void): Timer {
    if (this.#life.isDead) return { cancel: () => undefined };
    return this.#timeline.after(delay, () => {
      if (!this.#life.isDead) call();
    });
  }

  soon(call: () => void): void {
    this.after(0, call);
  }
}
