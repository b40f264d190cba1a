import * as fc from "fast-check";
import { expect, test } from "vitest";
import { dateTime } from "../base/time.ts";
import { dateAmong, parseDate } from "./date.ts";

const AT = Date.UTC(2026, 10, 21, 23, 5, 39);

test("what we write ourselves is read as it was meant", () => {
  const seconds = fc.integer({ min: 0, max: 253_402_300_799 });
  fc.assert(
    fc.property(seconds, (time) => {
      expect(parseDate(dateTime(time * 1000))).toEqual({ kind: "known", at: time * 1000, notes: [] });
    }),
  );
});

test.each([
  ["Sat, 21 Nov 2026 23:05:39 +0000", []],
  ["21 Nov 2026 23:05:39 -0000", []],
  ["Sat, 21 Nov 2026 15:05:39 -0800", []],
  ["Sun, 22 Nov 2026 04:35:39 +05:30", []],
  ["Saturday, 21 November 2026 23:05:39 GMT", []],
  ["Sat, 21 Nov 26 23:05:39 +0000", ["the year is written as 26"]],
  ["Sat, 21 Nov 126 23:05:39 +0000", ["the year is written as 126"]],
  ["Fri, 21 Nov 2026 23:05:39 +0000", ["the day of the week is not the date's"]],
  ["Sat, 21 Nov 2026 18:05:39 EST", ["the zone is written as EST"]],
  ["Sat Nov 21 23:05:39 UTC 2026", []],
  ["Sun Nov 22 00:05:39 2026 +0100", []],
  ["21-Nov-2026 23:05:39 +0000", []],
  ["2026-11-21T23:05:39Z", ["written as ISO 8601 has it, not as RFC 5322", "the zone is written as Z"]],
  ["2026-11-22 00:05:39.5+01:00", ["written as ISO 8601 has it, not as RFC 5322"]],
])("%s", (text, notes) => {
  expect(parseDate(text)).toEqual({ kind: "known", at: AT, notes });
});

test("a year of two digits, or three (RFC 5322 section 4.3)", () => {
  const year = (text: string): number => {
    const date = parseDate(`1 Jan ${text} 00:00 +0000`);
    return date.kind === "known" ? new Date(date.at).getUTCFullYear() : 0;
  };
  expect(["00", "49", "50", "99", "100", "2026"].map(year)).toEqual([2000, 2049, 1950, 1999, 2000, 2026]);
});

test.each([
  "Sat, 21 Nov 2026 23:05:39",
  "Sat, 21 Nov 2026 23:05:39 IST",
  "Sat Nov 21 23:05:39 2026",
  "1 Jan 2026 0:00 +2460",
])("%s may be any time of a day", (text) => {
  expect(parseDate(text)).toMatchObject({ kind: "vague", notes: [expect.any(String)] });
});

test.each([
  "31 Nov 2026 10:00:00 +0000",
  "21 Nov 2026 24:00:00 +0000",
  "21 Foo 2026 10:00:00 +0000",
  "yesterday",
  "2026-02-30T10:00:00Z",
  "21 Nov 0000 10:00:00 +0000",
  "21 Nov 0026 10:00:00 +0000",
  "Sat Nov 21 10:00:00 UTC 0026",
  "0000-11-21T10:00:00Z",
])("%s is none", (text) => {
  expect(parseDate(text)).toEqual({ kind: "broken", text });
});

test("none at all", () => {
  expect(parseDate(" , ")).toEqual({ kind: "missing" });
});

test("one that stands among other words", () => {
  expect(dateAmong("id 7 Sat 21 Nov 2026 23:05:39 +0000".split(" "))).toMatchObject({ from: 2, date: { at: AT } });
  expect(dateAmong("popper 1998/05/13 Sat Nov 21 23:05:39 2026".split(" "))).toMatchObject({
    from: 2,
    date: { kind: "vague" },
  });
  expect(dateAmong("from may to june 21".split(" "))).toBeUndefined();
});

test("any text gives a date or none, and never a throw", () => {
  const words = fc.array(
    fc.oneof(
      fc.constantFrom(
        "Sat,",
        "21",
        "Nov",
        "2026",
        "10:00:00",
        "+0000",
        "EST",
        "-",
        "2026-11-21T",
        "99:99:99",
        "+9999",
        "0",
      ),
      fc.string({ maxLength: 8 }),
    ),
    { maxLength: 9 },
  );
  fc.assert(
    fc.property(words, (each) => {
      const text = each.join(" ");
      expect(["known", "vague", "broken", "missing"]).toContain(parseDate(text).kind);
      dateAmong(text.split(" "));
    }),
  );
});
