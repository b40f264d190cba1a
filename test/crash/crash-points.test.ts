import { expect, test } from "vitest";
import { isStracePresent } from "../../bench/fsync-order.ts";
import { plantedTree } from "./patched-copy.ts";
import { sweep } from "./point-sweep.ts";

// The small version of `npm run crash-points`.

const skipped = isStracePresent ? "" : " (skipped: no strace)";

test.skipIf(!isStracePresent)(
  `killed at a call that changes the disk, or with it failing, nothing is lost${skipped}`,
  async () => {
    const report = await sweep({ every: 61, jobs: 2 });
    expect(report.violations).toEqual([]);
    expect(report.points).toBeGreaterThan(300);
    expect(report.met.kill).toBeGreaterThan(2);
    expect(report.met.EIO + report.met.ENOSPC + report.met.EMFILE).toBeGreaterThan(2);
  },
);

test.skipIf(!isStracePresent)(
  `planted: a 250 before the commit shows in a kill at the store's calls${skipped}`,
  async () => {
    const { tree, remove } = plantedTree("ack-before-commit");
    try {
      const report = await sweep({
        tree,
        every: 25,
        jobs: 2,
        isWanted: ({ where }, fault) => fault === "kill" && "thread" in where && where.thread === "store",
      });
      expect(report.violations.length).toBeGreaterThan(0);
    } finally {
      remove();
    }
  },
);
