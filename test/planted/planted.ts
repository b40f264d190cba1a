// `npm run planted`: each planted bug before each suite: who finds it, and after how long.
// Each suite runs without a bug first, and has to find nothing.
import { spawn } from "node:child_process";
import { cpSync, symlinkSync } from "node:fs";
import path from "node:path";
import { stripVTControlCharacters } from "node:util";
import { tellFigures } from "../../tools/proof/told.ts";
import { applyPatch } from "../crash/patched-copy.ts";
import { optionsOf, refuseNothing, typed } from "../support/options.ts";
import { TREE } from "../support/relay.ts";
import { Recording } from "../support/result-file.ts";
import { endGroup, temporaryFolder, undoAtEnd } from "../support/undo.ts";
import { refuseParts } from "../support/whole-run.ts";
import { BLIND_BUGS, BUGS, type Bug } from "./bugs.ts";
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
function copyWith(patch: string | undefined): { readonly tree: string; readonly remove: () => void } {
  const { folder: tree, remove } = temporaryFolder("planted");
  for (const part of [...PARTS, ...FILES]) cpSync(path.join(TREE, part), path.join(tree, part), { recursive: true });
  symlinkSync(path.join(TREE, "node_modules"), path.join(tree, "node_modules"));
  if (patch !== undefined) applyPatch(tree, path.join(TREE, "test/planted", `${patch}.patch`));
  return { tree, remove };
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
  // A group of its own, so that those that it leaves behind can be ended; a signal to this one does not reach it.
  const end = undoAtEnd(() => endGroup(child.pid!));
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-SAID_MAX)));
  let isOver = false;
  const timer = setTimeout(() => {
    isOver = true;
    end();
  }, secondsMax * 1000);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (ended) => {
      end(); // its output ends with those that it left behind
      child.once("close", () => resolve(ended));
    });
  });
  clearTimeout(timer);
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  const words = isOver ? undefined : says.exec(stripVTControlCharacters(said))?.[0].trim();
  return { code: isOver ? undefined : (code ?? 1), seconds, words: words?.slice(0, WORDS_MAX) };
}

/** Suites that find nothing where there is nothing; the others are told. */
async function sober(suites: readonly Suite[]): Promise<readonly Suite[]> {
  const { tree, remove } = copyWith(undefined);
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
    remove();
  }
}

async function findings(patch: string, suites: readonly Suite[]): Promise<readonly Finding[]> {
  const { tree, remove } = copyWith(patch);
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
    remove();
  }
}

function camel(...words: readonly string[]): string {
  return words
    .flatMap((word) => word.split(/[- ]/))
    .map((word, at) => (at === 0 ? word : word[0]!.toUpperCase() + word.slice(1)))
    .join("");
}

/** For each of the bugs that were set by how many it was found, and after how many seconds by whom; -1 where it was not. */
function countsOf(all: readonly Finding[], suites: number): Record<string, number> {
  const isSet = ({ patch }: Bug): boolean => all.some((finding) => finding.patch === patch);
  const [bugs, blind] = [BUGS.filter(isSet), BLIND_BUGS.filter(isSet)];
  const by = Map.groupBy(
    all.filter(({ isFound }) => isFound),
    ({ patch }) => patch,
  );
  return {
    suites,
    bugs: bugs.length,
    caught: bugs.filter(({ patch }) => by.has(patch)).length,
    caughtTwice: bugs.filter(({ patch }) => (by.get(patch)?.length ?? 0) >= 2).length,
    caughtBySimulation: bugs.filter(({ patch }) => by.get(patch)?.some(({ suite }) => suite === "simulation")).length,
    blind: blind.length,
    blindCaught: blind.filter(({ patch }) => by.has(patch)).length,
    ...Object.fromEntries(
      all.map(({ patch, suite, isFound, seconds }) => [camel(patch, "by", suite, "s"), isFound ? seconds : -1]),
    ),
  };
}

const ALL = [...BUGS, ...BLIND_BUGS];
const { values } = optionsOf({
  usage: ["npm run planted -- [OPTIONS]"],
  options: {
    bugs: { kind: "choices", of: ALL.map(({ patch }) => patch), shown: "A,B", help: "of test/planted/bugs.ts" },
    suites: { kind: "choices", of: SUITES.map(({ name }) => name), shown: "A,B", help: "of test/planted/suites.ts" },
    record: { kind: "flag", help: "writes docs/proof/planted.json" },
  },
});
const { bugs: wantedBugs, suites: wantedSuites } = values;
refuseParts(values.record, { bugs: wantedBugs, suites: wantedSuites });
const recording = values.record
  ? new Recording({ suite: "planted", command: `npm run planted -- ${typed(values)}` })
  : undefined;
const chosen = SUITES.filter(({ name }) => wantedSuites?.includes(name) ?? true);
const suites = await sober(chosen);
const all: Finding[] = [];
for (const { patch } of ALL.filter((bug) => wantedBugs?.includes(bug.patch) ?? true))
  all.push(...(await findings(patch, suites)));
const counts = countsOf(all, suites.length);
const { bugs = 0, caught = 0, caughtTwice = 0 } = counts;
console.log(`${caught} of ${bugs} bugs found, ${caughtTwice} by two suites or more`);
if ((chosen.length > 1 ? caughtTwice : caught) !== bugs || suites.length < chosen.length) process.exitCode = 1;
refuseNothing({ suites: suites.length, "bugs set": all.length });
tellFigures("planted", counts);
recording?.finish(counts);
