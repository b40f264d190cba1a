import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseAddressList } from "./address-list.ts";

test.each<[name: string, text: string, addresses: readonly string[]]>([
  ["one", "a@b.test", ["a@b.test"]],
  ["without a domain", "root", ["root"]],
  ["several, with gaps", " a@b.test ,, c@d.test ", ["a@b.test", "c@d.test"]],
  ["a name", "Ann Bee <a@b.test>", ["a@b.test"]],
  ["a quoted name with comma and bracket", '"Bee, Ann <x@y.test>" <a@b.test>', ["a@b.test"]],
  ["a name that has a quote in it", '"Ann \\"Bee\\"" <a@b.test>', ["a@b.test"]],
  ["comments, nested", "a@b.test (Ann (the (first)) \\) Bee), (x, y@z.test) c@d.test", ["a@b.test", "c@d.test"]],
  ["a comment inside", "a(x)@(y)b.test", ["a@b.test"]],
  ["a comment in brackets", "Ann <a@b.test (work)>", ["a@b.test"]],
  ["a group", "Team: a@b.test, Cee <c@d.test>;, e@f.test", ["a@b.test", "c@d.test", "e@f.test"]],
  ["an empty group", "undisclosed-recipients:;", []],
  ["folded", "a@b.test,\r\n\tAnn\r\n Bee <c@d.test>", ["a@b.test", "c@d.test"]],
  ["white space around @ and dots", "a . b @ c . test", ["a.b@c.test"]],
  ["a quoted local part", '"a b, c"@d.test', ['"a b, c"@d.test']],
  ["a quoted local part with @", '<"a@b"@c.test>', ['"a@b"@c.test']],
  ["a literal", "a@[IPv6:::1], b@[192.0.2.1]", ["a@[IPv6:::1]", "b@[192.0.2.1]"]],
  ["an encoded name", "=?utf-8?Q?Ann_B=C3=A9?= <a@b.test>", ["a@b.test"]],
  ["a comma in an encoded word", "=?utf-8?Q?B=C3=A9,_Ann:_me?= <a@b.test>, c@d.test", ["a@b.test", "c@d.test"]],
  ["no encoded word in brackets", "<=?utf-8?Q?>, <?=@b.test>", ["=?utf-8?Q?", "?=@b.test"]],
  ["semicolons between", "a@b.test; c@d.test", ["a@b.test", "c@d.test"]],
  ["a route", "<@x.test,@y.test:a@b.test>", ["@x.test,@y.test:a@b.test"]],
  ["beyond ASCII", "Ünal <ü@b.test>", ["ü@b.test"]],
  ["a hyphen first", "-x@b.test", ["-x@b.test"]],
  ["nothing", "", []],
])("%s", (_, text, addresses) => {
  expect(parseAddressList(text)).toEqual({ kind: "addresses", addresses });
});

test.each([
  ['"a@b.test', "a quote has no end"],
  ["a@b.test (x", "a comment has no end"],
  ["Ann <a@b.test", "a < has no >"],
  ["a@b.test>", "a > has no < before it"],
  ["Ann <>", "an address is empty"],
  ["<a@b.test> <c@d.test>", "two addresses have no comma between them"],
  ["Team: a@b.test", "a group has no ; at its end"],
  ["a: b: c@d.test;", "a : stands where none belongs"],
  ["a@[1", "a [ has no ]"],
  ["=?utf-8?Q?Ann?=", "words stand where an address belongs; a name takes < > around the address"],
  ["root admin", "words stand where an address belongs; a name takes < > around the address"],
])("%s is malformed", (text, why) => {
  expect(parseAddressList(text)).toEqual({ kind: "malformed", why });
});

test("10,000 addresses, and hostile text, in linear time", () => {
  const many = Array.from({ length: 10_000 }, (_, at) => `"N ${at}" <r${at}@b.test>`).join(",\r\n ");
  const found = parseAddressList(many);
  expect(found.kind === "addresses" && found.addresses).toHaveLength(10_000);
  for (const piece of [
    "(",
    '"',
    "<",
    "[",
    "=?",
    "=?a?Q?",
    "\\",
    ",",
    ":",
    ";",
    " ",
    '"a" ',
    "a ",
    "(a)",
    "@.",
    "<a>,",
  ]) {
    const text = piece.repeat((256 * 1024) / piece.length);
    const started = performance.now();
    parseAddressList(text);
    expect(performance.now() - started, JSON.stringify(piece)).toBeLessThan(1000);
  }
});

test("any text is a list or malformed, and the addresses of a list are a list of themselves", () => {
  const pieces = fc.constantFrom(...Array.from('ab@.,;:<>()[]"\\ \t=?'), "=?utf-8?Q?", "\r\n ");
  fc.assert(
    fc.property(
      fc.array(pieces).map((all) => all.join("")),
      (text) => {
        const found = parseAddressList(text);
        if (found.kind === "malformed") return;
        const again = parseAddressList(found.addresses.map((address) => `<${address}>`).join(","));
        expect(again).toEqual(found);
      },
    ),
    { numRuns: 5000 },
  );
});
