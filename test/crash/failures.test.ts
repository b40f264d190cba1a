import { expect, test } from "vitest";
import { type Witnesses, causeOf } from "./failures.ts";

const WITNESSES: Witnesses = {
  refused: new Set(["refused@dest.test"]),
  deferred: new Set(["late@dest.test"]),
  unanswered: new Set(["cut@dest.test"]),
  isNowhere: (domain) => domain === "null.test",
  hadNoAnswer: (domain) => domain === "broken.test",
  expireMs: 15_000,
  sentAt: () => 1000,
  toldAt: () => 16_100,
};

test("a refusal of a next hop, and the DNS that knows nobody, are reasons to fail", () => {
  expect(causeOf("refused@dest.test", false, WITNESSES)).toBe("refused");
  expect(causeOf("a@null.test", false, WITNESSES)).toBe("nowhere");
  expect(causeOf("a@dest.test", false, WITNESSES)).toBeUndefined();
});

test("age is one where somebody put it off, and the time has passed by another clock than the relay's", () => {
  expect(causeOf("late@dest.test", true, WITNESSES)).toBe("expired");
  expect(causeOf("a@broken.test", true, WITNESSES)).toBe("expired");
  expect(causeOf("cut@dest.test", true, WITNESSES)).toBe("expired");
  expect(causeOf("never-tried@dest.test", true, WITNESSES)).toBeUndefined();
  expect(causeOf("late@dest.test", true, { ...WITNESSES, toldAt: () => 15_900 })).toBeUndefined();
  expect(causeOf("late@dest.test", true, { ...WITNESSES, toldAt: () => undefined })).toBeUndefined();
  expect(causeOf("late@dest.test", false, WITNESSES)).toBeUndefined();
});
