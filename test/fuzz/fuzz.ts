// `npm run fuzz -- TARGET|all|list|planted|differential`: see HACKING.md.
import { fork } from "node:child_process";
import path from "node:path";
import { parseArgs } from "node:util";
import type { Order, Report } from "./child.ts";
import { type Counts, Recording } from "../support/result-file.ts";
import { refuseParts } from "../support/whole-run.ts";
import { keepInCorpus } from "./corpus.ts";
import { differential } from "./differential.ts";
import { runPatched, runPlanted } from "./planted.ts";
import { countsOf, print } from "./report.ts";
import { allTargets } from "./targets.ts";

const USAGE = `usage: npm run fuzz -- TARGET... [--inputs N] [--seconds S] [--seed N] [--coverage] [--keep NAME] [--jobs N] [--patch NAME] [--record]
       npm run fuzz -- all [the same]
       npm run fuzz -- list
       npm run fuzz -- planted [TARGET...] [--seconds S] [--record]
       npm run fuzz -- differential [--dialogues N] [--seed N] [--record]`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    inputs: { type: "string", default: "1000000" },
    seconds: { type: "string", default: "3600" },
    seed: { type: "string", default: "1" },
    dialogues: { type: "string", default: "10000" },
    jobs: { type: "string", default: "2" },
    coverage: { type: "boolean", default: false },
    record: { type: "boolean", default: false },
    "stop-at-first": { type: "boolean", default: false },
    keep: { type: "string" },
    patch: { type: "string" },
  },
});

const seed = Number(values.seed);
const [what = "", ...more] = positionals;

refuseParts(values.record, { patch: values.patch, "stop-at-first": values["stop-at-first"] });
if (values.patch !== undefined) console.log(await runPatched(values.patch, withoutPatch(process.argv.slice(2))));
else if (what === "list") await list();
else if (what === "planted") await planted(more);
else if (what === "differential") await compare();
else await fuzzAll(positionals);

function withoutPatch(args: readonly string[]): string[] {
  const at = args.findIndex((arg) => arg === "--patch" || arg.startsWith("--patch="));
  return args.toSpliced(at, args[at] === "--patch" ? 2 : 1);
}

async function list(): Promise<void> {
  for (const { name, files } of await allTargets()) console.log(`${name.padEnd(18)} ${files.join(" ")}`);
}

async function planted(names: readonly string[]): Promise<void> {
  const seconds = Math.min(600, Number(values.seconds));
  const record = recording("fuzz-planted", "npm run fuzz -- planted");
  const counts = await runPlanted(names, seconds, Number(values.jobs));
  if (counts.plantedFound < counts.planted || counts.planted === 0) process.exitCode = 1;
  finish(record, counts);
}

async function compare(): Promise<void> {
  const dialogues = Number(values.dialogues);
  const record = recording("differential", `npm run fuzz -- differential --dialogues ${dialogues}`);
  const counts = await differential({ dialogues, seed });
  if (counts.differencesUnexplained > 0 || counts.commands === 0) process.exitCode = 1;
  finish(record, counts);
}

async function fuzzAll(names: readonly string[]): Promise<void> {
  const known = (await allTargets()).map(({ name }) => name);
  const chosen = names.includes("all") ? known : names;
  if (chosen.length === 0 || chosen.some((name) => !known.includes(name))) {
    console.error(USAGE);
    process.exitCode = 2;
    return;
  }
  const options = `--inputs ${values.inputs}${values.coverage ? " --coverage" : ""}`;
  const record = names.includes("all") ? recording("fuzz", `npm run fuzz -- all ${options}`) : undefined;
  const reports: Report[] = [];
  const left = [...chosen];
  const work = async (): Promise<void> => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      const report = await inChild(name);
      if (report === undefined) continue;
      reports.push(report);
      print(report);
      keep(report);
    }
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, work));
  const counts = countsOf(reports, chosen.length);
  console.log(JSON.stringify(counts));
  if (counts.crashes + counts.hangs + counts.violations > 0) process.exitCode = 1;
  finish(record, counts);
}

function keep({ outcome }: Report): void {
  if (values.keep === undefined) return;
  for (const [at, { input }] of outcome.findings.entries())
    console.log(`    kept as ${keepInCorpus(outcome.target, `${values.keep}${at === 0 ? "" : `-${at + 1}`}`, input)}`);
}

/** Undefined where it died; the watchdog has said of what. */
function inChild(target: string): Promise<Report | undefined> {
  const child = fork(path.join(import.meta.dirname, "child.ts"), { execArgv: ["--no-warnings"] });
  const order: Order = {
    target,
    inputs: Number(values.inputs),
    seconds: Number(values.seconds),
    seed,
    isFirstEnough: values["stop-at-first"],
    hasCoverage: values.coverage,
  };
  child.send(order);
  return new Promise((resolve) => {
    let report: Report | undefined;
    child.on("message", (message) => (report = message as Report));
    child.on("exit", (code, signal) => {
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

function finish(record: Recording | undefined, counts: Counts): void {
  if (record !== undefined) console.log(`recorded in ${record.finish(counts)}`);
}
