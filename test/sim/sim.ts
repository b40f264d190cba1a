// `npm run sim -- --seed N`: worlds in which much goes wrong, one after the other, and what of the promises they show broken.
import { writeFileSync } from "node:fs";
import { plantedNames } from "../crash/patched-copy.ts";
import { ALL, runPlanted } from "./planted-worlds.ts";
import { optionsOf, refuse } from "../support/options.ts";
import { Recording } from "../support/result-file.ts";
import { refuseParts } from "../support/whole-run.ts";
import { HOURS, runSeed } from "./run-seed.ts";
import { Tally } from "./tally.ts";
import type { Outcome } from "./world.ts";

const COMMAND = {
  usage: ["npm run sim -- [OPTIONS]"],
  options: {
    seed: { kind: "count", default: 1, min: 0, help: "the first world" },
    seeds: { kind: "count", default: 1, help: "how many, one after the other" },
    hours: { kind: "count", default: HOURS, help: "virtual hours with faults in each" },
    twice: {
      kind: "count",
      default: 0,
      min: 0,
      help: "so many of them run twice, evenly spread: they have to go the same way",
    },
    "stop-at-first": { kind: "flag", help: "ends at the first world that shows something" },
    log: { kind: "flag", help: "writes what the relay logs" },
    patch: {
      kind: "choices",
      of: [ALL, ...plantedNames("*")],
      shown: "NAMES",
      help: "with bugs of test/planted, by commas, or `all` that worlds can show: each has to be shown by a world",
    },
    record: { kind: "flag", help: "writes docs/proof/sim.json, or sim-planted.json" },
    out: { kind: "text", help: "a file for the counts, as JSON" },
  },
} as const;

type Options = ReturnType<typeof options>;

function options() {
  const { values } = optionsOf(COMMAND);
  if (values.patch?.includes(ALL) === true && values.patch.length > 1)
    refuse(`--patch takes ${ALL}, or some, and not both`, COMMAND);
  refuseParts(values.record, {
    "stop-at-first": values["stop-at-first"],
    hours: values.hours === HOURS ? undefined : values.hours,
    patch: values.patch?.includes(ALL) === true ? undefined : values.patch,
  });
  return values;
}

function command({ seed, hours }: Options): string {
  return `npm run sim -- --seed ${seed}${hours === HOURS ? "" : ` --hours ${hours}`}`;
}

function recorded({ seed, seeds, twice }: Options): string {
  return `npm run sim -- --seed ${seed} --seeds ${seeds}${twice > 0 ? ` --twice ${twice}` : ""} --record`;
}

function tell(outcome: Outcome, options: Options): void {
  for (const violation of outcome.violations) console.error(`seed ${outcome.seed}: ${violation}`);
  if (outcome.violations.length > 0) console.error(`again: ${command({ ...options, seed: outcome.seed })}`);
}

async function runAll(options: Options): Promise<number> {
  const recording = options.record
    ? new Recording({ suite: "sim", command: recorded(options), seed: options.seed })
    : undefined;
  const tally = new Tally();
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  let isSame: boolean | undefined;
  let trace = "";
  let twice = 0;
  for (let seed = options.seed; seed < options.seed + options.seeds; seed++) {
    const outcome = await runSeed(seed, options.hours, options.log ? log : undefined);
    ({ trace } = outcome);
    tally.add(outcome);
    tell(outcome, options);
    if (isDue(seed - options.seed, options)) {
      twice++;
      isSame = (isSame ?? true) && (await isSameAgain(outcome, options));
    }
    if (options["stop-at-first"] && outcome.violations.length > 0) break;
  }
  const counts = { ...tally.counts(seconds(), isSame), twice };
  report(tally, seconds(), trace, options);
  if (options.out !== undefined) writeFileSync(options.out, JSON.stringify(counts));
  if (recording !== undefined) console.log(`written: ${recording.finish(counts)}`);
  return tally.violations > 0 || isSame === false ? 1 : 0;
}

/** The first, and then every so many. */
function isDue(at: number, { seeds, twice }: Options): boolean {
  return Math.floor(((at + seeds) * twice) / seeds) > Math.floor(((at + seeds - 1) * twice) / seeds);
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
  const last = seed + tally.seeds - 1;
  const ran = last === seed ? `seed ${seed}` : `seeds ${seed} to ${last}`;
  const early = tally.seeds < seeds ? `, ${seeds - tally.seeds} of ${seeds} left out` : "";
  console.log(`${ran} in ${seconds.toFixed(1)} s${early}; the last trace is ${trace}`);
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
