import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import path from "node:path";
import { PLANTED, plantedTree } from "../crash/patched-copy.ts";
import { TREE } from "../support/relay.ts";
import { replay } from "./run.ts";
import { allTargets } from "./targets.ts";
import type { Target } from "./target.ts";

// Each target finds a bug that was planted for it, in a copy of the tree: a patch named like it in test/planted/fuzz.

const FOLDER = "fuzz";
const DIFFERENTIAL = "differential";

export interface PlantedCounts {
  readonly [name: string]: number;
  readonly planted: number;
  readonly plantedFound: number;
  readonly plantedSlowestS: number;
}

export function plantedTargets(): string[] {
  const names = readdirSync(path.join(PLANTED, FOLDER)).filter((name) => name.endsWith(".patch"));
  return names.sort().map((name) => name.slice(0, -".patch".length));
}

interface Found {
  readonly isFound: boolean;
  readonly seconds: number;
  readonly why: string;
}

const FINDING = /^ {2}((?:crash|hang|violation) at input [0-9]+: [^]*?)\n {4}(".*")$/m;

async function targetNamed(name: string): Promise<Target> {
  return (await allTargets()).find((target) => target.name === name)!;
}

/** Parts of the tree that the fuzzer takes to run. */
const PARTS = ["src", "bin", "test", "package.json"];

/** Runs the fuzzer of a copy that has a bug in it, to its end; `patch` is its name in test/planted. */
export async function runPatched(patch: string, args: readonly string[]): Promise<string> {
  const { tree, remove } = plantedTree(patch, PARTS);
  try {
    return await runIn(tree, args);
  } finally {
    remove();
  }
}

async function runIn(tree: string, args: readonly string[]): Promise<string> {
  const whole = ["--no-warnings", "test/fuzz/fuzz.ts", ...args];
  const child = spawn(process.execPath, whole, { cwd: tree, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  await new Promise((resolve) => child.once("close", resolve));
  return output;
}

export interface PlantedOptions {
  /** For each target at most. */
  readonly seconds: number;
  /** What chance is drawn from, in each of the copies. */
  readonly seed: number;
}

/** What is typed for a target in its copy. */
export function argsFor(target: string, { seconds, seed }: PlantedOptions): readonly string[] {
  if (target === DIFFERENTIAL) return [DIFFERENTIAL, "--dialogues", "400", "--seed", `${seed}`];
  const bounds = ["--jobs", "1", "--seconds", `${seconds}`, "--inputs", "1000000000", "--seed", `${seed}`];
  return [target, "--stop-at-first", ...bounds];
}

/** Runs the target on the copy until it finds something, or the time is over. */
async function find(target: string, options: PlantedOptions): Promise<Found> {
  const started = performance.now();
  const output = await runPatched(path.join(FOLDER, target), argsFor(target, options));
  const took = tookSince(started);
  const [, why = "", input] = FINDING.exec(output) ?? [];
  if (input === undefined) return { isFound: false, seconds: took, why: "nothing was found" };
  // The control: what is found is the bug, and not what the target says of the code as it is.
  const wrong = await replay(await targetNamed(target), [{ name: "control", input: JSON.parse(input) as string }]);
  if (wrong.length > 0) return { isFound: false, seconds: took, why: `without the bug too: ${wrong.join()}` };
  return { isFound: true, seconds: took, why };
}

function tookSince(started: number): number {
  return Math.round((performance.now() - started) / 100) / 10;
}

const UNEXPLAINED = /^NOT EXPLAINED, .*$/m;

/** The comparison with Postfix has to see a bug too, and nothing where there is none. */
async function findByComparison(options: PlantedOptions): Promise<Found> {
  const started = performance.now();
  const args = argsFor(DIFFERENTIAL, options);
  const why = UNEXPLAINED.exec(await runPatched(path.join(FOLDER, DIFFERENTIAL), args))?.[0];
  const seconds = tookSince(started);
  if (why === undefined) return { isFound: false, seconds, why: "nothing was found" };
  const without = UNEXPLAINED.exec(await runIn(TREE, args))?.[0];
  if (without !== undefined) return { isFound: false, seconds, why: `without the bug too: ${without}` };
  return { isFound: true, seconds, why };
}

export async function runPlanted(
  names: readonly string[],
  { jobs, ...options }: PlantedOptions & { readonly jobs: number },
): Promise<PlantedCounts> {
  const left = names.length === 0 ? plantedTargets() : [...names];
  const found: Found[] = [];
  const work = async (): Promise<void> => {
    for (let target = left.shift(); target !== undefined; target = left.shift()) {
      const one = await (target === DIFFERENTIAL ? findByComparison(options) : find(target, options));
      found.push(one);
      const how = one.isFound ? `found after ${one.seconds} s: ${one.why}` : `NOT FOUND: ${one.why}`;
      console.log(`${target}: ${how.slice(0, 200)}`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  for (const { close } of await allTargets()) await close?.();
  const counts = {
    planted: found.length,
    plantedFound: found.filter(({ isFound }) => isFound).length,
    plantedSlowestS: Math.max(0, ...found.map((one) => one.seconds)),
  };
  console.log(JSON.stringify(counts));
  return counts;
}
