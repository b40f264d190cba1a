import { expect, test } from "vitest";
import { mayMount } from "../support/small-disk.ts";
import { fullDisks } from "./disk-run.ts";
import { wrongsIn } from "./findings.ts";
import { plantedTree } from "./patched-copy.ts";

// The small version of `npm run full-disk`.

const skipped = mayMount ? "" : " (skipped: not root)";

test.skipIf(!mayMount)(
  `a disk that is full puts mail off, loses none, and is used as soon as it has room${skipped}`,
  async () => {
    const report = await fullDisks({ rounds: 3, seed: 7 });
    expect(wrongsIn(report.findings)).toEqual([]);
    expect(report).toMatchObject({ refused: 0, notRecovered: 0 });
    expect(report.putOff).toBeGreaterThan(0);
  },
);

test.skipIf(!mayMount)(`planted: a full disk that is taken for a written one loses mail${skipped}`, async () => {
  const { tree, remove } = plantedTree("no-space-swallowed");
  try {
    // It shows only where the disk is full in the middle of a commit: not in each round.
    for (const seed of [7, 8, 9]) {
      const { findings } = await fullDisks({ rounds: 3, seed, tree, drainMs: 10_000 });
      if (findings.lostForGood.length + findings.altered.length > 0) return;
    }
    expect.fail("nine rounds lost nothing");
  } finally {
    remove();
  }
});
