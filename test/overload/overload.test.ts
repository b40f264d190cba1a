import { expect, test } from "vitest";
import { flood } from "./flood-run.ts";
import { idleSessions } from "./idle-run.ts";
import { slowReaders } from "./readers-run.ts";

// The small version of `npm run idle-sessions`, `npm run flood` and `npm run slow-readers`.

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

test("clients that ask without an end and read no answer keep nobody waiting", async () => {
  const report = await slowReaders(200, 8);
  expect(report.held + report.dropped).toBeGreaterThan(100); // as many as a slow machine has got to by then
  expect(report.eachKiB).toBeLessThan(2048); // what a thread has once is much for few of them
  expect(report.tried).toBeGreaterThan(20);
  expect(report.acknowledged).toBe(report.tried);
  expect(report.p99Ms).toBeLessThan(5000);
});
