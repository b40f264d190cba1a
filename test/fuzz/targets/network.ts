import { isIP } from "node:net";
import { addressOctets, contains, isLoopback, parseNetwork, subscriberOf } from "../../../src/core/policy/network.ts";
import { type Target, holds, same } from "../target.ts";

// What stands in a configuration for networks.

const NETWORKS = [
  "10.0.0.0/8",
  "0.0.0.0/0",
  "192.0.2.1",
  "192.0.2.1/32",
  "fd00::/8",
  "::/0",
  "::1",
  "::ffff:10.0.0.0/104",
  "2001:db8::/32",
  "10.1.0.0/8",
  "1.2.3.4/33",
  "1.2.3/8",
  "fe80::1%eth0",
  "1:2:3:4:5:6:7:8/128",
  "::1.2.3.4",
];

function prefixOf(octets: readonly number[], prefix: number): string {
  return octets
    .map((octet) => octet.toString(2).padStart(8, "0"))
    .join("")
    .slice(0, prefix);
}

const network: Target = {
  name: "network",
  files: ["core/policy/network.ts"],
  lengthMax: 200,
  seeds: NETWORKS,
  tokens: [
    ...NETWORKS,
    "/",
    ".",
    ":",
    "::",
    "0",
    "255",
    "256",
    "ffff",
    "/0",
    "/8",
    "/31",
    "/32",
    "/33",
    "/64",
    "/127",
    "/128",
    "/129",
    "%",
  ],
  generate: (chance) => {
    const n = (most: number): number => Math.floor(chance() * most);
    const prefix = n(34);
    const bits = ((n(2 ** 32) >>> 0) & (prefix === 0 ? 0 : -1 << Math.max(0, 32 - prefix - n(2)))) >>> 0;
    return `${[24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join(".")}/${prefix}`;
  },
  check(text) {
    const octets = addressOctets(text);
    same(octets !== undefined, isIP(text) !== 0 && !text.includes("%"), "an address is one to everybody");
    if (octets !== undefined) {
      same(octets.length, isIP(text) === 4 ? 4 : 16, "it has its octets");
      holds(
        octets.every((octet) => Number.isInteger(octet) && octet >= 0 && octet <= 255),
        "octets are octets",
        octets,
      );
      if (octets.length === 16) {
        const groups = Array.from({ length: 8 }, (_, at) => (octets[2 * at]! * 256 + octets[2 * at + 1]!).toString(16));
        same(
          new URL(`http://[${groups.join(":")}]`).hostname,
          new URL(`http://[${text}]`).hostname,
          "the same address",
        );
      } else same(octets.join("."), text, "the same address");
      same(
        isLoopback(text),
        octets.length === 4 ? octets[0] === 127 : octets.join() === `${"0,".repeat(15)}1`,
        "loopback",
      );
    } else same(isLoopback(text), false, "what is no address is no loopback");
    holds(subscriberOf(text).length <= Math.max(text.length, 40), "a subscriber is bounded");
    const found = parseNetwork(text);
    if ("kind" in found) {
      holds(found.why.length < 100 + text.length, "it is said why");
      return;
    }
    same(parseNetwork(found.text), found, "a network printed and parsed");
    const bits = found.octets.length * 8;
    holds(found.prefix >= 0 && found.prefix <= bits, "a prefix is one", found.prefix);
    holds(contains(found, found.octets), "a network has its first address");
    for (const other of [
      octets,
      [10, 1, 2, 3],
      [192, 0, 2, 1],
      addressOctets("fd00::1")!,
      [127, 0, 0, 1],
      last(found),
    ]) {
      if (other === undefined) continue;
      const isIn =
        other.length === found.octets.length && prefixOf(other, found.prefix) === prefixOf(found.octets, found.prefix);
      same(contains(found, other), isIn, "it has what begins like it");
    }
    if (found.prefix > 0) same(contains(found, beyond(found)), false, "and not what is beside it");
  },
};

type Found = Exclude<ReturnType<typeof parseNetwork>, { kind: "malformed" }>;

function last({ octets, prefix }: Found): number[] {
  return octets.map((octet, at) => octet | (0xff >> Math.min(8, Math.max(0, prefix - 8 * at))));
}

/** With the last bit of the prefix turned. */
function beyond({ octets, prefix }: Found): number[] {
  const place = (prefix - 1) >> 3;
  return octets.map((octet, at) => (at === place ? octet ^ (0x80 >> ((prefix - 1) & 7)) : octet));
}

export const targets: readonly Target[] = [network];
