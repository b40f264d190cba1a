import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasHidden } from "./base/printable.ts";
import { formatEvent, shownFields } from "./event-line.ts";
import { type Event, EVENTS, isAtLeast } from "./events.ts";

/** An event with a field that the catalogue does not have: what a later event may carry. */
function eventWith(fields: object): Event {
  return { event: "log.dropped", lines: 7, ...fields };
}

describe("event lines", () => {
  test("one JSON object a line, time, level and name first", () => {
    const line = formatEvent({ event: "log.dropped", lines: 7 }, Date.UTC(2026, 10, 21, 23, 5, 39));
    expect(line).toBe('{"time":"2026-11-21T23:05:39.000Z","level":"warn","event":"log.dropped","lines":7}\n');
  });

  test("a field without a value is left out", () => {
    expect(shownFields(eventWith({ peer: undefined, isTls: false }))).toEqual([
      ["lines", 7],
      ["isTls", false],
    ]);
  });

  test("a long list is cut", () => {
    const recipients = Array.from({ length: 1000 }, (_, i) => `u${i}@example.com`);
    const field = shownFields(eventWith({ recipients })).find(([name]) => name === "recipients");
    expect(field?.[1]).toHaveLength(101);
  });

  test("whatever a peer says stays on its line and shows what it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const line = formatEvent(eventWith({ said: text, all: [text] }), 0);
        expect(line.indexOf("\n")).toBe(line.length - 1);
        expect(hasHidden(line.slice(0, -1))).toBe(false);
        expect(JSON.parse(line)).toMatchObject({ event: "log.dropped", lines: 7 });
      }),
    );
  });
});

test("the level of an event decides whether it is written", () => {
  expect(EVENTS["log.dropped"].level).toBe("warn");
  expect(isAtLeast("log.dropped", "debug")).toBe(true);
  expect(isAtLeast("log.dropped", "warn")).toBe(true);
  expect(isAtLeast("log.dropped", "error")).toBe(false);
});
