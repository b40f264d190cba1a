// `npm run crash-points`: a fixed scenario, once for each system call by which it
// changes its disk: killed at that call, and with that call failing. Needs strace.
import { tellFigures } from "../../tools/proof/told.ts";
import { optionsOf, refuseNothing, typed } from "../support/options.ts";
import { Recording } from "../support/result-file.ts";
import { PATCH, plantedTree } from "./patched-copy.ts";
import { isSync } from "./points.ts";
import { type SweepOptions, type SweepReport, sweep } from "./point-sweep.ts";
import { shownWrongs, tellVerdict } from "./findings.ts";
import { refuseParts } from "../support/whole-run.ts";

const SHOWN = 10;
/** Where each of the bugs has to show. */
const CONTROLS = {
  /** In kills between a write and its sync. */
  "ack-before-commit": {
    every: 4,
    isWanted: ({ thread }, fault) => fault === "kill" && thread === "store",
  },
  /** In what is said after a sync that failed. */
  "fsync-error-swallowed": {
    every: 1,
    isWanted: ({ call, file, thread }, fault) =>
      fault === "EIO" && isSync(call) && (file === undefined || (file === "queue.db-wal" && thread === "store")),
  },
} as const satisfies Readonly<Record<string, Pick<SweepOptions, "every" | "isWanted">>>;

function lines({ points, runs, met, unmet, violations }: SweepReport): readonly string[] {
  const faults = Object.keys(runs) as (keyof typeof runs)[];
  return [
    `crash points   ${points} calls that change the disk`,
    ...faults.map((fault) => `  ${fault.padEnd(12)} ${runs[fault]} runs, ${met[fault]} met the fault`),
    `not met        ${unmet.length}`,
    ...unmet.slice(0, SHOWN).map((point) => `  ${point}`),
    `violations     ${violations.length}`,
    ...violations.slice(0, SHOWN).map((violation) => `  ${violation}`),
  ];
}

/** How many violations there are of a relay with the bug. */
async function control(patch: keyof typeof CONTROLS): Promise<number> {
  const { tree, remove } = plantedTree(patch);
  try {
    const { violations } = await sweep({ tree, ...CONTROLS[patch] });
    console.log(`planted ${patch}: ${violations.length} violations`);
    return violations.length;
  } finally {
    remove();
  }
}

const SUITE = "crash-points";

async function main(): Promise<void> {
  const { values } = optionsOf({
    usage: ["npm run crash-points -- [OPTIONS]"],
    options: {
      every: { kind: "count", default: 1, help: "one call of so many" },
      jobs: { kind: "count", default: 2, help: "relays at a time" },
      patch: PATCH,
      record: { kind: "flag", help: "and the control; writes docs/proof/crash-points.json" },
    },
  });
  const { every, jobs } = values;
  refuseParts(values.record, { patch: values.patch, every: every === 1 ? undefined : every });
  const command = `npm run crash-points -- ${typed(values, "jobs", "record")}`;
  const recording = values.record ? new Recording({ suite: SUITE, command }) : undefined;
  const planted = values.patch === undefined ? undefined : plantedTree(values.patch);
  try {
    const bug = planted === undefined ? {} : { tree: planted.tree };
    const report = await sweep({ every, jobs, say: (line) => console.error(line), ...bug });
    console.log(lines(report).join("\n"));
    tellVerdict(shownWrongs({ violations: report.violations.length }));
    const { points, runs, met, unmet, violations } = report;
    const faults = Object.values(runs).reduce((sum, count) => sum + count, 0);
    const counts = {
      points,
      kills: runs.kill,
      killsMet: met.kill,
      errors: runs.EIO + runs.ENOSPC + runs.EMFILE,
      errorsMet: met.EIO + met.ENOSPC + met.EMFILE,
      delays: runs.delay,
      delaysMet: met.delay,
      unmet: unmet.length,
      unmetPercent: (100 * unmet.length) / Math.max(1, faults),
      violations: violations.length,
    };
    refuseNothing({ "faults met": counts.killsMet + counts.errorsMet });
    if (recording === undefined) return tellFigures(SUITE, counts);
    const controls = {
      controlViolations: await control("ack-before-commit"),
      syncControlViolations: await control("fsync-error-swallowed"),
    };
    if (Object.values(controls).includes(0)) process.exitCode = 1;
    tellFigures(SUITE, { ...counts, ...controls });
    recording.finish({ ...counts, ...controls });
  } finally {
    planted?.remove();
  }
}

await main();
