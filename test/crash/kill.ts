// `npm run crash`: SIGKILL under load, over and over, on one data
// folder. With --record relays with a bug planted in them follow, which have to be found out, and all goes to docs/proof.
import { tellFigures } from "../../tools/proof/told.ts";
import { optionsOf, refuseNothing, typed } from "../support/options.ts";
import { Recording } from "../support/result-file.ts";
import { SEED, tellVerdict, wrongsIn } from "./findings.ts";
import { controlsOf, timesFound } from "./kill-controls.ts";
import { LIVES } from "./lives.ts";
import { killCounts, killLines, killRounds } from "./kill-run.ts";
import { PATCH, plantedTree } from "./patched-copy.ts";
import { refuseParts } from "../support/whole-run.ts";

async function main(): Promise<void> {
  const { values } = optionsOf({
    usage: ["npm run crash -- [OPTIONS]"],
    options: {
      rounds: { kind: "count", default: 20, help: "lives of a relay, one after the other, that end in a kill" },
      acknowledged: {
        kind: "count",
        help: "more rounds follow until so many messages are, twice as many rounds at most",
      },
      seed: SEED,
      mx: { kind: "flag", help: "to the servers of many domains instead of one smart host" },
      life: { kind: "choice", of: LIVES, shown: "KIND", help: `how all rounds end: ${LIVES.join(", ")}` },
      patch: PATCH,
      record: { kind: "flag", help: "and the controls; writes docs/proof/crash.json, with --mx crash-mx.json" },
    },
  });
  refuseParts(values.record, { patch: values.patch, life: values.life });
  const { rounds, acknowledged, seed, patch, record, life, mx: isMx } = values;
  const suite = isMx ? "crash-mx" : "crash";
  const recording = record ? new Recording({ suite, command: `npm run crash -- ${typed(values)}`, seed }) : undefined;
  const broken = patch === undefined ? undefined : plantedTree(patch);
  try {
    const say = (line: string): void => console.error(line);
    const bug = broken === undefined ? {} : { tree: broken.tree, drainMs: 30_000 };
    const ends = life === undefined ? {} : { life };
    const enough = acknowledged === undefined ? {} : { acknowledgedMin: acknowledged };
    const report = await killRounds({ rounds, ...enough, seed, isMx, say, ...ends, ...bug });
    console.log(killLines(report).join("\n"));
    tellVerdict(wrongsIn(report.findings));
    let counts = killCounts(report);
    refuseNothing({ rounds, "messages acknowledged": report.findings.acknowledgedMessages });
    if (recording === undefined) return tellFigures(suite, counts);
    let plantedFound = 0;
    const controls = controlsOf(isMx);
    for (const name of controls) if ((await timesFound(name, seed, isMx)) > 0) plantedFound++;
    const planted = controls.length;
    if (plantedFound < planted) process.exitCode = 1;
    counts = { ...counts, planted, plantedFound };
    tellFigures(suite, counts);
    recording.finish(counts);
  } finally {
    broken?.remove();
  }
}

await main();
