import * as fc from "fast-check";
import { expect, test } from "vitest";
import { utf8 } from "../base/bytes.ts";
import { decodeBase64, encodeBase64, parsePlain, plainResponse, usernameOf } from "./sasl.ts";

test("base64 comes back, and is what others make of it", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (octets) => {
      const text = encodeBase64(octets);
      expect(text).toBe(btoa(String.fromCharCode(...octets)));
      expect(decodeBase64(text)).toEqual(octets);
    }),
  );
});

test("any text is base64 in its only spelling, or is not base64", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9+/= %-]{0,12}$/), (text) => {
      const octets = decodeBase64(text);
      if (octets !== undefined) expect(encodeBase64(octets)).toBe(text);
    }),
  );
});

test.each(["A", "AA", "AAA", "AA=A", "====", "AB==", "AAB=", "AA==AAAA", "AA AA===", "AA\n=", "AAA-"])(
  "%j is not base64",
  (text) => {
    expect(decodeBase64(text)).toBeUndefined();
  },
);

test("a PLAIN response comes back", () => {
  const word = fc.stringMatching(/^[a-z0-9@ü]{1,20}$/u);
  fc.assert(
    fc.property(word, word, (username, password) => {
      const octets = decodeBase64(plainResponse({ username, password }))!;
      expect(parsePlain(octets)).toEqual({
        attempt: { username: username.normalize("NFC"), password },
        isAsAnother: false,
      });
    }),
  );
});

test.each([
  "",
  "a",
  "\0a",
  "\0\0",
  "\0a\0",
  "\0\0p",
  "\0a\0p\0",
  "\0a\x01\0p",
  "\0a\u202eb\0p",
  `\0${"a".repeat(257)}\0p`,
  `\0a\0${"p".repeat(1025)}`,
])("%j is no PLAIN response", (text) => {
  expect(parsePlain(utf8(text))).toBeUndefined();
});

test.each(["b\0a\0p", "\x01\0a\0p"])("%j asks to act as somebody else", (text) => {
  expect(parsePlain(utf8(text))).toEqual({ attempt: { username: "a", password: "p" }, isAsAnother: true });
});

test("the own identity may be asked for by name", () => {
  expect(parsePlain(utf8("a\0a\0p"))).toEqual({ attempt: { username: "a", password: "p" }, isAsAnother: false });
});

test("composed and decomposed spellings are one name", () => {
  expect(usernameOf(utf8("u\u0308"))).toBe("ü");
  expect(parsePlain(utf8("ü\0u\u0308\0p"))).toEqual({
    attempt: { username: "ü", password: "p" },
    isAsAnother: false,
  });
});

test("octets that are not UTF-8 are no name and no password", () => {
  expect(parsePlain(Uint8Array.of(0, 0xff, 0, 0x61))).toBeUndefined();
  expect(parsePlain(Uint8Array.of(0, 0x61, 0, 0xff))).toBeUndefined();
});
