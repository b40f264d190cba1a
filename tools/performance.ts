// Writes docs/performance.md from what `npm run bench -- --record` found. With `--check` it writes nothing, and fails where the page
// says something else, where a result was changed by hand, and where it comes from a commit that this one does not descend from.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { PERFORMANCE } from "../bench/side-by-side/record.ts";
import { optionsOf } from "../test/support/options.ts";
import { type Result, digestOf } from "../test/support/result-file.ts";
import { performancePage } from "./performance/page.ts";
import { impossibleRun, otherCommand, strangeCommit } from "./proof.ts";

const ROOT = path.resolve(import.meta.dirname, "..");
const PAGE = path.join(ROOT, "docs/performance.md");
const WHOLE = "npm run bench -- --rounds 5 --record";

function recorded(): Result | undefined {
  const file = path.join(ROOT, PERFORMANCE, "bench.json");
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Result) : undefined;
}

/** What is wrong with a result; undefined where nothing is. */
export function faultOf(result: Result, cwd = ROOT): string | undefined {
  if (digestOf(result) !== result.digest) return "was changed after its run: its digest is that of something else";
  const other = otherCommand(result.command, WHOLE);
  if (other !== undefined) return other;
  if (!existsSync(path.join(cwd, ".git"))) return undefined;
  return strangeCommit(result.commit, cwd) ?? impossibleRun(result, cwd);
}

function check(result: Result | undefined): readonly string[] {
  const fault = result === undefined ? undefined : faultOf(result);
  const faults = fault === undefined ? [] : [`${PERFORMANCE}/bench.json ${fault}`];
  const page = existsSync(PAGE) ? readFileSync(PAGE, "utf8") : "";
  return page === performancePage(result)
    ? faults
    : [...faults, "docs/performance.md is not what its results say; run npm run performance"];
}

const COMMAND = {
  usage: ["npm run performance -- [OPTIONS]"],
  about: "Writes docs/performance.md from what `npm run bench -- --record` found.",
  options: { check: { kind: "flag", help: "writes nothing, and tells what is wrong with the result and the page" } },
} as const;

function main(): void {
  const { values } = optionsOf(COMMAND);
  if (!values.check) return writeFileSync(PAGE, performancePage(recorded()));
  const faults = check(recorded());
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) process.exitCode = 1;
}

if (import.meta.main) main();
