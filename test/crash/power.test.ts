import { expect, test } from "vitest";
import { type Control, lostWith } from "./cut-controls.ts";
import { powerCuts } from "./cut-run.ts";
import { diskObstacle } from "./disk-image.ts";
import { isBroken } from "./findings.ts";
import { migrationCuts } from "./migration-cuts.ts";

// The small version of `npm run power-cuts`.

/** Of the controls; the long run has them all. */
const SHOWN: readonly Control[] = ["noSync", "normal"];

const obstacle = diskObstacle();
const skipped = obstacle === undefined ? "" : ` (skipped: ${obstacle})`;

test.skipIf(obstacle !== undefined)(`what was acknowledged survives power cuts${skipped}`, async () => {
  const { findings, moments } = await powerCuts({ cuts: 5, seed: 7, loadMs: [800, 1600] });
  expect(isBroken(findings), JSON.stringify(findings)).toBe(false);
  expect(findings.acknowledgedMessages).toBeGreaterThan(300);
  expect(Math.min(...Object.values(moments))).toBe(1);
});

test.skipIf(obstacle !== undefined)(`so does a queue that is brought up to date${skipped}`, async () => {
  expect(await migrationCuts(2, 7)).toMatchObject({ cuts: 2, lost: 0 });
});

test.skipIf(obstacle !== undefined).for(SHOWN)(
  `planted: a store that is not synced as it should be loses mail: %s${skipped}`,
  async (control) => {
    expect(await lostWith(control, 7, 2)).toBeGreaterThan(0);
  },
);
