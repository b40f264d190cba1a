import { expect, test } from "vitest";
import { fsyncOrder, isStracePresent } from "../../bench/fsync-order.ts";
import { plantedTree } from "./patched-copy.ts";

const unlessPresent = isStracePresent ? "" : " (skipped: no strace)";

test.skipIf(!isStracePresent)(`a sync of the queue store ends before each 250${unlessPresent}`, async () => {
  const report = await fsyncOrder(100);
  expect(report).toMatchObject({ messages: 100, files: 5, violations: [] });
  expect(report.syncs).toBeGreaterThan(0);
});

test.skipIf(!isStracePresent).for(["ack-before-commit", "sync-off"])(
  `planted: %s is seen${unlessPresent}`,
  async (patch) => {
    const { tree, remove } = plantedTree(patch);
    try {
      const report = await fsyncOrder(60, tree);
      expect(report.violations.length).toBeGreaterThan(20);
    } finally {
      remove();
    }
  },
);
