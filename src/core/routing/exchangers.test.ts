import { describe, expect, test } from "vitest";
import { seeded } from "../../../test/support/chance.ts";
import { OUTBOUND } from "../base/limits.ts";
import { type Exchangers, type MxRecord, candidatesOf, exchangersOf } from "./exchangers.ts";

const mx = (...records: readonly [number, string][]): MxRecord[] =>
  records.map(([preference, exchange]) => ({ preference, exchange }));
const nobody = (): boolean => false;
const us = (exchange: string): boolean => exchange === "relay.example";

function names(found: Exchangers): string {
  return found.kind === "hosts" ? found.hosts.map(({ exchange }) => exchange).join(" ") : found.kind;
}

test.each<[string, MxRecord[], string]>([
  ["lower preferences come first", mx([30, "c"], [10, "a"], [20, "b"]), "a b c"],
  ["a null MX is no host", mx([0, ""]), "null-mx"],
  ["a null MX beside a host is an error of theirs, and the host counts", mx([0, ""], [10, "a"]), "a"],
  ["a host that stands twice is tried once, where it is better", mx([20, "a"], [10, "a"], [30, "b"]), "a b"],
  ["we and all behind us are left out", mx([10, "a"], [20, "relay.example"], [30, "b"]), "a"],
  ["so are our equals", mx([10, "a"], [20, "b"], [20, "relay.example"]), "a"],
  ["where nothing is before us the mail has arrived, or goes round", mx([10, "relay.example"], [20, "b"]), "ourselves"],
  ["our equals alone are no way either", mx([10, "a"], [10, "relay.example"]), "ourselves"],
])("%s", (_, records, expected) => {
  expect(names(exchangersOf(records, us, () => 0))).toBe(expected);
});

describe("equal preference", () => {
  test("each order comes as often as any other", () => {
    const chance = seeded(11);
    const counts = new Map<string, number>();
    const rounds = 6000;
    for (let round = 0; round < rounds; round++) {
      const order = names(exchangersOf(mx([5, "a"], [5, "b"], [5, "c"], [9, "z"]), nobody, chance));
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    const expected = rounds / 6;
    let chiSquare = 0;
    for (const [order, count] of counts) {
      expect(order).toMatch(/ z$/);
      chiSquare += (count - expected) ** 2 / expected;
    }
    expect(chiSquare).toBeLessThan(20.5); // 5 degrees of freedom, p = 0.001
  });
});

test("of a thousand records some are looked at, and ours counts wherever it stands", () => {
  const many = Array.from({ length: 1000 }, (_, at): [number, string] => [10, `h${at}`]);
  const found = exchangersOf(mx(...many), nobody, seeded(3));
  expect(found.kind === "hosts" && found.hosts.length).toBe(OUTBOUND.exchangersMax);
  expect(names(exchangersOf(mx(...many, [10, "relay.example"]), us, seeded(3)))).toBe("ourselves");
});

describe("what one attempt tries", () => {
  const host = (preference: number, exchange: string, ...addresses: readonly string[]) => ({
    preference,
    exchange,
    addresses,
  });
  const tried = (...hosts: readonly ReturnType<typeof host>[]): string =>
    candidatesOf(hosts, () => 0)
      .map(({ host: name, address }) => `${name}/${address}`)
      .join(" ");

  test("each address once, by the name of the host that is preferred", () => {
    expect(tried(host(20, "b", "1", "2"), host(10, "a", "1", "1"), host(30, "c", "2", "3"))).toBe("a/1 b/2 c/3");
  });

  test("an address that two hosts share does not count twice against the most of a host, or of all", () => {
    expect(tried(host(10, "a", "1", "2", "3", "4"), host(20, "b", "1", "2", "3", "5", "6", "7", "8"))).toBe(
      "a/1 a/2 a/3 b/5 b/6",
    );
    expect(OUTBOUND.addressesPerHostMax).toBe(3);
    expect(OUTBOUND.addressesPerAttemptMax).toBe(5);
  });
});
