import { expect, test } from "vitest";
import { type Arrived, type Call, unexplained } from "./second-copies.ts";

const CALL: Call = { recipient: "r@b.test", from: 9000, to: 11_000 };
/** The first relay is killed during the call, the second one is not. */
const KILLED_AT = [10_000, Number.POSITIVE_INFINITY];

function copy(id: string, loggedAt: number, more: Partial<Arrived> = {}): Arrived {
  return { id, loggedAt, isSpooled: false, epoch: loggedAt > 10_000 ? 1 : 0, ...more };
}

test.each<[what: string, copies: readonly Arrived[]]>([
  ["one", [copy("a", 9500)]],
  ["one again, of a relay that was killed at the answer", [copy("a", 9990), copy("a", 12_000)]],
  ["one again, where the sink read the first after the kill", [copy("a", 10_300, { epoch: 0 }), copy("a", 12_000)]],
  [
    "one committed without an answer, and the one of the spool",
    [copy("a", 9990), copy("b", 12_000, { isSpooled: true })],
  ],
])("explained: %s", (_, copies) => {
  expect(unexplained(CALL, copies, KILLED_AT)).toEqual([]);
});

const AGAIN = ["r@b.test: a came again without a kill"];
const TWO = ["r@b.test: 2 messages of one call"];

test.each<[what: string, copies: readonly Arrived[], found: readonly string[], call?: Partial<Call>]>([
  ["a file that is taken twice", [copy("a", 9990, { isSpooled: true }), copy("b", 12_000, { isSpooled: true })], TWO],
  ["two that the relay took from one call", [copy("a", 9990), copy("b", 12_000)], TWO],
  [
    "one in the spool though nothing was killed",
    [copy("a", 9990), copy("b", 12_000, { isSpooled: true })],
    TWO,
    { to: 9999 },
  ],
  ["an answer long before the kill", [copy("a", 7000), copy("a", 12_000)], AGAIN],
  ["twice from one relay, around the kill", [copy("a", 9990), copy("a", 10_200, { epoch: 0 })], AGAIN],
  ["twice from a relay that was not killed", [copy("a", 11_000), copy("a", 12_000)], AGAIN],
])("not explained: %s", (_, copies, found, more = {}) => {
  expect(unexplained({ ...CALL, ...more }, copies, KILLED_AT)).toEqual(found);
});
