import { describe, expect, test } from "vitest";
import { type Network, parseNetwork } from "./network.ts";
import { obstacleTo } from "./reach.ts";

test.each([
  ["8.8.8.8", undefined],
  ["126.255.255.255", undefined],
  ["127.0.0.1", "loopback"],
  ["128.0.0.0", undefined],
  ["0.0.0.0", "this host"],
  ["10.255.255.255", "private"],
  ["11.0.0.0", undefined],
  ["172.15.255.255", undefined],
  ["172.16.0.0", "private"],
  ["172.31.255.255", "private"],
  ["172.32.0.0", undefined],
  ["192.168.1.1", "private"],
  ["100.64.0.1", "private"],
  ["100.128.0.0", undefined],
  ["169.254.169.254", "link-local"],
  ["224.0.0.1", "multicast"],
  ["255.255.255.255", "reserved"],
  ["203.0.113.9", "documentation"],
  ["2606:4700::1", undefined],
  ["::", "this host"],
  ["::1", "loopback"],
  ["fe80::1", "link-local"],
  ["fd00::1", "private"],
  ["ff02::1", "multicast"],
  ["2001:db8::1", "documentation"],
  ["2001:4860:4860::8888", undefined],
  ["mail.example", "malformed"],
])("%s: %s", (address, expected) => {
  expect(obstacleTo(address, [])).toBe(expected);
});

describe("an IPv4 address in an IPv6 one is what it is", () => {
  test.each([
    ["::ffff:127.0.0.1", "loopback"],
    ["::ffff:8.8.8.8", undefined],
    ["::127.0.0.1", "loopback"],
    ["64:ff9b::a00:1", "private"],
    ["64:ff9b::808:808", undefined],
    ["2002:7f00:1::", "loopback"],
    ["2002:808:808::", undefined],
  ])("%s: %s", (address, expected) => {
    expect(obstacleTo(address, [])).toBe(expected);
  });
});

test("what is permitted is no obstacle, and nothing else is permitted with it", () => {
  const permitted = [parseNetwork("10.1.0.0/16") as Network, parseNetwork("fd12::/16") as Network];
  expect(obstacleTo("10.1.2.3", permitted)).toBeUndefined();
  expect(obstacleTo("::ffff:10.1.2.3", permitted)).toBeUndefined();
  expect(obstacleTo("fd12::9", permitted)).toBeUndefined();
  expect(obstacleTo("10.2.0.1", permitted)).toBe("private");
  expect(obstacleTo("127.0.0.1", permitted)).toBe("loopback");
});
