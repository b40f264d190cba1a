import { expect, test } from "vitest";
import { hour } from "../base/time.ts";
import { Allowance } from "./allowance.ts";

test("so many messages in an hour; the first refusal is told apart; then anew", () => {
  const allowance = new Allowance(2, hour, 10, 10);
  expect([0, 1, 2, 3, hour - 1].map((now) => allowance.take("a", `m${now}`, now))).toEqual([
    "yes",
    "yes",
    "first-refusal",
    "no",
    "no",
  ]);
  expect(allowance.take("b", "of b", 3)).toBe("yes");
  const later = [hour, hour + 1, hour + 2].map((now) => allowance.take("a", `m${now}`, now));
  expect(later).toEqual(["yes", "yes", "first-refusal"]);
});

test("a message that was allowed stays so, and counts once", () => {
  const allowance = new Allowance(2, hour, 10, 10);
  const found = ["m1", "m1", "m1", "m2", "m3", "m1", "m2", "m3"].map((message) => allowance.take("a", message, 0));
  expect(found).toEqual(["yes", "yes", "yes", "yes", "first-refusal", "yes", "yes", "no"]);
});

test("of many messages the oldest are forgotten, and count anew", () => {
  const allowance = new Allowance(4, hour, 10, 2);
  for (const message of ["m1", "m2", "m3"]) allowance.take("a", message, 0);
  expect(allowance.take("a", "m3", 0)).toBe("yes");
  expect([allowance.take("a", "m1", 0), allowance.take("a", "m4", 0)]).toEqual(["yes", "first-refusal"]);
});

test("who is busy is not forgotten for those who are not", () => {
  const allowance = new Allowance(5, hour, 3, 10);
  const found = Array.from({ length: 50 }, (_, n) => {
    allowance.take(`other ${n}`, `of other ${n}`, n);
    return allowance.take("victim", `of victim ${n}`, n);
  });
  expect(found.filter((allowed) => allowed === "yes")).toHaveLength(5);
});
