import { expect, test } from "vitest";
import { flood } from "./flood-run.ts";
import { idleSessions } from "./idle-run.ts";

// The small version of `npm run idle-sessions` and `npm run flood`.

test("idle sessions stay, and a new one is greeted at once", async () => {
  const report = await idleSessions(1500, 200);
  expect(report.dead).toBe(0);
  expect(report.greetedP99Ms).toBeLessThan(1000);
  expect(report.idleMiB - report.emptyMiB).toBeLessThan(200);
});

test("a flood of strangers keeps nobody with a password from sending", async () => {
  const report = await flood(500, 5, 300);
  expect(report.established).toBeGreaterThan(1000);
  expect(report.slow).toBeGreaterThan(200);
  expect(report.tried).toBeGreaterThan(20);
  expect(report.successPercent).toBeGreaterThanOrEqual(99);
});
