import * as fc from "fast-check";
import { expect, test } from "vitest";
import { utf8 } from "../base/bytes.ts";
import { encodeBase64 } from "../smtp/sasl.ts";
import { decodeWords } from "./encoded-word.ts";

test.each([
  ["plain text = 1?", "plain text = 1?"],
  ["=?utf-8?B?R3LDvMOfZQ==?=", "Gr\u00fc\u00dfe"],
  ["=?UTF-8*de?q?Gr=C3=BC=c3=9fe_an_alle?=", "Gr\u00fc\u00dfe an alle"],
  ["Re: =?iso-8859-1?Q?Gr=FC=DFe?= again", "Re: Gr\u00fc\u00dfe again"],
  ["=?utf-8?Q?a?= =?utf-8?Q?b?=", "ab"],
  ["=?utf-8?Q?a?=\r\n =?iso-8859-1?Q?=FC?= c", "a\u00fc c"],
  ["=?utf-8?Q?a=C3?= =?utf-8?Q?=BC?=", "a\u00fc"], // a character cut in two
  ["=?utf-8?Q?=FF?= =?utf-8?Q?a?=", "=?utf-8?Q?=FF?= =?utf-8?Q?a?="], // no UTF-8
  ["=?koi8-r?Q?=C1?= =?utf-8?Q?a?=", "=?koi8-r?Q?=C1?= a"],
  ["=?utf-8?Q?a?= =?utf-8?B?x?= =?utf-8?Q?b?=", "a =?utf-8?B?x?= b"],
  ["=?windows-1252?Q?=FC?= =?windows-1252?Q?=80?=", "=?windows-1252?Q?=FC?= =?windows-1252?Q?=80?="],
  ["=?windows-1252?Q?=FC?=", "\u00fc"],
  ["=?utf-8?X?a?= =?utf-8?Q?a b?= =?utf-8?Q?cut", "=?utf-8?X?a?= =?utf-8?Q?a b?= =?utf-8?Q?cut"],
])("%j reads %j", (came, shown) => {
  expect(decodeWords(came)).toBe(shown);
});

test("any text comes back from its words, and nothing throws", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(decodeWords(`=?utf-8?B?${encodeBase64(utf8(text))}?=`)).toBe(text);
    }),
  );
  const noise = fc.constantFrom("=?", "?=", "utf-8", "?Q?", "?b?", "=C3", "=", "?", " ", "_", "a", "\r\n ");
  fc.assert(fc.property(fc.string({ unit: noise }), (text) => typeof decodeWords(text) === "string"));
});
