import { expect, test } from "vitest";
import { octetText, utf8 } from "../base/bytes.ts";
import { hasWholeHeader, headerOf } from "./returned.ts";

const header = (text: string, max = 1000): string => octetText(headerOf(utf8(text), max).octets);

test.each([
  ["a header and a body", "A: 1\r\nB: 2\r\n\r\nbody\r\n\r\nmore", "A: 1\r\nB: 2\r\n"],
  ["no body", "A: 1\r\nB: 2\r\n", "A: 1\r\nB: 2\r\n"],
  ["no header", "\r\nbody", ""],
  ["nothing", "", ""],
])("%s", (_, text, expected) => {
  expect(header(text)).toBe(expected);
});

test("a long one ends with a whole line", () => {
  expect(header("A: 1\r\nB: 2\r\nC: 3\r\n\r\n", 13)).toBe("A: 1\r\nB: 2\r\n");
  expect(header("A: 1\r\nB: 2\r\nC: 3\r\n\r\n", 12)).toBe("A: 1\r\nB: 2\r\n");
  expect(header("A: 1\r\nB: 2\r\nC: 3\r\n\r\n", 11)).toBe("A: 1\r\n");
  expect(header(`A: ${"x".repeat(50)}\r\n\r\n`, 11)).toBe("");
  const isCut = (max: number): boolean => headerOf(utf8("A: 1\r\nB: 2\r\n\r\nbody"), max).isCut;
  expect([isCut(11), isCut(12), isCut(13)]).toEqual([true, false, false]);
});

test("more is needed until the empty line came", () => {
  expect(hasWholeHeader(utf8("A: 1\r\n\r"))).toBe(false);
  expect(hasWholeHeader(utf8("A: 1\r\n\r\n"))).toBe(true);
  expect(hasWholeHeader(utf8("\r\nx"))).toBe(true);
});
