import { RecentMap } from "../base/recent-map.ts";
import type { Duration } from "../base/time.ts";

export type Allowed = "yes" | "first-refusal" | "no";

/**
 * So many messages for each key in each `per` that starts with the first; a message that was allowed once stays so.
 * Bounded: the keys that were quiet longest are forgotten, and so are the oldest messages, which count anew then.
 */
export class Allowance {
  readonly #most: number;
  readonly #per: Duration;
  readonly #counts: RecentMap<string, { readonly since: number; readonly count: number }>;
  readonly #allowed: RecentMap<string, true>;

  constructor(most: number, per: Duration, keysMax: number, messagesMax: number) {
    this.#most = most;
    this.#per = per;
    this.#counts = new RecentMap(keysMax);
    this.#allowed = new RecentMap(messagesMax);
  }

  /** `now` is monotonic. Of refusals the first in a period is told apart, so that it can be told once. */
  take(key: string, message: string, now: number): Allowed {
    if (this.#allowed.get(message) === true) return "yes";
    const found = this.#counts.get(key);
    const isOver = found === undefined || now - found.since >= this.#per;
    const count = isOver ? 1 : found.count + 1;
    this.#counts.set(key, { since: isOver ? now : found.since, count });
    if (count > this.#most) return count === this.#most + 1 ? "first-refusal" : "no";
    this.#allowed.set(message, true);
    return "yes";
  }
}
