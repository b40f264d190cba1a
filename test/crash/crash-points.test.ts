import { expect, test } from "vitest";
import { isStracePresent } from "../../bench/fsync-order.ts";
import { plantedTree } from "./patched-copy.ts";
import { sweep } from "./point-sweep.ts";

// The small version of `npm run crash-points`.

const SWEEPS_MAX = 4;
const OF_CONTENT = "on a content";
const OF_LOG = "on queue.db-wal";

const skipped = isStracePresent ? "" : " (skipped: no strace)";

test.skipIf(!isStracePresent)(
  `killed at a call that changes the disk, or with it failing, nothing is lost${skipped}`,
  async () => {
    const report = await sweep({ every: 61, jobs: 2 });
    expect(report.violations).toEqual([]);
    expect(report.points).toBeGreaterThan(280);
    expect(report.met.kill).toBeGreaterThan(2);
    expect(report.met.delay).toBeGreaterThan(0);
    expect(report.met.EIO + report.met.ENOSPC + report.met.EMFILE).toBeGreaterThan(2);
  },
);

test.skipIf(!isStracePresent)(
  `a call that several threads make on one file is met of each of them${skipped}`,
  async () => {
    const report = await sweep({
      jobs: 2,
      isWanted: ({ call, file, thread }, fault) =>
        call === "fsync" && file === "." && thread !== "MainThread" && fault === "kill",
    });
    expect(report.violations).toEqual([]);
    expect(report.unmet).toEqual([]);
    expect(report.met.kill).toBeGreaterThanOrEqual(4); // two of the store's, one each of mail and control
  },
);

test.skipIf(!isStracePresent)(
  `planted: a sync that failed and is taken for one that did not shows${skipped}`,
  async () => {
    const { tree, remove } = plantedTree("fsync-error-swallowed");
    try {
      // Which of a content's syncs the fault meets, and which of the log's, depends on what comes together: on a busy machine one
      // sweep may meet none that something is said after.
      const violations: string[] = [];
      const isShown = (where: string): boolean => violations.some((violation) => violation.includes(where));
      for (let tries = 0; tries < SWEEPS_MAX && !(isShown(OF_CONTENT) && isShown(OF_LOG)); tries++) {
        const report = await sweep({
          tree,
          jobs: 2,
          isWanted: ({ call, nth, file, thread }, fault) =>
            fault === "EIO" &&
            call === "fsync" &&
            // Of the log one in the middle of the five messages.
            (file === undefined || (file === "queue.db-wal" && thread === "store" && nth === 8)),
        });
        violations.push(...report.violations);
      }
      expect([isShown(OF_CONTENT), isShown(OF_LOG)]).toEqual([true, true]);
    } finally {
      remove();
    }
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
        stopsAtFirst: true,
        isWanted: ({ thread }, fault) => fault === "kill" && thread === "store",
      });
      expect(report.violations.length).toBeGreaterThan(0);
    } finally {
      remove();
    }
  },
);
