// `npm run crash -- [--rounds N] [--seed S] [--mx] [--life KIND] [--patch NAME] [--record]`: SIGKILL under load, over and over, on one data
// folder. With --record relays with a bug planted in them follow, which have to be found out, and all goes to docs/proof.
import { parseArgs } from "node:util";
import { Recording } from "../support/result-file.ts";
import { type Findings, tellVerdict, wrongsIn } from "./findings.ts";
import { LIVES, type Life } from "./lives.ts";
import { killCounts, killLines, killRounds } from "./kill-run.ts";
import { plantedTree } from "./patched-copy.ts";
import { refuseParts } from "../support/whole-run.ts";

interface Control {
  /** Where the bug shows. */
  readonly found: (findings: Findings) => number;
  readonly drainMs: number;
}

/** What such a relay leaves undone is not waited for. */
const SHORT_DRAIN_MS = 5000;

/** Bugs that these rounds have to find. */
const CONTROLS: Readonly<Record<string, Control>> = {
  "ack-before-commit": { found: ({ lost }) => lost.length, drainMs: SHORT_DRAIN_MS },
  "report-apart": { found: ({ untold }) => untold.length, drainMs: SHORT_DRAIN_MS },
  "completion-dropped": { found: ({ unexplained }) => unexplained.length, drainMs: SHORT_DRAIN_MS },
  "completion-late": { found: ({ unexplained }) => unexplained.length, drainMs: SHORT_DRAIN_MS },
  "wake-too-late": { found: ({ asleep }) => asleep.filter((fault) => fault.endsWith("late")).length, drainMs: 60_000 },
};

const CONTROL_ROUNDS = 4;
const CONTROL_LOAD_MS = [3000, 4000] as const;

async function isFound(patch: string, seed: number): Promise<boolean> {
  const { tree, remove } = plantedTree(patch);
  const { found, drainMs } = CONTROLS[patch]!;
  try {
    const [rounds, loadMs] = [CONTROL_ROUNDS, CONTROL_LOAD_MS];
    const { findings, seconds } = await killRounds({ rounds, seed, loadMs, tree, life: "under-load", drainMs });
    const times = found(findings);
    console.log(`planted ${patch}: ${times === 0 ? "NOT found" : `found ${times} times`} in ${seconds} s`);
    return times > 0;
  } finally {
    remove();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "20" },
      seed: { type: "string", default: "1" },
      mx: { type: "boolean", default: false },
      life: { type: "string" },
      patch: { type: "string" },
      record: { type: "boolean", default: false },
    },
  });
  refuseParts(values.record, { patch: values.patch, life: values.life });
  const { patch, record, life, mx: isMx } = values;
  if (life !== undefined && !LIVES.includes(life as Life)) throw new Error(`--life is one of ${LIVES.join(", ")}`);
  const [rounds, seed] = [Number(values.rounds), Number(values.seed)];
  const command = `npm run crash -- --rounds ${rounds} --seed ${seed}${isMx ? " --mx" : ""} --record`;
  const recording = record ? new Recording({ suite: isMx ? "crash-mx" : "crash", command, seed }) : undefined;
  const broken = patch === undefined ? undefined : plantedTree(patch);
  try {
    const say = (line: string): void => console.error(line);
    const bug = broken === undefined ? {} : { tree: broken.tree, drainMs: 30_000 };
    const ends = life === undefined ? {} : { life: life as Life };
    const report = await killRounds({ rounds, seed, isMx, say, ...ends, ...bug });
    console.log(killLines(report).join("\n"));
    tellVerdict(wrongsIn(report.findings));
    if (recording === undefined) return;
    let plantedFound = 0;
    for (const name of Object.keys(CONTROLS)) if (await isFound(name, seed)) plantedFound++;
    const planted = Object.keys(CONTROLS).length;
    if (plantedFound < planted) process.exitCode = 1;
    recording.finish({ ...killCounts(report), planted, plantedFound });
  } finally {
    broken?.remove();
  }
}

await main();
