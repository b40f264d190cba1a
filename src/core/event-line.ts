import { printable } from "./base/printable.ts";
import type { Instant } from "./base/time.ts";
import { type Event, EVENTS, type EventLevel, type FieldValue } from "./events.ts";

type Field = readonly [name: string, value: Exclude<FieldValue, undefined>];

const SHOWN_ITEMS_MAX = 100; // a line stays readable; whatever lists more says so in a number of its own

function shown(value: Exclude<FieldValue, undefined>): Exclude<FieldValue, undefined> {
  if (typeof value === "string") return printable(value);
  if (typeof value !== "object") return value;
  const items = value.slice(0, SHOWN_ITEMS_MAX).map((item) => printable(item));
  return value.length > SHOWN_ITEMS_MAX ? [...items, "…"] : items;
}

/** The fields of the event in the order given, without its name and without those that are undefined; safe to show. */
export function shownFields(event: Event): readonly Field[] {
  const fields: Field[] = [];
  for (const [name, value] of Object.entries(event) as [string, FieldValue][]) {
    if (name !== "event" && value !== undefined) fields.push([name, shown(value)]);
  }
  return fields;
}

export function levelOf(event: Event): EventLevel {
  return EVENTS[event.event].level;
}

/** One JSON object and a line feed: `{"time":"2026-11-21T23:05:39.000Z","level":"warn","event":"log.dropped","lines":7}`. */
export function formatEvent(event: Event, now: Instant): string {
  let line = `{"time":"${timeText(now)}","level":"${levelOf(event)}","event":"${event.event}"`;
  for (const name in event) {
    if (name === "event") continue;
    const value = (event as unknown as Readonly<Record<string, FieldValue>>)[name];
    if (value === undefined) continue;
    line += `,"${name}":${typeof value === "number" ? value : JSON.stringify(shown(value))}`;
  }
  return `${line}}\n`;
}

let shownInstant: Instant = Number.NaN;
let shownTime = "";

/** ISO 8601; many events share a millisecond. */
function timeText(now: Instant): string {
  if (now !== shownInstant) {
    shownInstant = now;
    shownTime = new Date(now).toISOString();
  }
  return shownTime;
}
