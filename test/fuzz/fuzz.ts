// `npm run fuzz -- TARGET|all|list|planted|differential`: see HACKING.md, and `--help`.
import { fork } from "node:child_process";
import path from "node:path";
import type { Order, Report } from "./child.ts";
import { tellFigures } from "../../tools/proof/told.ts";
import { PATCH, plantedNames } from "../crash/patched-copy.ts";
import { optionsOf, refuse, refuseNothing, typed } from "../support/options.ts";
import { type Counts, Recording } from "../support/result-file.ts";
import { undoAtEnd } from "../support/undo.ts";
import { refuseParts } from "../support/whole-run.ts";
import { keepInCorpus } from "./corpus.ts";
import { differential } from "./differential.ts";
import { plantedTargets, runPatched, runPlanted } from "./planted.ts";
import { countsOf, print } from "./report.ts";
import { allTargets } from "./targets.ts";

const COMMAND = {
  usage: [
    "npm run fuzz -- TARGET... [OPTIONS]",
    "npm run fuzz -- all [OPTIONS]",
    "npm run fuzz -- list",
    "npm run fuzz -- planted [TARGET...] [--seconds N] [--jobs N] [--seed N] [--record]",
    "npm run fuzz -- differential [--dialogues N] [--seed N] [--record]",
  ],
  takesWords: true,
  options: {
    inputs: { kind: "count", default: 1_000_000, help: "for each target, or a share of them for one that is slow" },
    seconds: { kind: "count", default: 3600, help: "for each target at most; of a planted bug 600" },
    seed: { kind: "count", default: 1, min: 0, help: "what chance is drawn from" },
    dialogues: { kind: "count", default: 10_000, help: "with Postfix and with Waypost" },
    jobs: { kind: "count", default: 2, help: "targets at a time" },
    coverage: { kind: "flag", help: "and the lines that were not reached" },
    "stop-at-first": { kind: "flag", help: "a target ends at its first finding" },
    keep: { kind: "text", help: "findings go to test/corpus/fuzz/TARGET/TEXT.json" },
    patch: { ...PATCH, of: plantedNames("{*,fuzz/*}"), help: "with a bug of test/planted in the code" },
    record: { kind: "flag", help: "of all, planted or differential: writes docs/proof" },
  },
} as const;

const { values, words } = optionsOf(COMMAND);
const { seed } = values;
const [what = "", ...more] = words;
const PROGRESS_MS = 10_000;

refuseParts(values.record, { patch: values.patch, "stop-at-first": values["stop-at-first"] });
if (values.patch !== undefined) console.log(await runPatched(values.patch, withoutPatch(process.argv.slice(2))));
else if (what === "list") await list();
else if (what === "planted") await planted(more);
else if (what === "differential") await compare();
else await fuzzAll(words);

function withoutPatch(args: readonly string[]): string[] {
  const at = args.findIndex((arg) => arg === "--patch" || arg.startsWith("--patch="));
  return args.toSpliced(at, args[at] === "--patch" ? 2 : 1);
}

async function list(): Promise<void> {
  for (const { name, files } of await allTargets()) console.log(`${name.padEnd(18)} ${files.join(" ")}`);
}

async function planted(names: readonly string[]): Promise<void> {
  mustBeOf(plantedTargets(), names);
  if (values.record && names.length > 0) refuse("--record is for all planted bugs", COMMAND);
  const seconds = Math.min(600, values.seconds);
  const command = `npm run fuzz -- planted ${typed({ ...values, seconds }, "seconds", "seed", "jobs", "record")}`;
  const record = recording("fuzz-planted", command);
  const counts = await runPlanted(names, { seconds, seed, jobs: values.jobs });
  if (counts.plantedFound < counts.planted) process.exitCode = 1;
  refuseNothing({ "planted bugs": counts.planted });
  finish("fuzz-planted", record, counts);
}

async function compare(): Promise<void> {
  if (more.length > 0) refuse(`${more.join(" ")} is no option`, COMMAND);
  const { dialogues } = values;
  const command = `npm run fuzz -- differential ${typed(values, "dialogues", "seed", "record")}`;
  const record = recording("differential", command);
  const counts = await differential({ dialogues, seed });
  if (counts.differencesUnexplained > 0) process.exitCode = 1;
  refuseNothing({ commands: counts.commands });
  finish("differential", record, counts);
}

async function fuzzAll(names: readonly string[]): Promise<void> {
  const known = (await allTargets()).map(({ name }) => name);
  const isAll = names.includes("all");
  const chosen = isAll ? known : names;
  if (chosen.length === 0) refuse("no target is named", COMMAND);
  mustBeOf(known, chosen);
  if (values.record && !isAll) refuse("--record is for all targets", COMMAND);
  const options = typed(values, "inputs", "seconds", "seed", "jobs", "coverage", "record");
  const record = recording("fuzz", `npm run fuzz -- all ${options}`);
  const reports: Report[] = [];
  const left = [...chosen];
  const running = new Set<string>();
  const started = performance.now();
  const progress = setInterval(() => {
    const found = reports.reduce((sum, { outcome }) => sum + outcome.findings.length, 0);
    const seconds = Math.round((performance.now() - started) / 1000);
    console.error(
      `${seconds} s: at ${[...running].join(", ")}; ${reports.length} of ${chosen.length} targets done, ${found} findings in them`,
    );
  }, PROGRESS_MS);
  const work = async (): Promise<void> => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      running.add(name);
      const report = await inChild(name);
      running.delete(name);
      if (report === undefined) continue;
      reports.push(report);
      print(report);
      keep(report);
    }
  };
  await Promise.all(Array.from({ length: values.jobs }, work));
  clearInterval(progress);
  const counts = countsOf(reports, chosen.length);
  console.log(JSON.stringify(counts));
  if (counts.crashes + counts.hangs + counts.violations > 0) process.exitCode = 1;
  refuseNothing({ inputs: counts.inputs });
  finish("fuzz", record, counts);
}

function mustBeOf(known: readonly string[], names: readonly string[]): void {
  const strange = names.filter((name) => !known.includes(name));
  if (strange.length > 0) refuse(`there is no target ${strange.join(", ")} (npm run fuzz -- list)`, COMMAND);
}

function keep({ outcome }: Report): void {
  if (values.keep === undefined) return;
  for (const [at, { input }] of outcome.findings.entries())
    console.log(`    kept as ${keepInCorpus(outcome.target, `${values.keep}${at === 0 ? "" : `-${at + 1}`}`, input)}`);
}

/** Undefined where it died; the watchdog has said of what. */
function inChild(target: string): Promise<Report | undefined> {
  const child = fork(path.join(import.meta.dirname, "child.ts"), { execArgv: ["--no-warnings"] });
  const end = undoAtEnd(() => void child.kill("SIGKILL"));
  const order: Order = {
    target,
    inputs: values.inputs,
    seconds: values.seconds,
    seed,
    isFirstEnough: values["stop-at-first"],
    hasCoverage: values.coverage,
  };
  child.send(order);
  return new Promise((resolve) => {
    let report: Report | undefined;
    child.on("message", (message) => (report = message as Report));
    child.on("exit", (code, signal) => {
      end();
      if (report === undefined) {
        console.log(`${target}: ended with ${signal ?? code}, and said nothing`);
        process.exitCode = 1;
      }
      resolve(report);
    });
  });
}

/** Undefined where it is not asked for; throws where what runs is not committed. */
function recording(suite: string, command: string): Recording | undefined {
  return values.record ? new Recording({ suite, command, seed }) : undefined;
}

function finish(suite: string, record: Recording | undefined, counts: Counts): void {
  tellFigures(suite, counts);
  if (record !== undefined) console.log(`recorded in ${record.finish(counts)}`);
}
