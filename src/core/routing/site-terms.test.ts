import { expect, test } from "vitest";
import { FREE_TERMS, type NamedEgress, termsThrough } from "./site-terms.ts";

const bulk: NamedEgress = { name: "bulk", source: undefined, ehloName: undefined, family: undefined };
const own = { source: "192.0.2.1", ehloName: "own.example", family: "ipv4" } as const;

function shown(said: Partial<NamedEgress>, by: typeof FREE_TERMS.egress = own) {
  const named = { ...bulk, ...said };
  return termsThrough((name) => (name === "bulk" ? named : undefined), "bulk", { ...FREE_TERMS, egress: by })?.egress;
}

test("what an egress leaves open is as the next hop has it", () => {
  expect(shown({})).toEqual(own);
  expect(shown({ ehloName: "bulk.example" })).toEqual({ ...own, ehloName: "bulk.example" });
  expect(shown({ source: "2001:db8::9", family: "ipv6" })).toEqual({
    source: "2001:db8::9",
    ehloName: "own.example",
    family: "ipv6",
  });
  expect(shown({ family: "ipv6" }, FREE_TERMS.egress)).toEqual({ ...FREE_TERMS.egress, family: "ipv6" });
});

test("an address of the next hop's own keeps to its family, whatever the egress permits", () => {
  expect(shown({ family: "any" })).toEqual(own);
});

test("the limits stay; without an egress all does, and one that is gone has no terms", () => {
  const terms = { ...FREE_TERMS, limits: { ...FREE_TERMS.limits, connectionsMax: 3 } };
  expect(termsThrough(() => ({ ...bulk, ehloName: "b" }), "bulk", terms)?.limits).toEqual(terms.limits);
  expect(termsThrough(() => undefined, undefined, terms)).toBe(terms);
  expect(termsThrough(() => undefined, "gone", terms)).toBeUndefined();
  expect(termsThrough(() => bulk, "bulk", undefined)).toBeUndefined();
});
