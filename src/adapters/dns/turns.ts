import { DNS } from "../../core/base/limits.ts";
import type { Clock, Timer } from "../../ports/clock.ts";

type State = "young" | "overdue" | "slow" | "ended";

interface Turn {
  state: State;
  timer: Timer | undefined;
  readonly ending: AbortController;
}

/** Why a lookup had no turn, or did not keep it. */
export const TOO_MANY = {
  waiting: "too many lookups wait already",
  slow: `no answer within ${DNS.youngFor} ms, and too many lookups take longer already`,
} as const;

/**
 * Who may ask now. A server that says nothing holds a lookup for seconds, and there may be thousands of those: each is
 * young for a moment, and after it one of the slow ones, who have bounds of their own, so that the young ones go on. Where
 * there are too many slow ones, and others wait, a young one whose time is over ends (as unbound's jostle-timeout does it).
 * Of those that wait the newest goes first: a crowd that came at once delays itself, and not what comes after it; and
 * a domain's second lookup, for the addresses of its hosts, does not queue up again behind everybody's first.
 */
export class Turns {
  readonly #clock: Pick<Clock, "after" | "soon">;
  /** The newest is the last. */
  readonly #waiting: ((turn: Turn | undefined) => void)[] = [];
  /** With those that are overdue. */
  #young = 0;
  /** Young ones that had their time, while nobody wanted their places; the oldest is the first. */
  readonly #overdue = new Set<Turn>();
  #slow = 0;
  #startedNow = 0;

  constructor(clock: Pick<Clock, "after" | "soon">) {
    this.#clock = clock;
  }

  /** Does `work` when it is its turn; the signal tells that the turn is over. Undefined where it had none. */
  async run<Result>(work: (ended: AbortSignal) => Promise<Result>): Promise<Result | undefined> {
    const turn = await new Promise<Turn | undefined>((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length > DNS.waitingMax) this.#waiting.shift()!(undefined);
      this.#work();
    });
    if (turn === undefined) return undefined;
    try {
      return await work(turn.ending.signal);
    } finally {
      this.#leave(turn);
      this.#work();
    }
  }

  #work(): void {
    while (this.#waiting.length > 0 && this.#startedNow < DNS.startsPerTurn && this.#makeRoom()) {
      if (this.#startedNow++ === 0) this.#clock.soon(() => this.#nextTurn());
      this.#start(this.#waiting.pop()!);
    }
  }

  #nextTurn(): void {
    this.#startedNow = 0;
    this.#work();
  }

  #start(resolve: (turn: Turn) => void): void {
    this.#young++;
    const turn: Turn = { state: "young", timer: undefined, ending: new AbortController() };
    turn.timer = this.#clock.after(DNS.youngFor, () => this.#grown(turn));
    resolve(turn);
  }

  /** True where one more may be young. */
  #makeRoom(): boolean {
    if (this.#young < DNS.youngMax) return true;
    const [oldest] = this.#overdue;
    if (oldest === undefined) return false;
    this.#leave(oldest);
    oldest.ending.abort(new Error(TOO_MANY.slow));
    return true;
  }

  #grown(turn: Turn): void {
    turn.state = "overdue";
    this.#overdue.add(turn);
    this.#slowDown();
    this.#work();
  }

  /** Overdue ones become slow where there is room. */
  #slowDown(): void {
    for (const turn of this.#overdue) {
      if (this.#slow >= DNS.slowMax) return;
      this.#overdue.delete(turn);
      turn.state = "slow";
      this.#young--;
      this.#slow++;
    }
  }

  #leave(turn: Turn): void {
    turn.timer?.cancel();
    this.#overdue.delete(turn);
    if (turn.state === "slow") this.#slow--;
    else if (turn.state !== "ended") this.#young--;
    turn.state = "ended";
    this.#slowDown();
  }
}
