import { expect, test } from "vitest";
import { type Control, lostWith } from "./cut-controls.ts";
import { powerCuts } from "./cut-run.ts";
import { diskObstacle } from "./disk-image.ts";
import { wrongsIn } from "./findings.ts";
import { lostInTwo, migrationCuts } from "./migration-cuts.ts";
import { plantedTree } from "./patched-copy.ts";

// The small version of `npm run power-cuts`.

/** Of the controls; the long run has them all. */
const SHOWN: readonly Control[] = ["noSync"];

const obstacle = diskObstacle();
const skipped = obstacle === undefined ? "" : ` (skipped: ${obstacle})`;

test.skipIf(obstacle !== undefined)(`what was acknowledged survives power cuts${skipped}`, async () => {
  const { findings, moments, missed } = await powerCuts({ cuts: 5, seed: 7, loadMs: [800, 1600] });
  expect(wrongsIn(findings)).toEqual([]);
  expect(findings.acknowledgedMessages).toBeGreaterThan(300);
  // A start or a stop may be over when its cut comes.
  expect(moments).toMatchObject({ "under-load": 1, "in-checkpoint": 1, "with-backlog": 1 });
  expect(moments["at-start"] + missed["at-start"] + moments["in-stop"] + missed["in-stop"]).toBe(2);
});

test.skipIf(obstacle !== undefined).for(["in-checkpoint", "with-backlog"] as const)(
  `a cut whose moment did not come does not count as one in it: %s${skipped}`,
  async (moment) => {
    const idle = { connections: 0, loadMs: [10, 10], waitMs: 300 } as const;
    const { moments, missed } = await powerCuts({ cuts: 1, seed: 7, moment, ...idle });
    expect([moments[moment], missed[moment]]).toEqual([0, 1]);
  },
);

test.skipIf(obstacle !== undefined)(`so does a queue that is brought up to date${skipped}`, async () => {
  const report = await migrationCuts(3, 7);
  // Two of them wait for a version between the old one and the new one.
  expect(report.amid).toBeGreaterThanOrEqual(2);
  expect(report).toMatchObject({
    cuts: 3,
    lost: 0,
    left: 0,
    unexplained: 0,
    altered: 0,
    uninvited: 0,
  });
});

test.skipIf(obstacle !== undefined).for(SHOWN)(
  `planted: a store that is not synced as it should be loses mail: %s${skipped}`,
  async (control) => {
    expect(await lostWith(control, 7, 2)).toBeGreaterThan(0);
  },
);

test.skipIf(obstacle !== undefined)(
  `planted: a step of a migration that is two commits loses mail between them${skipped}`,
  { timeout: 300_000 },
  async () => {
    expect(await lostInTwo(7)).toBeGreaterThan(0);
  },
);

test.skipIf(obstacle !== undefined)(
  `planted: a step that mixes up contents and repeats a delivery is seen${skipped}`,
  async () => {
    const { tree, remove } = plantedTree("migration-mixes");
    try {
      const { lost, altered, unexplained } = await migrationCuts(1, 7, tree);
      expect({ lost, altered, unexplained }).toEqual({ lost: 0, altered: 1, unexplained: 1 });
    } finally {
      remove();
    }
  },
);
