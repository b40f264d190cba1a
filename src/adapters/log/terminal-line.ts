import { styleText } from "node:util";
import type { Instant } from "../../core/base/time.ts";
import { levelOf, shownFields } from "../../core/event-line.ts";
import type { Event, EventLevel } from "../../core/events.ts";

const COLOURS = { debug: "gray", info: "green", warn: "yellow", error: "red" } as const satisfies Record<
  EventLevel,
  string
>;

function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.map(valueText).join(",");
  const text = String(value);
  return text === "" || /[\s"=]/.test(text) ? JSON.stringify(text) : text;
}

/** An event for the eyes: `23:05:39.000 warn  log.dropped lines=7`, times in UTC as everywhere. */
export function formatForTerminal(event: Event, now: Instant, isColoured: boolean): string {
  const level = levelOf(event);
  const padded = level.padEnd(5);
  const shownLevel = isColoured ? styleText(COLOURS[level], padded, { validateStream: false }) : padded;
  const time = new Date(now).toISOString().slice(11, 23);
  const fields = shownFields(event).map(([name, value]) => ` ${name}=${valueText(value)}`);
  return `${time} ${shownLevel} ${event.event}${fields.join("")}\n`;
}
