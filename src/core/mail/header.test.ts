import * as fc from "fast-check";
import { expect, test } from "vitest";
import { octets } from "../../../test/support/listener.ts";
import { INBOUND } from "../base/limits.ts";
import { type HeaderFacts, HeaderExaminer } from "./header.ts";

function facts(content: string, size = content.length + 1): HeaderFacts {
  const examiner = new HeaderExaminer();
  for (let at = 0; at < content.length; at += size) examiner.examine(octets(content.slice(at, at + size)));
  return examiner.finish();
}

test("trace fields count however they are written, and only in the header", () => {
  const header =
    "Received: a\r\n\tb\r\nRECEIVED: c\r\nreceived : d\r\nReCeIvEd\t:e\r\nX-Received: f\r\n Received: g\r\n";
  expect(facts(`${header}\r\nReceived: h\r\n`).received).toBe(4);
});

test("what a message has and what it lacks", () => {
  const header = "Date: now\r\nMessage-ID: <a@b>\r\nSubject: one\r\n two\r\nDKIM-Signature: v=1\r\n";
  expect(facts(`${header}\r\nbody`)).toEqual({
    received: 0,
    hasDate: true,
    hasMessageId: true,
    hasDkimSignature: true,
    isInternational: false,
    isTooLong: false,
    needsSeparator: false,
    subject: "one two",
  });
  expect(facts("Subject: a\r\n\r\nDate: x\r\n")).toMatchObject({ hasDate: false, hasMessageId: false });
});

test.each([
  ["", false],
  ["\r\nbody\r\n", false],
  ["Subject: a\r\n", false],
  ["Subject: a\r\nnot a field\r\n", false],
  ["no header at all\r\n", true],
  ["no header at all", true],
  [" starts with white space: x\r\n", true],
  ["\tx: y\r\nSubject: a\r\n", true],
  [": no name\r\n", true],
  ["Na me: x\r\n", true],
  ["N\x01: x\r\n", true],
  ["caf\xe9: x\r\n", true],
])("%j needs an empty line after what is put before it: %s", (content, needsSeparator) => {
  expect(facts(content).needsSeparator).toBe(needsSeparator);
});

test("8-bit octets count in the header only", () => {
  expect(facts("Subject: caf\xc3\xa9\r\n\r\nx").isInternational).toBe(true);
  expect(facts("Subject: cafe\r\n\r\ncaf\xe9").isInternational).toBe(false);
});

test("a subject in raw UTF-8 is read as that, also where it is cut; other octets are characters each", () => {
  expect(facts("Subject: caf\xc3\xa9\r\n \xc3\xbc\r\n\r\n").subject).toBe("café ü");
  expect(facts("Subject: caf\xe9\r\n\r\n").subject).toBe("caf\xe9");
  for (const shift of ["", "a"])
    expect(facts(`Subject: ${shift}${"\xc3\xa9".repeat(400)}\r\n\r\n`).subject).toMatch(/^a?é+$/);
});

test("a header without end is too long, and what is kept of it is bounded", () => {
  const long = facts(`Subject: ${"x".repeat(2000)}\r\n${"A: b\r\n".repeat(INBOUND.headerOctetsMax / 6)}`);
  expect(long.isTooLong).toBe(true);
  expect(long.subject.length).toBeLessThanOrEqual(600);
});

test("the facts do not depend on how the content is cut", () => {
  const part = fc.constantFrom(
    "Received",
    "subject",
    ":",
    " ",
    "\r\n",
    "\t",
    "a",
    "\xff",
    "Date: x\r\n",
    "\r\n\r\n",
    "x".repeat(700),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 25 }), fc.integer({ min: 1, max: 9 }), (parts, size) => {
      const content = parts.join("");
      expect(facts(content, size)).toEqual(facts(content));
    }),
    { numRuns: 1000 },
  );
});
