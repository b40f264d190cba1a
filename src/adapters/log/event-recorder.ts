import { type Event, type EventLevel, isAtLeast } from "../../core/events.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Recorder } from "../../ports/recorder.ts";

export interface EventRecorderOptions {
  /** `logs.level`: events below it are not written. */
  readonly level: EventLevel;
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

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#level = options.level;
  }

  setLevel(level: EventLevel): void {
    this.#level = level;
  }

  record(event: Event): void {
    const { clock, format, sink } = this.#options;
    if (isAtLeast(event.event, this.#level)) sink(format(event, clock.now()));
  }
}
