import { spawnSync } from "node:child_process";
import { cpSync, readFileSync } from "node:fs";
import path from "node:path";
import { plantedTree } from "../crash/patched-copy.ts";
import { SHOWN_BY, WORLDS } from "../planted/bugs.ts";
import { TREE } from "../support/relay.ts";
import { type Counts, Recording } from "../support/result-file.ts";

/** What a world takes at most, on a slow machine: a bug that turns on the spot takes for ever. */
const WORLD_MS = 60_000;

/** Bugs that worlds can show. */
const SHOWN = Object.keys(SHOWN_BY).filter((patch) => SHOWN_BY[patch]!.includes(WORLDS));

/** All bugs that worlds can show. */
export const ALL = "all";

interface PlantedOptions {
  readonly patch: readonly string[];
  readonly seed: number;
  readonly seeds: number;
  readonly hours: number;
  readonly record: boolean;
}

interface Found {
  readonly seeds: number;
  readonly violations: number;
}

/** The worlds in copies of the tree that have a bug each. Zero where each is found. */
export function runPlanted(options: PlantedOptions): number {
  const { patch, seed, seeds, record } = options;
  const command = `npm run sim -- --patch ${patch.join(",")} --seed ${seed} --seeds ${seeds} --record`;
  const recording = record ? new Recording({ suite: "sim-planted", command, seed }) : undefined;
  const patches = patch.includes(ALL) ? SHOWN : patch;
  const counts: Record<string, number> = { planted: patches.length, found: 0 };
  for (const name of patches) {
    const started = performance.now();
    const { seeds: needed, violations } = find(name, options);
    const seconds = (performance.now() - started) / 1000;
    const isFound = violations > 0;
    if (isFound) counts["found"]!++;
    counts[`seeds${nameOf(name)}`] = isFound ? needed : -1;
    const how = isFound ? `found in world ${needed}` : `not found in ${needed} worlds`;
    console.log(`${name}: ${how}, ${seconds.toFixed(1)} s`);
  }
  if (recording !== undefined) console.log(`written: ${recording.finish(counts)}`);
  return counts["found"] === counts["planted"] ? 0 : 1;
}

function find(patch: string, { seed, seeds, hours }: PlantedOptions): Found {
  const { tree, remove } = plantedTree(patch);
  try {
    cpSync(path.join(TREE, "test"), path.join(tree, "test"), { recursive: true });
    const out = path.join(tree, "counts.json");
    const args = ["--seed", seed, "--seeds", seeds, "--hours", hours, "--out", out, "--stop-at-first"].map(String);
    const said = saidBy([path.join(tree, "test/sim/sim.ts"), ...args], seeds * WORLD_MS);
    if (said === undefined) return { seeds, violations: 0 };
    console.log(firstViolation(said));
    return JSON.parse(readFileSync(out, "utf8")) as Counts & Found;
  } finally {
    remove();
  }
}

/** What a program says of what is wrong; undefined, and told, where it was ended, as one that takes too long. */
export function saidBy(args: readonly string[], withinMs: number): string | undefined {
  const ran = spawnSync(process.execPath, args, { encoding: "utf8", timeout: withinMs, killSignal: "SIGKILL" });
  if (ran.error === undefined) return ran.stderr;
  console.log(`ended within ${withinMs / 1000} s, and found nothing: ${ran.error.message}`);
  return undefined;
}

function firstViolation(text: string): string {
  return text.split("\n").find((line) => line.startsWith("seed ")) ?? text;
}

/** `second-250` as `Second250`. */
function nameOf(patch: string): string {
  return patch
    .split("-")
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join("");
}
