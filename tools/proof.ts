// Writes docs/proof.md from the result files: `node tools/proof.ts`. With `--check` it writes nothing, and fails where the page
// says something else, where a result was changed by hand, where it is of a part of its suite, where it comes from a commit that
// this one does not descend from, or that had no such suite, and where a target does not hold and nobody says why.
// With `--stale` it tells which results are of another program than the one that is here.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { optionsOf } from "../test/support/options.ts";
import { RESULTS, type Result, digestOf } from "../test/support/result-file.ts";
import { COMMANDS, FIGURES } from "./proof/figures.ts";
import { countsOf, excused, holds, targetOf } from "./proof/showing.ts";
import { proofPage } from "./proof/page.ts";

const ROOT = path.resolve(import.meta.dirname, "..");
const PAGE = path.join(ROOT, "docs/proof.md");

interface ResultFile {
  readonly name: string;
  readonly result: Result;
}

function readFiles(folder: string): readonly ResultFile[] {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names
    .filter((name) => name.endsWith(".json"))
    .toSorted()
    .map((name) => ({ name, result: JSON.parse(readFileSync(path.join(folder, name), "utf8")) as Result }));
}

/** Of files that are named after their suite: two of one suite would hide each other. */
export function readResults(folder = path.join(ROOT, RESULTS)): readonly Result[] {
  return readFiles(folder)
    .filter((file) => misnamed(file) === undefined)
    .map(({ result }) => result);
}

export function misnamed({ name, result }: ResultFile): string | undefined {
  return name === `${result.suite}.json` ? undefined : `is of the suite ${result.suite}`;
}

/** What is wrong with a result, by itself; undefined where nothing is. */
export function faultOf(result: Result): string | undefined {
  if (digestOf(result) !== result.digest) return "was changed after its run: its digest is that of something else";
  if (!/^[0-9a-f]{40}$/.test(result.commit)) return "names no commit";
  const shown = FIGURES.flatMap(({ showings }) => showings).filter(({ suite }) => suite === result.suite);
  if (shown.length === 0) return "is shown by no figure (tools/proof/figures.ts)";
  const seed = /--seed (\d+)/.exec(result.command)?.[1];
  if (seed !== undefined && Number(seed) !== result.seed) return `is of the seed ${result.seed}, and says ${seed}`;
  const missing = shown.flatMap(countsOf).find((name) => result.counts[name] === undefined);
  if (missing !== undefined) return `has no count ${missing}, which a figure shows`;
  const other = otherCommand(result.command, COMMANDS[result.suite]);
  if (other !== undefined) return other;
  const short = shown.find((showing) => !holds(excused(showing), result.counts));
  return short === undefined ? undefined : `misses its target by more than a reason is given for: ${targetOf(short)}`;
}

/** How a suite runs, and not how much of it. */
const FREE: ReadonlySet<string> = new Set(["--seed", "--jobs"]);
/** More of it shows more. */
const GROWING: ReadonlySet<string> = new Set(
  ["rounds", "cuts", "migrations", "inputs", "seconds", "dialogues", "seeds", "messages"].map((name) => `--${name}`),
);

/** What keeps a command from being the whole one; undefined where nothing does. */
export function otherCommand(command: string, whole: string | undefined): string | undefined {
  if (whole === undefined) return "is of a suite without a whole command (tools/proof/figures.ts)";
  const [given, wanted] = [partsOf(asTypedNow(command)), partsOf(whole)];
  const names = [...new Set([...given.keys(), ...wanted.keys()])].filter((name) => !FREE.has(name));
  const isOther = names.some((name) => {
    const [one, other] = [given.get(name), wanted.get(name)];
    return one !== other && !(GROWING.has(name) && Number(one) >= Number(other));
  });
  return isOther ? `was recorded by ${command}, and a whole run is ${whole}` : undefined;
}

/** Suites of tests were recorded by a variable before they had an option for it; what ran is the same. */
function asTypedNow(command: string): string {
  return command.replace(/^WAYPOST_RECORD=1 (npm run [\w-]+)$/, "$1 -- --record");
}

/** With their values; what is before the first of them is "". */
function partsOf(command: string): ReadonlyMap<string, string> {
  const [start = "", ...options] = command.split(/ (?=--[a-z])/);
  const pairs = options.map((option): [string, string] => {
    const [name = "", ...value] = option.split(" ");
    return [name, value.join(" ")];
  });
  return new Map([["", start.replace(/ --$/, "")], ...pairs]);
}

/** The script that a command runs: `npm run NAME`. */
function scriptOf(command: string): string {
  return /\bnpm run ([\w-]+)/.exec(command)?.[1] ?? "";
}

/** Whether the commit could have run this, and then. */
export function impossibleRun({ suite, commit, command, startedAt }: Result, cwd = ROOT): string | undefined {
  const git = (...args: readonly string[]): string => execFileSync("git", args, { cwd, encoding: "utf8" });
  const committedAt = git("show", "--no-patch", "--format=%cI", commit).trim();
  if (!(Date.parse(startedAt) >= Date.parse(committedAt)))
    return `started at ${startedAt}, before its commit of ${committedAt}`;
  const { scripts = {} } = JSON.parse(git("show", `${commit}:package.json`)) as {
    readonly scripts?: Readonly<Record<string, string>>;
  };
  const script = scriptOf(command);
  if (!Object.hasOwn(scripts, script)) return `was run by a script ${script}, which its commit has not`;
  const figures = git("show", `${commit}:tools/proof/figures.ts`);
  return figures.includes(`suite: "${suite}"`) ? undefined : "is of a suite that its commit has not";
}

/** A run is recorded once: another version of the file that began at the same moment is what this one was edited from. */
export function edited(file: string, cwd = ROOT): string | undefined {
  const git = (...args: readonly string[]): string => execFileSync("git", args, { cwd, encoding: "utf8" });
  const commits = git("log", "--format=%H", "--diff-filter=AM", "--", file).split("\n").slice(0, -1);
  const { startedAt, digest } = JSON.parse(readFileSync(path.join(cwd, file), "utf8")) as Result;
  const isOther = commits
    .map((commit) => JSON.parse(git("show", `${commit}:${file}`)) as Result)
    .some((version) => version.startedAt === startedAt && version.digest !== digest);
  return isOther ? `was changed after the run of ${startedAt}` : undefined;
}

/** The same, by the history of this tree. */
export function strangeCommit(commit: string, cwd = ROOT): string | undefined {
  const found = spawnSync("git", ["merge-base", "--is-ancestor", commit, "HEAD"], { cwd, encoding: "utf8" });
  if (found.status === 0) return undefined;
  return `comes from ${commit}, which is no ancestor of what is here${found.stderr === "" ? "" : `: ${found.stderr.trim()}`}`;
}

function check(results: readonly Result[], folder = path.join(ROOT, RESULTS)): string[] {
  const hasHistory = existsSync(path.join(ROOT, ".git"));
  if (!hasHistory) console.log("no repository here: where the results come from was not looked at");
  const byHistory = ({ name, result }: ResultFile): string | undefined =>
    hasHistory ? (strangeCommit(result.commit) ?? impossibleRun(result) ?? edited(`${RESULTS}/${name}`)) : undefined;
  const faults = readFiles(folder).flatMap((file) => {
    const fault = misnamed(file) ?? faultOf(file.result) ?? byHistory(file);
    return fault === undefined ? [] : [`${RESULTS}/${file.name} ${fault}`];
  });
  const page = existsSync(PAGE) ? readFileSync(PAGE, "utf8") : "";
  if (page !== proofPage(results)) faults.push("docs/proof.md is not what its results say; run npm run proof");
  return faults;
}

/** Results of a program that is not the one here. */
function stale(results: readonly Result[]): string[] {
  return results.flatMap(({ suite, commit }) => {
    const found = spawnSync("git", ["diff", "--quiet", commit, "HEAD", "--", "src", "bin"], { cwd: ROOT });
    return found.status === 0 ? [] : [`${suite}: src or bin changed since ${commit}`];
  });
}

const COMMAND = {
  usage: ["npm run proof -- [OPTIONS]"],
  about: "Writes docs/proof.md from the results in docs/proof.",
  options: {
    check: { kind: "flag", help: "writes nothing, and tells what is wrong with the results and the page" },
    stale: {
      kind: "flag",
      help: "writes nothing, and tells which results are of another program than the one that is here",
    },
  },
} as const;

function main(): void {
  const { values } = optionsOf(COMMAND);
  const results = readResults();
  if (!values.check && !values.stale) return writeFileSync(PAGE, proofPage(results));
  const found = [...(values.check ? check(results) : []), ...(values.stale ? stale(results) : [])];
  for (const line of found) console.error(line);
  if (found.length > 0) process.exitCode = 1;
  else if (values.stale) console.log("each result is of the program that is here");
}

if (import.meta.main) main();
