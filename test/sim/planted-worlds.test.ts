import { expect, test } from "vitest";
import { saidBy } from "./planted-worlds.ts";

test("worlds that never end are ended, and have found nothing", () => {
  expect(saidBy(["-e", "for (;;);"], 300)).toBeUndefined();
  expect(saidBy(["-e", "console.error('seed 1: lost')"], 30_000)).toBe("seed 1: lost\n");
});
