import { FairQueue } from "./fair-queue.ts";
import { PRIORITIES, type Priority, TURNS } from "./priority.ts";

/** What waits for one thing, by priority and, within it, by key: each has its turns (priority.ts, fair-queue.ts). */
export class WaitingRoom<Key, Entry> {
  readonly #queues: Readonly<Record<Priority, FairQueue<Key, Entry>>> = {
    high: new FairQueue(),
    normal: new FairQueue(),
    low: new FairQueue(),
  };
  /** Turns that each still has in this round. */
  readonly #left: Record<Priority, number> = { ...TURNS };

  get length(): number {
    const { high, normal, low } = this.#queues;
    return high.length + normal.length + low.length;
  }

  push(priority: Priority, key: Key, entry: Entry): void {
    this.#queues[priority].push(key, entry);
  }

  /** It goes before all others of its key and priority. */
  unshift(priority: Priority, key: Key, entry: Entry): void {
    this.#queues[priority].unshift(key, entry);
  }

  shift(): Entry | undefined {
    const next = this.#turn() ?? this.#newRound();
    if (next === undefined) return undefined;
    this.#left[next]--;
    return this.#queues[next].shift();
  }

  /** Takes those that are wanted. */
  take(isWanted: (entry: Entry) => boolean): Entry[] {
    return PRIORITIES.flatMap((priority) => this.#queues[priority].take(isWanted));
  }

  /** Takes all whose key is wanted. */
  drain(isWanted?: (key: Key) => boolean): Entry[] {
    return PRIORITIES.flatMap((priority) => this.#queues[priority].drain(isWanted));
  }

  #turn(): Priority | undefined {
    return PRIORITIES.find((priority) => this.#queues[priority].length > 0 && this.#left[priority] > 0);
  }

  #newRound(): Priority | undefined {
    if (this.length === 0) return undefined;
    Object.assign(this.#left, TURNS);
    return this.#turn();
  }
}
