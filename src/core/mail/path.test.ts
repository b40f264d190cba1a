import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type Mailbox, parseForwardPath, parseMailbox, parseReversePath, pathKey, pathText } from "./path.ts";

function mailbox(text: string): Mailbox {
  const parsed = parseMailbox(text);
  if (parsed.kind === "malformed") throw new Error(`${text}: ${parsed.why}`);
  return parsed;
}

test.each([
  ['"a b"@x.test', '"a b"', "x.test"],
  ['"a@y.test"@x.test', '"a@y.test"', "x.test"],
  ['"a@y.test x"@x.test', '"a@y.test x"', "x.test"],
  ['"a\\"b"@x.test', '"a\\"b"', "x.test"],
  ['"\\a"@x.test', "a", "x.test"],
  ['"a.b"@x.test', "a.b", "x.test"],
  ['"a..b"@x.test', '"a..b"', "x.test"],
  ['""@x.test', '""', "x.test"],
  ["a%y.test@x.test", "a%y.test", "x.test"],
  ["a@X.test.", "a", "x.test"],
])("%s: the domain is what follows the last @ that is not quoted", (text, localPart, domain) => {
  const parsed = mailbox(text);
  expect([parsed.localPart, parsed.domain.kind === "domain" && parsed.domain.ascii]).toEqual([localPart, domain]);
});

test.each([
  "",
  "@",
  "a",
  "a@",
  "@x",
  "a@b@c",
  '"a@x',
  '"a"b@x',
  '"a"',
  '"\\',
  "a b@x",
  "a\x7f@x",
  "a@[1.2.3.4",
  '"a\r"@x',
])("%j is no address", (text) => {
  expect(parseMailbox(text).kind).toBe("malformed");
});

test.each([
  ["<@one.test:a@x.test>", "a@x.test"],
  ["<@one.test,@two.test:a@x.test>", "a@x.test"],
  ['<@one.test:"b@y.test"@x.test>', '"b@y.test"@x.test'],
])("%s: of a source route nothing is left", (text, address) => {
  for (const parsed of [parseForwardPath(text), parseReversePath(text)])
    expect(parsed).toEqual({ kind: "path", path: mailbox(address), rest: "" });
});

test.each([
  "<@one.test>",
  "<@one.test:>",
  "<@:a@x.test>",
  "<@a,b:a@x.test>",
  "<@one.test:@two.test:a@x.test>",
  "<@one.test,:a@x.test>",
  "<@one.test:postmaster>",
])("%s is no path", (text) => {
  expect([parseForwardPath(text).kind, parseReversePath(text).kind]).toEqual(["malformed", "malformed"]);
});

test("what is made of an address is that address", () => {
  const local = fc.oneof(fc.stringMatching(/^[a-z!#$%]{1,8}$/), fc.stringMatching(/^"[a-z @.<>]{0,8}"$/));
  fc.assert(
    fc.property(local, fc.stringMatching(/^[a-z]{1,8}\.[A-Z]{1,8}$/), (localPart, domain) => {
      const once = mailbox(`${localPart}@${domain}`);
      expect(mailbox(once.text)).toEqual(once);
      expect(parseForwardPath(`<${once.text}> A=b`)).toEqual({ kind: "path", path: once, rest: "A=b" });
    }),
  );
});

test("any text is a path or is not, and what is one has no line end and a text that is it", () => {
  const odd = fc
    .array(fc.constantFrom("<", ">", '"', "\\", "@", "a", ".", " ", "[", "\r", "\n", "\u202e", "ü"))
    .map((p) => p.join(""));
  fc.assert(
    fc.property(fc.oneof(odd, fc.string({ unit: "binary" })), (text) => {
      for (const parsed of [parseForwardPath(text), parseReversePath(text), parseForwardPath(`<${text}>`)]) {
        if (parsed.kind === "malformed") continue;
        expect(pathText(parsed.path)).not.toMatch(/[\r\n\0]/);
        expect(pathKey(parsed.path)).not.toBe("");
      }
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ["u\u0308@x.test", "ü@X.TEST"],
  ["a@bücher.test", "a@xn--bcher-kva.test"],
  ["a@BÜCHER.test", "a@bu\u0308cher.test."],
  ["a@\uff58.test", "a@x.test"],
  ["a@\u212a.test", "a@k.test"],
  ['"a"@x.test', "a@x.test"],
  ["a@[IPv6:::1]", "a@[ipv6:::1]"],
])("%s and %s: spellings of one address have one key", (one, other) => {
  expect(pathKey(mailbox(one))).toBe(pathKey(mailbox(other)));
});

test("the case of a local part is the next hop's business", () => {
  expect(pathKey(mailbox("A@x.test"))).not.toBe(pathKey(mailbox("a@x.test")));
});

test("the null reverse-path and the postmaster are cases of their own", () => {
  expect(parseReversePath("<>")).toEqual({ kind: "path", path: { kind: "null" }, rest: "" });
  expect(parseForwardPath("<PostMaster>")).toEqual({ kind: "path", path: { kind: "postmaster" }, rest: "" });
  expect(parseForwardPath("<>").kind).toBe("malformed");
  expect([pathText({ kind: "null" }), pathText({ kind: "postmaster" })]).toEqual(["", "postmaster"]);
});
