import { createHmac, randomBytes } from "node:crypto";
import type { Duration } from "../../core/base/time.ts";
import type { Clock } from "../../ports/clock.ts";

export interface RememberedLoginsOptions {
  readonly clock: Pick<Clock, "monotonic">;
  readonly countMax: number;
  readonly lifetime: Duration;
}

/** Successful logins as keyed digests, so that no password stays in memory for their sake. The oldest goes first. */
export class RememberedLogins {
  readonly #key = randomBytes(32);
  readonly #until = new Map<string, number>();
  readonly #options: RememberedLoginsOptions;

  constructor(options: RememberedLoginsOptions) {
    this.#options = options;
  }

  has(username: string, password: string): boolean {
    const digest = this.#digest(username, password);
    const until = this.#until.get(digest);
    if (until === undefined) return false;
    if (until > this.#options.clock.monotonic()) return true;
    this.#until.delete(digest);
    return false;
  }

  add(username: string, password: string): void {
    const digest = this.#digest(username, password);
    this.#until.delete(digest); // so that it is the youngest again
    this.#until.set(digest, this.#options.clock.monotonic() + this.#options.lifetime);
    if (this.#until.size <= this.#options.countMax) return;
    const [oldest] = this.#until.keys();
    this.#until.delete(oldest!);
  }

  #digest(username: string, password: string): string {
    // Neither has a NUL (core/smtp/sasl.ts), so that no two pairs make one text.
    return createHmac("sha256", this.#key).update(`${username}\0${password}`).digest("base64");
  }
}
