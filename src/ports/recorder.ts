import type { Event } from "../core/events.ts";

/** Where events go: to the log, later also to metrics. Never blocks, never throws. */
export interface Recorder {
  record(event: Event): void;
}
