import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseMailbox, type ReversePath } from "../mail/path.ts";
import { matches, parseAddressPattern, patternText, subjectOf } from "./address-pattern.ts";

function path(text: string): ReversePath {
  if (text === "") return { kind: "null" };
  const mailbox = parseMailbox(text);
  if (mailbox.kind === "malformed") throw new Error(`${text}: ${mailbox.why}`);
  return mailbox;
}

function isMatch(pattern: string, address: string): boolean {
  const parsed = parseAddressPattern(pattern);
  if (parsed === undefined) throw new Error(`${pattern} is no pattern`);
  return matches(parsed, subjectOf(path(address)));
}

test.each(["app@example.com", "@example.com", "@*.example.com", "*", "<>"])("%s is written as it was read", (text) => {
  expect(patternText(parseAddressPattern(text)!)).toBe(text);
});

describe("address patterns", () => {
  test.each([
    ["app@example.com", "app@example.com", true],
    ["app@example.com", "App@EXAMPLE.com", true],
    ["app@example.com", '"app"@example.com', true],
    ["app@example.com", "app@example.org", false],
    ["app@example.com", "app+tag@example.com", false],
    ["app@bücher.example", "app@xn--bcher-kva.example", true],
    ["a@[192.0.2.1]", "a@[192.0.2.1]", true],
    ["@example.com", "anyone@Example.Com", true],
    ["@example.com", "anyone@sub.example.com", false],
    ["@example.com", "anyone@badexample.com", false],
    ["@*.example.com", "anyone@a.b.example.com", true],
    ["@*.example.com", "anyone@example.com", false],
    ["@*.example.com", "anyone@badexample.com", false],
    ["@*.bücher.example", "x@shop.xn--bcher-kva.example", true],
    ["@example.com", "a@[192.0.2.1]", false],
    ["*", "anyone@anywhere.example", true],
    ["*", "", false],
    ["<>", "", true],
    ["<>", "a@example.com", false],
    ["@example.com", "", false],
  ])("%s and <%s>: %s", (pattern, address, expected) => {
    expect(isMatch(pattern, address)).toBe(expected);
  });

  test.each([
    "",
    "@",
    "@*",
    "@*.",
    "example.com",
    "a@",
    "*@example.com",
    "@a..b",
    "@[192.0.2.1]",
    "@*.*.example",
    "<a@b>",
  ])("%s is no pattern", (text) => {
    expect(parseAddressPattern(text)).toBeUndefined();
  });

  test("the postmaster without a domain matches `*` only", () => {
    const subject = subjectOf({ kind: "postmaster" });
    const patterns = ["*", "<>", "postmaster@example.com", "@example.com", "@*.example.com"];
    expect(patterns.filter((text) => matches(parseAddressPattern(text)!, subject))).toEqual(["*"]);
  });

  test("any text is a pattern or none, and never throws", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const pattern = parseAddressPattern(text);
        if (pattern !== undefined) matches(pattern, subjectOf(path("a@example.com")));
      }),
    );
  });
});
