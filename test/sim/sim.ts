// `npm run sim -- --seed N`: worlds in which much goes wrong, one after the other, and what of the promises they show broken.
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { runPlanted } from "./planted-worlds.ts";
import { Recording } from "../support/result-file.ts";
import { refuseParts } from "../support/whole-run.ts";
import { HOURS, runSeed } from "./run-seed.ts";
import { Tally } from "./tally.ts";
import type { Outcome } from "./world.ts";

const USAGE = `npm run sim -- [--seed N] [--seeds M] [--hours H] [--twice] [--log] [--stop-at-first] [--patch NAME] [--record] [--out FILE]

  --seed N     the first world (1)
  --seeds M    how many, one after the other (1)
  --hours H    virtual hours with faults in each (${HOURS})
  --twice      runs each world twice: it has to go the same way
  --stop-at-first  ends at the first world that shows something
  --log        writes what the relay logs
  --patch NAME with a bug of test/planted in it, \`all\` of those that a world can show, or some, by commas: each
               ends at the first world that shows it, and no world that does is a failure
  --record     writes docs/proof/sim.json
  --out FILE   writes the counts as JSON`;

interface Options {
  readonly seed: number;
  readonly seeds: number;
  readonly hours: number;
  readonly isTwice: boolean;
  readonly isLogging: boolean;
  readonly isRecorded: boolean;
  readonly isStoppedAtFirst: boolean;
  readonly patch: string | undefined;
  readonly out: string | undefined;
}

function options(): Options {
  const { values } = parseArgs({
    options: {
      seed: { type: "string", default: "1" },
      seeds: { type: "string", default: "1" },
      hours: { type: "string", default: String(HOURS) },
      twice: { type: "boolean", default: false },
      log: { type: "boolean", default: false },
      record: { type: "boolean", default: false },
      "stop-at-first": { type: "boolean", default: false },
      patch: { type: "string" },
      out: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const [seed, seeds, hours] = [Number(values.seed), Number(values.seeds), Number(values.hours)];
  if (values.help || !(seeds >= 1) || !(hours > 0) || !Number.isInteger(seed)) {
    console.error(USAGE);
    process.exit(values.help ? 0 : 2);
  }
  refuseParts(values.record, {
    "stop-at-first": values["stop-at-first"],
    hours: hours === HOURS ? undefined : hours,
    patch: values.patch === "all" ? undefined : values.patch,
  });
  return {
    seed,
    seeds,
    hours,
    isTwice: values.twice,
    isLogging: values.log,
    isRecorded: values.record,
    isStoppedAtFirst: values["stop-at-first"],
    patch: values.patch,
    out: values.out,
  };
}

function command({ seed, hours }: Options): string {
  return `npm run sim -- --seed ${seed}${hours === HOURS ? "" : ` --hours ${hours}`}`;
}

function recorded({ seed, seeds, isTwice }: Options): string {
  return `npm run sim -- --seed ${seed} --seeds ${seeds}${isTwice ? " --twice" : ""} --record`;
}

function tell(outcome: Outcome, options: Options): void {
  for (const violation of outcome.violations) console.error(`seed ${outcome.seed}: ${violation}`);
  if (outcome.violations.length > 0) console.error(`again: ${command({ ...options, seed: outcome.seed })}`);
}

async function runAll(options: Options): Promise<number> {
  const recording = options.isRecorded
    ? new Recording({ suite: "sim", command: recorded(options), seed: options.seed })
    : undefined;
  const tally = new Tally();
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  let isSame: boolean | undefined;
  let trace = "";
  for (let seed = options.seed; seed < options.seed + options.seeds; seed++) {
    const outcome = await runSeed(seed, options.hours, options.isLogging ? log : undefined);
    ({ trace } = outcome);
    tally.add(outcome);
    tell(outcome, options);
    if (options.isTwice) isSame = (isSame ?? true) && (await isSameAgain(outcome, options));
    if (options.isStoppedAtFirst && outcome.violations.length > 0) break;
  }
  const counts = tally.counts(seconds(), isSame);
  report(tally, seconds(), trace, options);
  if (options.out !== undefined) writeFileSync(options.out, JSON.stringify(counts));
  if (recording !== undefined) console.log(`written: ${recording.finish(counts)}`);
  return tally.violations > 0 || isSame === false ? 1 : 0;
}

async function isSameAgain(first: Outcome, { hours }: Options): Promise<boolean> {
  const second = await runSeed(first.seed, hours);
  if (second.trace === first.trace) return true;
  console.error(
    `seed ${first.seed}: ${first.trace} the first time, ${second.trace} the second: it is not the same world`,
  );
  return false;
}

function log(at: number, event: object): void {
  console.log((at / 1000).toFixed(3), JSON.stringify(event));
}

function report(tally: Tally, seconds: number, trace: string, { seed, seeds }: Options): void {
  const { virtualHours, deliveries } = tally;
  console.log(
    `seeds ${seed} to ${seed + tally.seeds - 1} of ${seeds} asked for, in ${seconds.toFixed(1)} s; the last trace is ${trace}`,
  );
  console.log(
    `${virtualHours.toFixed(0)} virtual hours, ${(virtualHours / seconds).toFixed(0)} a second; ${deliveries} deliveries, ${(deliveries / seconds).toFixed(0)} a second`,
  );
  console.log(
    `${tally.acknowledged} recipients acknowledged, ${tally.reports} reports, ${tally.duplicatesExplained} second copies explained, ${tally.crashes} crashes, ${tally.powerCuts} power cuts`,
  );
  console.log(
    `faults: ${[...tally.faults]
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([kind, count]) => `${kind} ${count}`)
      .join(", ")}`,
  );
  const missing = tally.reasonsMissing;
  console.log(
    `reasons: ${tally.reasons.size} of ${tally.reasons.size + missing.length}${missing.length > 0 ? `; not met: ${missing.join(", ")}` : ""}`,
  );
  console.log(`violations: ${tally.violations}`);
}

const given = options();
process.exitCode = given.patch === undefined ? await runAll(given) : runPlanted({ ...given, patch: given.patch });
