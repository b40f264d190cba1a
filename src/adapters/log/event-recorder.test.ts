import { expect, test } from "vitest";
import { formatEvent } from "../../core/event-line.ts";
import type { Event } from "../../core/events.ts";
import { EventRecorder } from "./event-recorder.ts";
import { formatForTerminal } from "./terminal-line.ts";

const NOON = Date.UTC(2026, 10, 21, 12);
const DROPPED: Event = { event: "log.dropped", lines: 7 };

test("events at the level or above become lines with the time of the clock", () => {
  const lines: string[] = [];
  const options = { clock: { now: () => NOON }, format: formatEvent, sink: (line: string) => lines.push(line) };
  new EventRecorder({ ...options, level: "warn" }).record(DROPPED);
  new EventRecorder({ ...options, level: "error" }).record(DROPPED);
  expect(lines).toEqual([formatEvent(DROPPED, NOON)]);
});

test("lines that the level leaves out were not withheld", () => {
  const lines: string[] = [];
  const options = { clock: { now: () => NOON }, format: formatEvent, sink: (line: string) => lines.push(line) };
  const recorder = new EventRecorder({ ...options, level: "warn" });
  const withheld = (of: "session.refused" | "auth.failed"): Event => ({
    event: "log.withheld",
    of,
    client: undefined,
    lines: 7,
  });
  recorder.record(withheld("session.refused")); // info
  recorder.record(withheld("auth.failed"));
  expect(lines).toEqual([formatEvent(withheld("auth.failed"), NOON)]);
  recorder.goBy({ level: "info", logKey: undefined });
  recorder.record(withheld("session.refused"));
  expect(lines.length).toBe(2);
});

test("a terminal gets words instead of JSON, and no escape sequences but ours", () => {
  const event = { ...DROPPED, said: "550 \u001b[2J no", tags: ["a", "b c"], who: "" };
  expect(formatForTerminal(event, NOON, false)).toBe(
    '12:00:00.000 warn  log.dropped lines=7 said="550 \\\\x1b[2J no" tags=a,"b c" who=""\n',
  );
  expect(formatForTerminal(DROPPED, NOON, true)).toBe("12:00:00.000 \u001b[33mwarn \u001b[39m log.dropped lines=7\n");
});
