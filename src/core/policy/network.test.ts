import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addressOctets, isLoopback, parseNetwork, subscriberOf, type Network } from "./network.ts";

function network(text: string): Network {
  const parsed = parseNetwork(text);
  if ("kind" in parsed) throw new Error(`${text}: ${parsed.why}`);
  return parsed;
}

describe("networks", () => {
  test.each([
    ["10.0.0.0/8", "10.0.0.0/8"],
    ["192.0.2.7", "192.0.2.7/32"],
    ["2001:db8::/32", "2001:db8::/32"],
    ["::1", "::1/128"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["2001:db8::192.0.2.1", "2001:db8::192.0.2.1/128"],
  ])("%s is %s", (text, expected) => {
    expect(network(text).text).toBe(expected);
  });

  test.each([
    ["10.0.0.1/8", "the address has bits set behind /8; write 10.0.0.1 for the address alone"],
    ["2001:db8::1/32", "the address has bits set behind /32; write 2001:db8::1 for the address alone"],
    ["10.0.0.0/33", "the prefix has to be 0 to 32"],
    ["::/129", "the prefix has to be 0 to 128"],
    ["10.0.0.0/08", "the prefix has to be 0 to 32"],
    ["10.0.0.0/", "the prefix has to be 0 to 32"],
    ["10.0.0.0/8/8", "the prefix has to be 0 to 32"],
    ["10/8", "expected a network such as 10.0.0.0/8 or fd00::/8"],
    ["example.com", "expected a network such as 10.0.0.0/8 or fd00::/8"],
    ["", "expected a network such as 10.0.0.0/8 or fd00::/8"],
  ])("%s is none", (text, why) => {
    expect(parseNetwork(text)).toEqual({ kind: "malformed", why });
  });

  test("an address is its octets", () => {
    expect(addressOctets("2001:db8::192.0.2.1")).toEqual([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1]);
    expect(addressOctets("1:2:3:4:5:6:7:8")).toEqual([0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]);
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        expect(addressOctets(text)).toHaveLength(16);
      }),
    );
  });

  test.each([
    ["2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", true],
    ["2001:db8:0:1::1", "2001:0DB8:0000:0001:0:0:0:2", true],
    ["2001:db8:0:1::1", "2001:db8:0:2::1", false],
    ["2001:db8::1", "2001:db8::192.0.2.1", true],
    ["::1", "::2", true],
    ["1::", "::1", false],
    ["fe80::1%eth0", "fe80::2%eth0", true],
    ["192.0.2.1", "192.0.2.1", true],
    ["192.0.2.1", "192.0.2.2", false],
  ])("%s and %s are one subscriber's: %s", (one, other, isSame) => {
    expect(subscriberOf(one) === subscriberOf(other)).toBe(isSame);
  });

  test("loopback", () => {
    expect(["127.0.0.1", "127.9.9.9", "::1", "0:0:0:0:0:0:0:1"].every(isLoopback)).toBe(true);
    expect(["0.0.0.0", "::", "10.0.0.1", "::2", "localhost"].some(isLoopback)).toBe(false);
  });

  test("any text is a network or none, and never throws", () => {
    fc.assert(fc.property(fc.string(), (text) => void parseNetwork(text)));
  });
});
