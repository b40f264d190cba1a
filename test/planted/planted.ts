// `npm run planted -- [--bugs A,B] [--suites A,B] [--record]`: each planted bug before each suite: who finds it, and after how long.
// Each suite runs without a bug first, and has to find nothing.
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs, stripVTControlCharacters } from "node:util";
import { applyPatch } from "../crash/patched-copy.ts";
import { TREE } from "../support/relay.ts";
import { Recording } from "../support/result-file.ts";
import { refuseParts } from "../support/whole-run.ts";
import { BLIND_BUGS, BUGS } from "./bugs.ts";
import { SUITES, type Suite } from "./suites.ts";

interface Finding {
  readonly patch: string;
  readonly suite: string;
  readonly isFound: boolean;
  readonly seconds: number;
}

const PARTS = [
  "src",
  "bin",
  "test",
  "bench",
  "tools",
  "examples",
  "docs",
  "packaging",
  "package.json",
  "vitest.config.ts",
];
/** Octets of a suite's output that are looked at, its last ones, and of what it says is shown. */
const SAID_MAX = 1024 * 1024;
const WORDS_MAX = 160;

const FILES = ["tsconfig.json", "tsconfig.build.json", "README.md", "CHANGELOG.md", "LICENSE"];

/** A copy of the whole project, with the bug where there is one. */
function copyWith(patch: string | undefined): string {
  const tree = mkdtempSync(path.join(tmpdir(), "waypost-planted-"));
  for (const part of [...PARTS, ...FILES]) cpSync(path.join(TREE, part), path.join(tree, part), { recursive: true });
  symlinkSync(path.join(TREE, "node_modules"), path.join(tree, "node_modules"));
  if (patch !== undefined) applyPatch(tree, path.join(TREE, "test/planted", `${patch}.patch`));
  return tree;
}

interface End {
  /** Undefined where it took too long. */
  readonly code: number | undefined;
  readonly seconds: number;
  /** What it said of what is wrong; undefined where it said nothing of the kind. */
  readonly words: string | undefined;
}

async function run({ command, secondsMax, says }: Suite, tree: string): Promise<End> {
  const [program = "", ...args] = command;
  const started = performance.now();
  const env = { ...process.env, PATH: `${path.dirname(process.execPath)}:${process.env["PATH"]}` };
  const child = spawn(program, args, { cwd: tree, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-SAID_MAX)));
  let isOver = false;
  const timer = setTimeout(() => {
    isOver = true;
    process.kill(-child.pid!, "SIGKILL");
  }, secondsMax * 1000);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (ended) => {
      endGroup(child.pid!); // its output ends with those that it left behind
      child.once("close", () => resolve(ended));
    });
  });
  clearTimeout(timer);
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  const words = isOver ? undefined : says.exec(stripVTControlCharacters(said))?.[0].trim();
  return { code: isOver ? undefined : (code ?? 1), seconds, words: words?.slice(0, WORDS_MAX) };
}

/** What a suite that ended in the middle left behind. */
function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Suites that find nothing where there is nothing; the others are told. */
async function sober(suites: readonly Suite[]): Promise<readonly Suite[]> {
  const tree = copyWith(undefined);
  try {
    const found: Suite[] = [];
    for (const suite of suites) {
      const { code, seconds } = await run(suite, tree);
      console.log(
        `without a bug  ${suite.name.padEnd(16)} ${code === 0 ? "nothing" : "ENDS WITH " + String(code)} in ${seconds} s`,
      );
      if (code === 0) found.push(suite);
    }
    return found;
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

async function findings(patch: string, suites: readonly Suite[]): Promise<readonly Finding[]> {
  const tree = copyWith(patch);
  try {
    const list: Finding[] = [];
    for (const suite of suites) {
      const { code, seconds, words } = await run(suite, tree);
      const isFound = code !== 0 && words !== undefined;
      list.push({ patch, suite: suite.name, isFound, seconds });
      const result = isFound
        ? `found in ${seconds} s: ${words}`
        : code === 0
          ? "-"
          : `${code === undefined ? "TOOK TOO LONG" : `ENDS WITH ${code}`}, says nothing`;
      console.log(`${patch.padEnd(24)} ${suite.name.padEnd(16)} ${result}`);
    }
    return list;
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

function camel(...words: readonly string[]): string {
  return words
    .flatMap((word) => word.split(/[- ]/))
    .map((word, at) => (at === 0 ? word : word[0]!.toUpperCase() + word.slice(1)))
    .join("");
}

/** For each bug by how many it was found, and after how many seconds by whom; -1 where it was not. */
function countsOf(all: readonly Finding[], suites: number): Record<string, number> {
  const by = Map.groupBy(
    all.filter(({ isFound }) => isFound),
    ({ patch }) => patch,
  );
  const twice = BUGS.filter(({ patch }) => (by.get(patch)?.length ?? 0) >= 2).length;
  return {
    suites,
    bugs: BUGS.length,
    caught: BUGS.filter(({ patch }) => by.has(patch)).length,
    caughtTwice: twice,
    caughtBySimulation: BUGS.filter(({ patch }) => by.get(patch)?.some(({ suite }) => suite === "simulation")).length,
    blind: BLIND_BUGS.length,
    blindCaught: BLIND_BUGS.filter(({ patch }) => by.has(patch)).length,
    ...Object.fromEntries(
      all.map(({ patch, suite, isFound, seconds }) => [camel(patch, "by", suite, "s"), isFound ? seconds : -1]),
    ),
  };
}

const { values } = parseArgs({
  options: { bugs: { type: "string" }, suites: { type: "string" }, record: { type: "boolean", default: false } },
});
const wanted = (list: string | undefined, name: string): boolean =>
  list === undefined || list.split(",").includes(name);
refuseParts(values.record, { bugs: values.bugs, suites: values.suites });
const recording = values.record
  ? new Recording({
      suite: "planted",
      command: "npm run planted -- --record",
    })
  : undefined;
const suites = await sober(SUITES.filter(({ name }) => wanted(values.suites, name)));
const all: Finding[] = [];
for (const { patch } of [...BUGS, ...BLIND_BUGS].filter((bug) => wanted(values.bugs, bug.patch)))
  all.push(...(await findings(patch, suites)));
const counts = countsOf(all, suites.length);
console.log(`${counts["caughtTwice"]} of ${BUGS.length} bugs found by two suites or more`);
if (counts["caughtTwice"] !== BUGS.length || suites.length < SUITES.length) process.exitCode = 1;
recording?.finish(counts);
