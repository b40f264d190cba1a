import * as fc from "fast-check";
import { domainToASCII } from "node:url";
import { expect, test } from "vitest";
import { decodePunycode } from "./punycode.ts";

test.each([
  ["bcher-kva", "bücher"],
  ["fiqs8s", "中国"],
  ["mxa", "α"],
  ["ls8h", "💩"],
  ["-", ""],
  ["", ""],
])("%s says %s", (text, said) => {
  expect(decodePunycode(text)).toBe(said);
});

test.each(["a-b", "99zzzz9999", "99999999999999999999", "abc_"])("%s says nothing", (text) => {
  expect(decodePunycode(text)).toBeUndefined();
});

test("it says what was encoded", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-zäöüéαβ中国д]{1,12}$/u), (label) => {
      const ascii = domainToASCII(label);
      if (ascii.startsWith("xn--")) expect(decodePunycode(ascii.slice(4))).toBe(label);
    }),
  );
});

test("any text is Punycode or is not", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z0-9-]{0,59}$/), (text) => {
      const said = decodePunycode(text);
      // Characters, not code units: four of "0b0daaa" are outside the basic plane.
      expect(said === undefined || Array.from(said).length <= text.length).toBe(true);
    }),
  );
});
