import { withHashedAddresses } from "../../core/event-addresses.ts";
import { type Event, type EventLevel, isAtLeast } from "../../core/events.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Recorder } from "../../ports/recorder.ts";
import { addressHash } from "./address-hash.ts";

export interface EventRecorderOptions {
  /** `logs.level`: events below it are not written. */
  readonly level: EventLevel;
  /** `logs.addresses`: by this key they are hashed; undefined writes them as they are. */
  readonly logKey?: Uint8Array | undefined;
  readonly clock: Pick<Clock, "now">;
  /** `formatEvent`, or `formatForTerminal`. */
  readonly format: (event: Event, now: number) => string;
  /** Takes a whole line: a LineWriter in the main thread, a message to it in the others. Must not throw. */
  readonly sink: (line: string) => void;
}

/** Turns events into lines where they happen, so that only text crosses from thread to thread. */
export class EventRecorder implements Recorder {
  readonly #options: EventRecorderOptions;
  #level: EventLevel;
  #logKey: Uint8Array | undefined;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#level = options.level;
    this.#logKey = options.logKey;
  }

  /** From the next event on. */
  goBy({ level, logKey }: Pick<EventRecorderOptions, "level" | "logKey">): void {
    this.#level = level;
    this.#logKey = logKey;
  }

  record(event: Event): void {
    const { clock, format, sink } = this.#options;
    if (!isAtLeast(event.event, this.#level)) return;
    if (event.event === "log.withheld" && !isAtLeast(event.of, this.#level)) return; // nobody would have written it
    const shown = this.#logKey === undefined ? event : withHashedAddresses(event, addressHash(this.#logKey));
    sink(format(shown, clock.now()));
  }
}
