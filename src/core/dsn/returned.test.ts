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

test.each([
  ["a NUL", "A: 1\0\r\nB: 2\r\n\r\nbody", "A: 1\r\nB: 2\r\n", "a NUL"],
  ["a lone LF", "A: 1\nB: 2\r\n\r\nbody", "A: 1\r\nB: 2\r\n", "a CR or LF alone"],
  ["an end of lone LFs, where the body begins", "A: 1\n\nbody\r\n\r\nmore", "A: 1\r\n", "a CR or LF alone"],
  ["a lone CR at the end of all", "A: 1\r", "A: 1\r\n", "a CR or LF alone"],
  [
    "a long line",
    `A: ${"x".repeat(2000)}\r\nB: 2\r\n\r\n`,
    `A: ${"x".repeat(995)}\r\nB: 2\r\n`,
    "a line of 2003 octets",
  ],
  ["a long line at the end", `A: ${"x".repeat(2000)}`, `A: ${"x".repeat(995)}`, "a line of 2003 octets"],
  ["a long line once its NULs are gone", `A: 1\0\r\n${"x".repeat(999)}`, `A: 1\r\n${"x".repeat(998)}`, "a NUL"],
])("a header with %s is mended", (_, text, expected, mended) => {
  const found = headerOf(utf8(text), 10_000);
  expect([octetText(found.octets), found.mended]).toEqual([expected, mended]);
});

test("a long line is not cut in a character, and what is wrong in the body alone mends nothing", () => {
  const found = headerOf(utf8(`A: x${"\u{1f600}".repeat(300)}\r\n`), 10_000);
  expect(new TextDecoder("utf-8", { fatal: true }).decode(found.octets)).toBe(`A: x${"\u{1f600}".repeat(248)}\r\n`);
  expect(headerOf(utf8("A: 1\r\n\r\nbody\0\n"), 100)).toEqual({
    kind: "header",
    octets: utf8("A: 1\r\n"),
    isCut: false,
  });
});
