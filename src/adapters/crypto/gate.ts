/** Who wants something done. */
export interface Comer {
  /** Those of one name share a line. */
  readonly line: string;
  /** Whether it does not wait any more. */
  isGone(): boolean;
}

interface Waiter {
  readonly comer: Comer;
  /** It may run, or has to go without. */
  answer(isIn: boolean): void;
}

/**
 * Lets so many tasks run at a time and so many wait; more are turned away. Lines take turns, and where there is no room the
 * longest line gives up its end: who sends many keeps its own waiting.
 */
export class Gate {
  readonly #runningMax: number;
  readonly #waitingMax: number;
  #running = 0;
  #waiting = 0;
  /** In the order of their turns. */
  readonly #lines = new Map<string, Waiter[]>();

  constructor(runningMax: number, waitingMax: number) {
    this.#runningMax = runningMax;
    this.#waitingMax = waitingMax;
  }

  /** What `task` resolves with, or undefined where too many wait already, or the comer went. */
  async run<T>(comer: Comer, task: () => Promise<T>): Promise<T | undefined> {
    if (this.#running < this.#runningMax) this.#running++;
    else if (!this.#makeRoom(comer.line) || !(await this.#turn(comer))) return undefined;
    try {
      return await task();
    } finally {
      this.#leave();
    }
  }

  #turn(comer: Comer): Promise<boolean> {
    return new Promise((resolve) => {
      this.#waiting++;
      const line = this.#lines.get(comer.line) ?? [];
      line.push({ comer, answer: resolve });
      this.#lines.set(comer.line, line);
    });
  }

  /** The place goes to whose turn it is, without being free in between. */
  #leave(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const isIn = !next.comer.isGone();
      next.answer(isIn);
      if (isIn) return;
    }
    this.#running--;
  }

  /** The first of the line whose turn it is, which goes behind the others. */
  #next(): Waiter | undefined {
    const [found] = this.#lines;
    if (found === undefined) return undefined;
    const [name, line] = found;
    const first = line.shift();
    this.#lines.delete(name);
    if (line.length > 0) this.#lines.set(name, line);
    this.#waiting--;
    return first;
  }

  /** Whether one more may wait in this line. */
  #makeRoom(name: string): boolean {
    if (this.#waiting < this.#waitingMax) return true;
    this.#dropGone();
    if (this.#waiting < this.#waitingMax) return true;
    let longest: Waiter[] = [];
    for (const line of this.#lines.values()) if (line.length > longest.length) longest = line;
    if (longest.length <= (this.#lines.get(name)?.length ?? 0) + 1) return false;
    longest.pop()!.answer(false);
    this.#waiting--;
    return true;
  }

  #dropGone(): void {
    for (const [name, line] of this.#lines) {
      const kept = line.filter(({ comer }) => !comer.isGone());
      for (const waiter of line) if (!kept.includes(waiter)) waiter.answer(false);
      this.#waiting -= line.length - kept.length;
      if (kept.length === 0) this.#lines.delete(name);
      else this.#lines.set(name, kept);
    }
  }
}
