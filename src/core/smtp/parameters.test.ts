import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseMailParameters, parseRcptParameters } from "./parameters.ts";
import { renderReply } from "./reply.ts";
import { decodeXtext } from "./xtext.ts";

test("what MAIL may say", () => {
  const parsed = parseMailParameters("SIZE=0 body=8BITMIME SMTPUTF8 RET=hdrs ENVID=a+2Bb AUTH=<>");
  expect(parsed).toEqual({
    kind: "parameters",
    value: { smtpUtf8: true, declaredOctets: 0, body: "8bitmime", ret: "hdrs", envelopeId: "a+2Bb" },
  });
  expect(parseMailParameters("")).toEqual({ kind: "parameters", value: { smtpUtf8: false } });
});

test("what RCPT may say", () => {
  expect(parseRcptParameters("NOTIFY=delay,SUCCESS\tORCPT=rfc822;a@b", false)).toEqual({
    kind: "parameters",
    value: { notify: ["success", "delay"], originalRecipient: "rfc822;a@b" },
  });
});

test.each([
  ["SIZE=9999999999999999", "501 5.5.4"],
  ["ſIZE=1", "555 5.5.4"],
  ["=", "555 5.5.4"],
  ["SIZE=1 size=1", "501 5.5.4"],
  ["ENVID=a=b", "501 5.5.4"],
  ["ENVID=+4g", "501 5.5.4"],
  ["AUTH=nobody", "501 5.5.4"],
])("%j at MAIL is %s", (text, reply) => {
  const parsed = parseMailParameters(text);
  expect(parsed.kind === "refused" && renderReply(parsed.reply)).toMatch(new RegExp(`^${reply} `));
});

test.each([
  "utf-8;\\x{0D}",
  "utf-8;\\x{202E}a",
  "utf-8;\\x{D800}",
  "utf-8;\\x{110000}",
  "utf-8;\\x{zz}",
  ";a",
  "a b;c",
  "rfc822;",
])("ORCPT=%s is refused", (value) => {
  for (const isUtf8 of [false, true]) expect(parseRcptParameters(`ORCPT=${value}`, isUtf8).kind).toBe("refused");
});

test("ORCPT may be UTF-8 where SMTPUTF8 was given, and goes on in the form that needs none (RFC 6533 section 3)", () => {
  expect(parseRcptParameters("ORCPT=UTF-8;\u4e00@\u{1f4e7}.test", true)).toEqual({
    kind: "parameters",
    value: { originalRecipient: "UTF-8;\\x{4E00}@\\x{1F4E7}.test" },
  });
  for (const [value, isUtf8] of [
    ["utf-8;ü@x", false],
    ["rfc822;ü@x", true],
    ["ütf-8;a@x", true],
    ["\u212a;a@x", false], // a Kelvin sign, which is a k in lower case
    ["\u212a;a@x", true],
    ["utf-8;\u202ea@x", true],
    [`utf-8;${"\u4e00".repeat(100)}@x`, true],
  ] as const)
    expect(parseRcptParameters(`ORCPT=${value}`, isUtf8).kind).toBe("refused");
});

test("more parameters than anybody has are refused before they are looked at", () => {
  const parsed = parseMailParameters("SIZE=1 ".repeat(200));
  expect(parsed.kind === "refused" && renderReply(parsed.reply)).toBe("501 5.5.4 Too many parameters\r\n");
});

test("any text is parameters or a refusal of our own words", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      for (const parsed of [parseMailParameters(text), parseRcptParameters(text, true)])
        if (parsed.kind === "refused") expect(renderReply(parsed.reply)).toMatch(/^5(01|55) 5\.5\.4 [\x20-\x7e]+\r\n$/);
    }),
  );
});

test("xtext comes back, and any text is xtext or is not", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary-ascii" }), (text) => {
      const encoded = text.replace(
        /[^\x21-\x7e]|[+=]/g,
        (c) => `+${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
      );
      expect(decodeXtext(encoded)).toBe(text);
      expect(["string", "undefined"]).toContain(typeof decodeXtext(text));
    }),
  );
});
