import { OUTBOUND } from "../core/base/limits.ts";
import { RecentMap } from "../core/base/recent-map.ts";
import type { Clock } from "../ports/clock.ts";

/**
 * Addresses that offer STARTTLS and cannot do it. Where TLS is no condition they get mail in clear, for a while without
 * another try that costs them and us a connection.
 */
export class BrokenTls {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #until = new RecentMap<string, number>(OUTBOUND.brokenTlsMax);

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  remember(address: string): void {
    this.#until.set(address, this.#clock.monotonic() + OUTBOUND.brokenTlsFor);
  }

  has(address: string): boolean {
    return (this.#until.get(address) ?? 0) > this.#clock.monotonic();
  }
}
