import { LOGS } from "../core/base/limits.ts";
import { minute } from "../core/base/time.ts";
import type { Event } from "../core/events.ts";
import { subscriberOf } from "../core/policy/network.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { Recorder } from "../ports/recorder.ts";

/** What anybody who can connect may cause as often as it likes. */
type StrangerEvent = Extract<Event, { readonly event: "session.refused" | "session.failed" | "auth.failed" }>;

/** Of one event, in one minute. */
interface Tally {
  told: number;
  /** Of each client: those told, and those left out. A /64 of IPv6 is one client. */
  readonly clients: Map<string, { told: number; untold: number }>;
  /** Left out, of clients beyond those. */
  others: number;
}

/**
 * Tells what strangers do: the log is not theirs to fill (promise P7). Of each event so many lines a minute are written of one client,
 * and of all; what is left out is counted, and told when the minute is over.
 */
export class StrangerLog {
  readonly #clock: Clock;
  readonly #recorder: Recorder;
  /** Each event by itself: the level of the log may leave out one of them, and that must cost the others nothing. */
  readonly #tallies = new Map<StrangerEvent["event"], Tally>();
  #minute: Timer | undefined;

  constructor(clock: Clock, recorder: Recorder) {
    this.#clock = clock;
    this.#recorder = recorder;
  }

  tell(event: StrangerEvent): void {
    this.#minute ??= this.#clock.after(minute, () => this.finish());
    if (isTold(this.#tallyOf(event.event), subscriberOf(event.client))) this.#recorder.record(event);
  }

  /** Tells what was left out so far. */
  finish(): void {
    this.#minute?.cancel();
    this.#minute = undefined;
    for (const [of, { clients, others }] of this.#tallies) {
      for (const [client, { untold }] of clients) this.#withheld(of, client, untold);
      this.#withheld(of, undefined, others);
    }
    this.#tallies.clear();
  }

  #withheld(of: StrangerEvent["event"], client: string | undefined, lines: number): void {
    if (lines > 0) this.#recorder.record({ event: "log.withheld", of, client, lines });
  }

  #tallyOf(name: StrangerEvent["event"]): Tally {
    const found = this.#tallies.get(name);
    if (found !== undefined) return found;
    const tally: Tally = { told: 0, clients: new Map(), others: 0 };
    this.#tallies.set(name, tally);
    return tally;
  }
}

/** Whether one more line of the client is written; it is counted in any case. */
function isTold(tally: Tally, client: string): boolean {
  const known = tally.clients.get(client);
  if (known === undefined && tally.clients.size === LOGS.strangersNamedMax) {
    tally.others++;
    return false;
  }
  const counts = known ?? { told: 0, untold: 0 };
  if (known === undefined) tally.clients.set(client, counts);
  if (counts.told === LOGS.strangerLinesPerMinute || tally.told === LOGS.strangersLinesPerMinute) {
    counts.untold++;
    return false;
  }
  counts.told++;
  tally.told++;
  return true;
}
