import * as fc from "fast-check";
import net from "node:net";
import { expect, test } from "vitest";
import { isIpv4, isIpv6, parseAddressLiteral, parseDomain } from "./domain.ts";

test.each([
  ["Example.COM", "example.com"],
  ["bücher.test", "xn--bcher-kva.test"],
  ["XN--BCHER-KVA.test", "xn--bcher-kva.test"],
  ["faß.test", "xn--fa-hia.test"],
  ["1.2.3.test", "1.2.3.test"],
  ["3com", "3com"],
])("%s is %s: one name, however it is written", (text, ascii) => {
  expect(parseDomain(text)).toEqual({ kind: "domain", ascii, text });
});

test.each([
  "xn---ls8\u00aa",
  "xn--a\u00aa.test",
  "xn--a",
  "xn---",
  "xn--",
  "xn--abc-",
  "xn--99999999",
  "XN--A.test",
  "xn--ls8h-.test",
])("%s: A-labels that say nothing are no labels", (text) => {
  expect(parseDomain(text)).toBeUndefined();
});

test.each([
  "",
  ".",
  "a.",
  ".a",
  "a..b",
  "-a",
  "a-",
  "a_b",
  "a:25",
  "a/b",
  "a#b",
  "*.a",
  "127.0.0.1",
  "1",
  "a.1",
  "0x7f",
  "a。b",
  "a b",
  "a%41",
  "%41",
  "ü%2e",
])("%j is no domain", (text) => {
  expect(parseDomain(text)).toBeUndefined();
});

test("any text is a domain or is not, and what is one is one again", () => {
  const label = fc
    .array(fc.constantFrom("a", "-", "xn--", "ü", ".", "1", "ß", "\u200d", "。", "K"))
    .map((p) => p.join(""));
  fc.assert(
    fc.property(fc.oneof(label, fc.string({ unit: "binary" })), (text) => {
      const domain = parseDomain(text);
      if (domain === undefined) return;
      expect(domain.ascii).toMatch(/^[a-z0-9-]+(\.[a-z0-9-]+)*$/);
      expect(parseDomain(domain.ascii)?.ascii).toBe(domain.ascii);
    }),
    { numRuns: 2000 },
  );
});

test("addresses are what the system takes for addresses, without zones and short forms", () => {
  const near = fc
    .array(fc.constantFrom("0", "1", "255", "256", ".", ":", "::", "f", "ffff", "01"))
    .map((p) => p.join(""));
  fc.assert(
    fc.property(fc.oneof(near, fc.ipV4(), fc.ipV6()), (text) => {
      expect(isIpv4(text)).toBe(net.isIPv4(text));
      expect(isIpv6(text)).toBe(net.isIPv6(text));
    }),
    { numRuns: 3000 },
  );
});

test.each([
  "[127.1]",
  "[0x7f.1]",
  "[IPv6:1.2.3.4]",
  "[::1]",
  "[IPv6:fe80::1%eth0]",
  "[]",
  "[",
  "127.0.0.1",
  "[ 1.2.3.4]",
])("%s is no literal", (text) => {
  expect(parseAddressLiteral(text)).toBeUndefined();
});

test("literals", () => {
  expect(parseAddressLiteral("[192.0.2.1]")).toMatchObject({ address: "192.0.2.1", family: 4 });
  expect(parseAddressLiteral("[ipv6:::ffff:10.0.0.1]")).toMatchObject({ address: "::ffff:10.0.0.1", family: 6 });
});
