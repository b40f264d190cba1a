import { expect, test } from "vitest";
import { describeConfig } from "../../core/config/describe.ts";
import { describeLines, keyLike } from "./config-page.ts";

test("a key, by whichever spelling of its place in a list", () => {
  for (const key of ["listeners[].tls", "listeners.tls", "listeners[0].tls"])
    expect(describeLines(key)).toEqual([
      "listeners[].tls",
      expect.stringMatching(/^ {2}starttls begins in clear and offers STARTTLS/),
      "  takes: starttls, implicit, none",
      "  without it: starttls",
      "",
    ]);
  expect(describeLines("hostname")).toContain("  required");
});

test("a section with all that is below it, and everything", () => {
  const keys = (lines: readonly string[] | undefined): string[] => lines!.filter((line) => /^\S/.test(line));
  expect(keys(describeLines("dns"))).toEqual(["dns", "dns.servers"]);
  expect(keys(describeLines("routes.when"))).toEqual([
    "routes[].when",
    "routes[].when.recipient",
    "routes[].when.sender",
  ]);
  expect(keys(describeLines(undefined))).toEqual(
    describeConfig().flatMap(({ row, rows }) => [row, ...rows].map(({ key }) => key)),
  );
});

test("what is no key is none, and the nearest one is known", () => {
  expect(describeLines("listener")).toBeUndefined();
  expect(keyLike("hostnam")).toBe("hostname");
});
