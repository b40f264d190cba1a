import * as der from "../../../src/adapters/crypto/der.ts";
import { type Chance, between } from "../../support/chance.ts";
import { type Target, chanceOf, holds, octetsOf, oneOf, same, textOf } from "../target.ts";

// What is written of certificates.

interface Value {
  readonly tag: number;
  readonly content: Buffer;
  readonly end: number;
}

/** A reader of DER's own: X.690 section 8.1. */
function valueAt(octets: Buffer, at: number): Value {
  const tag = octets[at]!;
  const first = octets[at + 1]!;
  let [start, length] = [at + 2, first];
  if (first >= 0x80) {
    const count = first & 0x7f;
    length = 0;
    for (let n = 0; n < count; n++) length = length * 256 + octets[start + n]!;
    holds(count > 0 && octets[start] !== 0 && length >= 0x80, "a length has the shortest form", octets.subarray(0, 8));
    start += count;
  }
  holds(start + length <= octets.length, "a value has its contents", start + length, octets.length);
  return { tag, content: octets.subarray(start, start + length), end: start + length };
}

function only(octets: Buffer, tag: number, what: string): Buffer {
  const value = valueAt(octets, 0);
  same(value.tag, tag, `${what} has its tag`);
  same(value.end, octets.length, `${what} is one value`);
  return value.content;
}

function oidText(content: Buffer): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const octet of content) {
    arc = arc * 128 + (octet & 0x7f);
    if (octet < 0x80) {
      arcs.push(arc);
      arc = 0;
    }
  }
  const [first = 0, ...rest] = arcs;
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - 40 * root, ...rest].join(".");
}

const derTarget: Target = {
  name: "der",
  files: ["adapters/crypto/der.ts"],
  lengthMax: 70_000,
  seeds: ["", "\0", "\x7f", "\x80", "\xff", "x".repeat(127), "x".repeat(128), "x".repeat(255), "x".repeat(256)],
  tokens: ["\0", "\x7f", "\x80", "\xff", "\x01", "\u00e4", "\u{1f600}"],
  generate: (chance) => {
    const isLarge = chance() < 0.01; // a length of three octets and more
    const lengths = isLarge ? [65_534, 65_535, 65_536] : [0, 1, 2, 125, 126, 127, 128, 129, 253, 254, 255, 256, 257];
    return "y".repeat(oneOf(chance, lengths));
  },
  check(input) {
    const octets = octetsOf(input);
    const inner = der.octetString(octets);
    same(textOf(only(inner, 4, "an octet string")), textOf(octets), "octets stay");
    const two = valueAt(only(der.sequence(inner, der.TRUE), 0x30, "a sequence"), inner.length);
    same([two.tag, ...two.content], [1, 255], "and stand one behind the other");
    same(only(der.setOf(inner), 0x31, "a set").length, inner.length, "a set has its part");
    same(
      only(der.utf8String(input.toWellFormed()), 12, "a text").toString("utf8"),
      input.toWellFormed(),
      "a text stays",
    );
    const chance = chanceOf(input);
    const unused = between(chance, 0, 7);
    const bits = only(der.bitString(octets, unused), 3, "a bit string");
    same([bits[0], bits.length], [unused, octets.length + 1], "it says how many bits are unused");
    same(
      only(der.contextPrimitive(2, octets), 0x82, "a tagged value").length,
      octets.length,
      "a tagged value has its octets",
    );
    same(only(der.contextConstructed(3, inner), 0xa3, "a tagged value").length, inner.length, "and its inner one");
    const number = octets[0] === 0 && octets.length > 1 ? octets.subarray(0, 1) : octets;
    if (number.length > 0) {
      const content = only(der.unsignedInteger(number), 2, "a number");
      holds(content[0]! < 0x80, "a number is not negative", content);
      same(
        BigInt(`0x0${content.toString("hex")}`),
        BigInt(`0x0${Buffer.from(number).toString("hex")}`),
        "a number stays",
      );
      holds(content.length === 1 || content[0] !== 0 || content[1]! >= 0x80, "in its shortest form", content);
    }
    checkOid(chance);
    checkTime(chance);
  },
};

function checkOid(chance: Chance): void {
  const arc = (): number => oneOf(chance, [0, 1, 39, 47, 127, 128, 16_383, 16_384, 113_549, 2 ** 28, 2 ** 31]);
  const root = between(chance, 0, 2);
  const text = [
    root,
    root === 2 ? arc() : between(chance, 0, 39),
    ...Array.from({ length: between(chance, 0, 6) }, arc),
  ].join(".");
  same(oidText(only(der.oid(text), 6, "an object identifier")), text, "an object identifier stays");
}

/** RFC 5280 section 4.1.2.5. */
function checkTime(chance: Chance): void {
  const at = oneOf(chance, [
    Date.UTC(2049, 11, 31, 23, 59, 59),
    Date.UTC(2050, 0, 1),
    Date.UTC(2026, 0, between(chance, 1, 365), 1, 2, 3),
  ]);
  const octets = der.time(new Date(at + between(chance, 0, 999)));
  const isUtc = octets[0] === 0x17;
  same(isUtc, at < Date.UTC(2050, 0, 1), "until 2049 a year has two digits");
  const text = only(octets, isUtc ? 0x17 : 0x18, "a time").toString("latin1");
  const [, year = "", ...rest] = /^(\d\d|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? [];
  const [month = 0, day = 0, hours = 0, minutes = 0, seconds = 0] = rest.map(Number);
  same(
    Date.UTC(Number(isUtc ? `20${year}` : year), month - 1, day, hours, minutes, seconds),
    at,
    "a time stays, to the second",
  );
}

export const targets: readonly Target[] = [derTarget];
