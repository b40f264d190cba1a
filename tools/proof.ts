// Writes docs/proof.md from the result files: `node tools/proof.ts`. With `--check` it writes nothing, and fails where the page
// says something else, where a result was changed by hand, and where it comes from a commit that this one does not descend from.
// With `--stale` it tells which results are of another program than the one that is here.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { RESULTS, type Result, digestOf } from "../test/support/result-file.ts";
import { FIGURES, countsOf } from "./proof/figures.ts";
import { proofPage } from "./proof/page.ts";

const ROOT = path.resolve(import.meta.dirname, "..");
const PAGE = path.join(ROOT, "docs/proof.md");

/** Throws where a file is not named after its suite: two of one suite would hide each other. */
export function readResults(folder = path.join(ROOT, RESULTS)): readonly Result[] {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names
    .filter((name) => name.endsWith(".json"))
    .toSorted()
    .map((name) => {
      const result = JSON.parse(readFileSync(path.join(folder, name), "utf8")) as Result;
      if (name !== `${result.suite}.json`) throw new Error(`${RESULTS}/${name} is of the suite ${result.suite}`);
      return result;
    });
}

/** What is wrong with a result, by itself; undefined where nothing is. */
export function faultOf(result: Result): string | undefined {
  if (digestOf(result) !== result.digest) return "was changed after its run: its digest is that of something else";
  if (!/^[0-9a-f]{40}$/.test(result.commit)) return "names no commit";
  const shown = FIGURES.flatMap(({ showings }) => showings).filter(({ suite }) => suite === result.suite);
  if (shown.length === 0) return "is shown by no figure (tools/proof/figures.ts)";
  const missing = shown.flatMap(countsOf).find((name) => result.counts[name] === undefined);
  return missing === undefined ? undefined : `has no count ${missing}, which a figure shows`;
}

/** The same, by the history of this tree. */
export function strangeCommit(commit: string, cwd = ROOT): string | undefined {
  const found = spawnSync("git", ["merge-base", "--is-ancestor", commit, "HEAD"], { cwd, encoding: "utf8" });
  if (found.status === 0) return undefined;
  return `comes from ${commit}, which is no ancestor of what is here${found.stderr === "" ? "" : `: ${found.stderr.trim()}`}`;
}

function check(results: readonly Result[]): string[] {
  const hasHistory = existsSync(path.join(ROOT, ".git"));
  if (!hasHistory) console.log("no repository here: where the results come from was not looked at");
  const faults = results.flatMap((result) => {
    const fault = faultOf(result) ?? (hasHistory ? strangeCommit(result.commit) : undefined);
    return fault === undefined ? [] : [`${RESULTS}/${result.suite}.json ${fault}`];
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

function main(argument: string | undefined): void {
  const results = readResults();
  if (argument === undefined) return writeFileSync(PAGE, proofPage(results));
  const found = argument === "--check" ? check(results) : argument === "--stale" ? stale(results) : [];
  for (const line of found) console.error(line);
  if (argument !== "--check" && argument !== "--stale") {
    console.error("usage: node tools/proof.ts [--check|--stale]");
    process.exitCode = 2;
  } else if (found.length > 0) process.exitCode = 1;
}

if (import.meta.main) main(process.argv[2]);
