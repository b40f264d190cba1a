// `npm run crash`: SIGKILL under load, over and over, on one data
// folder. With --record relays with a bug planted in them follow, which have to be found out, and all goes to docs/proof.
import { tellFigures } from "../../tools/proof/told.ts";
import { optionsOf, refuseNothing, typed } from "../support/options.ts";
import { Recording } from "../support/result-file.ts";
import { type Findings, SEED, tellVerdict, wrongsIn } from "./findings.ts";
import { LIVES } from "./lives.ts";
import { killCounts, killLines, killRounds } from "./kill-run.ts";
import { PATCH, plantedTree } from "./patched-copy.ts";
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
  "ack-before-commit": { found: ({ lostForGood }) => lostForGood.length, drainMs: SHORT_DRAIN_MS },
  "report-apart": { found: ({ untoldForGood }) => untoldForGood.length, drainMs: SHORT_DRAIN_MS },
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
  const { values } = optionsOf({
    usage: ["npm run crash -- [OPTIONS]"],
    options: {
      rounds: { kind: "count", default: 20, help: "lives of a relay, one after the other, that end in a kill" },
      seed: SEED,
      mx: { kind: "flag", help: "to the servers of many domains instead of one smart host" },
      life: { kind: "choice", of: LIVES, shown: "KIND", help: `how all rounds end: ${LIVES.join(", ")}` },
      patch: PATCH,
      record: { kind: "flag", help: "and the controls; writes docs/proof/crash.json, with --mx crash-mx.json" },
    },
  });
  refuseParts(values.record, { patch: values.patch, life: values.life });
  const { rounds, seed, patch, record, life, mx: isMx } = values;
  const suite = isMx ? "crash-mx" : "crash";
  const recording = record ? new Recording({ suite, command: `npm run crash -- ${typed(values)}`, seed }) : undefined;
  const broken = patch === undefined ? undefined : plantedTree(patch);
  try {
    const say = (line: string): void => console.error(line);
    const bug = broken === undefined ? {} : { tree: broken.tree, drainMs: 30_000 };
    const ends = life === undefined ? {} : { life };
    const report = await killRounds({ rounds, seed, isMx, say, ...ends, ...bug });
    console.log(killLines(report).join("\n"));
    tellVerdict(wrongsIn(report.findings));
    let counts = killCounts(report);
    refuseNothing({ rounds, "messages acknowledged": report.findings.acknowledgedMessages });
    if (recording === undefined) return tellFigures(suite, counts);
    let plantedFound = 0;
    for (const name of Object.keys(CONTROLS)) if (await isFound(name, seed)) plantedFound++;
    const planted = Object.keys(CONTROLS).length;
    if (plantedFound < planted) process.exitCode = 1;
    counts = { ...counts, planted, plantedFound };
    tellFigures(suite, counts);
    recording.finish(counts);
  } finally {
    broken?.remove();
  }
}

await main();
