import { expect, test } from "vitest";
import { holdsManyOthers, isWideOpen } from "./breadth.ts";
import { type Network, parseNetwork } from "./network.ts";

function network(text: string): Network {
  const parsed = parseNetwork(text);
  if ("kind" in parsed) throw new Error(`${text}: ${parsed.why}`);
  return parsed;
}

test.each([
  "0.0.0.0/0",
  "128.0.0.0/1",
  "::/0",
  "2000::/3",
  "2000::/12",
  "2400::/12",
  "::/8",
  "::ffff:0:0/96",
  "::ffff:10.0.0.0/104",
  "::/96",
  "::/97",
  "64:ff9b::/96",
  "64:ff9b::/32",
  "2002::/16",
  "2002:8000::/17",
])("%s is wide open", (text) => {
  expect(isWideOpen(network(text))).toBe(true);
});

test.each([
  ["11.0.0.0/8", true],
  ["172.0.0.0/8", true],
  ["203.0.0.0/15", true],
  ["203.0.0.0/16", false],
  ["10.0.0.0/8", false],
  ["127.0.0.0/8", false],
  ["100.64.0.0/10", false],
  ["172.16.0.0/12", false],
  ["203.0.113.0/24", false],
  ["2600::/16", true],
  ["2a00:1000::/27", true],
  ["2a00:1000::/28", false],
  ["2001:db8::/32", false],
  ["fc00::/7", false],
  ["fd00::/8", false],
  ["fe80::/10", false],
  ["::1", false],
  ["2002:b00::/24", true], // 11.0.0.0/8
  ["2002:a00::/24", false], // 10.0.0.0/8
  ["2002:c000:204::/48", false], // 192.0.2.4
  ["64:ff9b::203.0.113.0/120", false],
])("%s is not, and holds many others: %s", (text, expected) => {
  expect(isWideOpen(network(text))).toBe(false);
  expect(holdsManyOthers(network(text))).toBe(expected);
});
