import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { converted, decoded, latin1, lines } from "../../../test/support/conversions.ts";
import { MIME } from "../base/limits.ts";
import { ConversionPlanner } from "./conversion.ts";

// Whatever a message is, also one that is made to cost much.

test("a header without end, in one line or in many, is refused and costs no memory", () => {
  const part = (header: string): string =>
    lines("Content-Type: multipart/mixed; boundary=b", "", "--b", header, "", "\xe9");
  const tooLong = `impossible: a header in it has more than ${MIME.headerOctetsMax} octets`;
  for (const step of [1 << 20, 5000]) {
    expect(converted(part(`X: ${"x".repeat(MIME.headerOctetsMax)}`), step)).toBe(tooLong);
    expect(converted(part(lines(...Array.from({ length: 60_000 }, () => "X: x"))), step)).toBe(tooLong);
  }
});

test("parts inside parts, without end, are refused and cost no memory", () => {
  const deep = Array.from({ length: 200 }, (_, at) =>
    lines(`Content-Type: multipart/mixed; boundary=b${at}`, "", `--b${at}`),
  ).join("");
  expect(converted(`${deep}\xe9`)).toContain("too deep");
});

describe("whatever a message is", () => {
  const line = fc.oneof(
    fc.constantFrom(
      "",
      "--b",
      "--b--",
      "--c",
      "--c--",
      "Content-Type: multipart/mixed; boundary=b",
      'Content-Type: multipart/mixed; boundary="c"',
      "Content-Type: message/rfc822",
      "Content-Type: text/plain",
      "Content-Transfer-Encoding: 8bit",
      "x ",
      ".",
      "=3D",
    ),
    fc.string({ unit: fc.constantFrom("a", "\xe9", " ", "\t", "=", "-", "\0"), maxLength: 90 }),
  );
  const message = fc.array(line, { maxLength: 30 }).map((all) => lines(...all));

  test("the result is 7-bit, its lines are short, and a second conversion changes nothing", () => {
    fc.assert(
      fc.property(message, (text) => {
        const found = converted(text);
        if (found.startsWith("impossible: ")) return;
        expect(/^[\0-\x7f]*$/.test(found)).toBe(true);
        for (const one of found.split("\r\n")) expect(one.length).toBeLessThanOrEqual(998);
        expect(converted(found)).toBe(found);
      }),
      { numRuns: 500 },
    );
  });

  test("how it is cut does not matter", () => {
    fc.assert(
      fc.property(message, fc.integer({ min: 1, max: 50 }), (text, step) => {
        expect(converted(text, step)).toBe(converted(text));
      }),
      { numRuns: 500 },
    );
  });

  test("a body of any octets comes back", () => {
    const body = fc.array(fc.string({ unit: fc.constantFrom("a", "\xe9", " ", "\t", "=", "\0", "."), maxLength: 90 }));
    fc.assert(
      fc.property(body, fc.constantFrom("text/plain", "image/png"), (all, type) => {
        const text = lines(...all);
        const found = converted(lines("MIME-Version: 1.0", `Content-Type: ${type}`, "", text).slice(0, -2));
        expect(decoded(found)).toBe(text);
      }),
      { numRuns: 500 },
    );
  });
});

test("a header of nothing but opened comments costs a moment, not minutes", () => {
  const header = `Content-Transfer-Encoding: ${"((((((((((((\r\n ".repeat(15_000)}\r\n\r\n`;
  const started = performance.now();
  const planner = new ConversionPlanner();
  planner.push(latin1(`${header}gr\xfc\xdfe\r\n`));
  planner.end();
  expect(performance.now() - started).toBeLessThan(2000);
});
