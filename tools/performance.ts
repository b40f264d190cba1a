// Writes docs/performance.md from what `npm run bench -- --record` found. With `--check` it writes nothing, and fails where the page
// says something else, where a result was changed by hand, and where it comes from a commit that this one does not descend from.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { PERFORMANCE } from "../bench/side-by-side/record.ts";
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

function main(argument: string | undefined): void {
  if (argument === undefined) return writeFileSync(PAGE, performancePage(recorded()));
  if (argument !== "--check") {
    console.error("usage: node tools/performance.ts [--check]");
    process.exitCode = 2;
    return;
  }
  const faults = check(recorded());
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) process.exitCode = 1;
}

if (import.meta.main) main(process.argv[2]);
