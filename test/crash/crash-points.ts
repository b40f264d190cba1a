// `npm run crash-points`: a fixed scenario, once for each system call by which it
// changes its disk: killed at that call, and with that call failing. Needs strace.
import { tellFigures } from "../../tools/proof/told.ts";
import { optionsOf, refuseNothing, typed } from "../support/options.ts";
import { Recording } from "../support/result-file.ts";
import { PATCH, plantedTree } from "./patched-copy.ts";
import { type SweepReport, sweep } from "./point-sweep.ts";
import { shownWrongs, tellVerdict } from "./findings.ts";
import { refuseParts } from "../support/whole-run.ts";

const SHOWN = 10;
/** A bug that the kills between a write and its sync have to find. */
const CONTROL = "ack-before-commit";

function lines({ points, runs, met, violations }: SweepReport): readonly string[] {
  const faults = Object.keys(runs) as (keyof typeof runs)[];
  return [
    `crash points   ${points} calls that change the disk`,
    ...faults.map((fault) => `  ${fault.padEnd(12)} ${runs[fault]} runs, ${met[fault]} met the fault`),
    `violations     ${violations.length}`,
    ...violations.slice(0, SHOWN).map((violation) => `  ${violation}`),
  ];
}

/** How many violations the kills at the store's own calls show of a relay with the bug. */
async function control(): Promise<number> {
  const { tree, remove } = plantedTree(CONTROL);
  try {
    const { violations } = await sweep({
      tree,
      every: 4,
      isWanted: ({ where }, fault) => fault === "kill" && "thread" in where && where.thread === "store",
    });
    console.log(`planted ${CONTROL}: ${violations.length} violations`);
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
    const { points, runs, met, violations } = report;
    const counts = {
      points,
      kills: runs.kill,
      killsMet: met.kill,
      errors: runs.EIO + runs.ENOSPC + runs.EMFILE,
      errorsMet: met.EIO + met.ENOSPC + met.EMFILE,
      violations: violations.length,
    };
    refuseNothing({ "faults met": counts.killsMet + counts.errorsMet });
    if (recording === undefined) return tellFigures(SUITE, counts);
    const controlViolations = await control();
    if (controlViolations === 0) process.exitCode = 1;
    tellFigures(SUITE, { ...counts, controlViolations });
    recording.finish({ ...counts, controlViolations });
  } finally {
    planted?.remove();
  }
}

await main();
