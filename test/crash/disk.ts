// `npm run full-disk`: a disk that is full and has room again, over and over.
// With --record a relay follows that takes a full disk for a written one: it has to lose mail.
import { tellFigures } from "../../tools/proof/told.ts";
import { optionsOf, refuseNothing, typed } from "../support/options.ts";
import { Recording } from "../support/result-file.ts";
import { type DiskReport, diskCounts, diskLines, fullDisks } from "./disk-run.ts";
import { SEED, shownWrongs, tellVerdict, wrongsIn } from "./findings.ts";
import { PATCH, plantedTree } from "./patched-copy.ts";
import { refuseParts } from "../support/whole-run.ts";

const SUITE = "full-disk";
const CONTROL = "no-space-swallowed";
const CONTROL_ROUNDS = 4;

function wrongs({ findings, refused, notRecovered }: DiskReport): readonly string[] {
  return [...wrongsIn(findings), ...shownWrongs({ refused, notRecovered })];
}

async function control(seed: number): Promise<number> {
  const { tree, remove } = plantedTree(CONTROL);
  try {
    const { findings } = await fullDisks({ rounds: CONTROL_ROUNDS, seed, tree, drainMs: 15_000 });
    const lost = findings.lostForGood.length + findings.altered.length;
    console.log(`planted ${CONTROL}: ${lost} recipients lost or altered`);
    return lost;
  } finally {
    remove();
  }
}

async function main(): Promise<void> {
  const { values } = optionsOf({
    usage: ["npm run full-disk -- [OPTIONS]"],
    options: {
      rounds: { kind: "count", default: 20, help: "times that the disk is full and has room again" },
      seed: SEED,
      patch: PATCH,
      record: { kind: "flag", help: "and the control; writes docs/proof/full-disk.json" },
    },
  });
  refuseParts(values.record, { patch: values.patch });
  const { rounds, seed } = values;
  const recording = values.record
    ? new Recording({ suite: SUITE, command: `npm run full-disk -- ${typed(values)}`, seed, fileSystem: "tmpfs" })
    : undefined;
  const planted = values.patch === undefined ? undefined : plantedTree(values.patch);
  try {
    const bug = planted === undefined ? {} : { tree: planted.tree, drainMs: 15_000 };
    const report = await fullDisks({ rounds, seed, say: (line) => console.error(line), ...bug });
    console.log(diskLines(report).join("\n"));
    tellVerdict(wrongs(report));
    const { putOff, findings } = report;
    refuseNothing({
      rounds,
      "messages acknowledged": findings.acknowledgedMessages,
      "put off for want of space": putOff,
    });
    const counts = diskCounts(report);
    if (recording === undefined) return tellFigures(SUITE, counts);
    const controlLost = await control(seed);
    if (controlLost === 0) process.exitCode = 1;
    tellFigures(SUITE, { ...counts, controlLost });
    recording.finish({ ...counts, controlLost });
  } finally {
    planted?.remove();
  }
}

await main();
