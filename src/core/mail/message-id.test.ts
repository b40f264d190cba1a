import * as fc from "fast-check";
import { expect, test } from "vitest";
import { isMessageId, messageId, timeOf } from "./message-id.ts";

const chance = fc.uint8Array({ minLength: 5, maxLength: 5 });
const time = fc.integer({ min: 0, max: Date.UTC(2500, 0) });

test("an id says when it was made, and later ones sort later", () => {
  fc.assert(
    fc.property(time, time, chance, chance, (one, other, a, b) => {
      const [first, second] = [messageId(one, a), messageId(other, b)];
      expect(isMessageId(first)).toBe(true);
      expect(timeOf(first)).toBe(one);
      if (one < other) expect(first < second).toBe(true);
    }),
  );
});

test("other chance, other id", () => {
  const ids = Array.from({ length: 256 }, (_, i) => messageId(1, Uint8Array.of(0, 0, 0, 0, i)));
  expect(new Set(ids).size).toBe(256);
});

test.each([
  "",
  "../../etc/passwd",
  "%2e%2e",
  "0UzvMQ2k00000",
  "0UzvMQ2k0000011",
  "0UzvMQ2k00000\n",
  "0UzvMQ2k00000/",
  "0UzvMQ2k000001\n",
])("%j: nothing else is an id", (text) => {
  expect(isMessageId(text)).toBe(false);
});

test("too little chance is a bug", () => {
  expect(() => messageId(0, new Uint8Array(4))).toThrow("five octets");
});
