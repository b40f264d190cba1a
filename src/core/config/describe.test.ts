import { describe, expect, test } from "vitest";
import { describeConfig } from "./describe.ts";

const SECTIONS = describeConfig();
const ROWS = SECTIONS.flatMap(({ row, rows }) => [row, ...rows]);

describe("the words of the reference", () => {
  test("exist for every key", () => {
    expect(ROWS.filter(({ description }) => !description.endsWith(".")).map(({ key }) => key)).toEqual([]);
    expect(ROWS.filter(({ takes }) => takes === "").map(({ key }) => key)).toEqual([]);
    expect(ROWS.filter(({ whenAbsent }) => whenAbsent === "").map(({ key }) => key)).toEqual([]);
  });

  test("name the keys as people write them", () => {
    expect(ROWS.map(({ key }) => key)).toEqual(
      expect.arrayContaining(["hostname", "listeners[].tls", "smarthosts.NAME.url", "routes[].when.recipient"]),
    );
  });

  test("tell what has to be there and what holds otherwise", () => {
    const row = (key: string) => ROWS.find((candidate) => candidate.key === key);
    expect(row("hostname")?.whenAbsent).toBeUndefined();
    expect(row("listeners[].listen")?.whenAbsent).toBeUndefined();
    expect(row("listeners[].tls")).toMatchObject({ takes: "`starttls`, `implicit`, `none`", whenAbsent: "`starttls`" });
    expect(row("limits.sessions_per_listener")).toMatchObject({
      takes: "whole number, 1 to 1000000",
      whenAbsent: "`10000`",
    });
    expect(row("credentials")?.whenAbsent).toBe("none");
  });
});
