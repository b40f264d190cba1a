// `npm run full-disk -- [--rounds N] [--seed S] [--patch NAME] [--record]`: a disk that is full and has room again, over and over.
// With --record a relay follows that takes a full disk for a written one: it has to lose mail.
import { parseArgs } from "node:util";
import { Recording } from "../support/result-file.ts";
import { type DiskReport, diskCounts, diskLines, fullDisks } from "./disk-run.ts";
import { shownWrongs, tellVerdict, wrongsIn } from "./findings.ts";
import { plantedTree } from "./patched-copy.ts";
import { refuseParts } from "../support/whole-run.ts";

const CONTROL = "no-space-swallowed";
const CONTROL_ROUNDS = 4;

function wrongs({ findings, refused, notRecovered }: DiskReport): readonly string[] {
  return [...wrongsIn(findings), ...shownWrongs({ refused, notRecovered })];
}

async function control(seed: number): Promise<number> {
  const { tree, remove } = plantedTree(CONTROL);
  try {
    const { findings } = await fullDisks({ rounds: CONTROL_ROUNDS, seed, tree, drainMs: 15_000 });
    const lost = findings.lost.length + findings.altered.length;
    console.log(`planted ${CONTROL}: ${lost} recipients lost or altered`);
    return lost;
  } finally {
    remove();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "20" },
      seed: { type: "string", default: "1" },
      patch: { type: "string" },
      record: { type: "boolean", default: false },
    },
  });
  refuseParts(values.record, { patch: values.patch });
  const [rounds, seed] = [Number(values.rounds), Number(values.seed)];
  const command = `npm run full-disk -- --rounds ${rounds} --seed ${seed} --record`;
  const recording = values.record ? new Recording({ suite: "full-disk", command, seed }) : undefined;
  const planted = values.patch === undefined ? undefined : plantedTree(values.patch);
  try {
    const bug = planted === undefined ? {} : { tree: planted.tree, drainMs: 15_000 };
    const report = await fullDisks({ rounds, seed, say: (line) => console.error(line), ...bug });
    console.log(diskLines(report).join("\n"));
    tellVerdict(wrongs(report));
    if (recording === undefined) return;
    const controlLost = await control(seed);
    if (controlLost === 0) process.exitCode = 1;
    recording.finish({ ...diskCounts(report), controlLost });
  } finally {
    planted?.remove();
  }
}

await main();
