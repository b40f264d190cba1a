import { expect, test } from "vitest";
import { hour } from "../base/time.ts";
import { Allowance } from "./allowance.ts";

test("so many in an hour; the first refusal is told apart; then anew", () => {
  const allowance = new Allowance(2, hour, 10);
  expect([0, 1, 2, 3, hour - 1].map((now) => allowance.take("a", now))).toEqual([
    "yes",
    "yes",
    "first-refusal",
    "no",
    "no",
  ]);
  expect(allowance.take("b", 3)).toBe("yes");
  expect([hour, hour + 1, hour + 2].map((now) => allowance.take("a", now))).toEqual(["yes", "yes", "first-refusal"]);
});

test("who is busy is not forgotten for those who are not", () => {
  const allowance = new Allowance(5, hour, 3);
  const found = Array.from({ length: 50 }, (_, n) => {
    allowance.take(`other ${n}`, n);
    return allowance.take("victim", n);
  });
  expect(found.filter((allowed) => allowed === "yes")).toHaveLength(5);
});
