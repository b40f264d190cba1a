import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileSystemOf } from "./file-system.ts";

// What a suite found, for docs/proof.md, or for docs/performance.md: with the commit that it ran on, and a digest, so that a
// figure that somebody wrote in by hand is noticed (`node tools/proof.ts --check`, `node tools/performance.ts --check`).

const ROOT = path.resolve(import.meta.dirname, "../..");

/** Where result files are, from the root of the project. */
export const RESULTS = "docs/proof";

/** What a run depends on: it is recorded only where all of that is committed. */
const RUN_FROM =
  "src bin test bench tools examples packaging package.json package-lock.json tsconfig*.json vitest.config.ts".split(
    " ",
  );

export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly memoryMiB: number;
  readonly system: string;
  readonly node: string;
  /** Of where the data under test lay. */
  readonly fileSystem: string;
}

/** By name; units last (`p95Ms`). */
export type Counts = Readonly<Record<string, number>>;

export interface Result {
  readonly suite: string;
  readonly commit: string;
  readonly command: string;
  /** What chance was drawn from; null where the suite draws none. */
  readonly seed: number | null;
  readonly startedAt: string;
  readonly seconds: number;
  readonly machine: Machine;
  readonly counts: Counts;
  /** SHA-256 of all of the above, as `digestOf` has it. */
  readonly digest: string;
}

export interface Run {
  readonly suite: string;
  /** What has to be typed for it. */
  readonly command: string;
  readonly seed?: number;
  /** What its data lay on, where that is not the folder for temporary files. */
  readonly fileSystem?: string;
  /** Where its result file goes, from the root of the project; where it is not given, that is `RESULTS`. */
  readonly folder?: string;
}

/** A run that is going to be recorded. */
export class Recording {
  readonly #run: Run;
  readonly #commit: string;
  readonly #startedAt = new Date();

  /** Throws where what is about to run is not what is committed. */
  constructor(run: Run) {
    this.#run = run;
    this.#commit = committed();
  }

  /** Writes the result file; answers its path. Throws where the code changed meanwhile. */
  finish(counts: Counts): string {
    const bare = {
      suite: this.#run.suite,
      commit: this.#commit,
      command: this.#run.command,
      seed: this.#run.seed ?? null,
      startedAt: this.#startedAt.toISOString(),
      seconds: Math.round((Date.now() - this.#startedAt.getTime()) / 1000),
      machine: thisMachine(this.#run.fileSystem ?? fileSystemOf(os.tmpdir())),
      counts: sorted(counts),
    };
    if (git("diff", "--name-only", this.#commit, "--", ...RUN_FROM) !== "" || notCommitted() !== undefined)
      throw new Error(`not recorded: the code is not any more what it was at ${this.#commit}`);
    const result: Result = { ...bare, digest: digestOf(bare) };
    const file = path.join(ROOT, this.#run.folder ?? RESULTS, `${result.suite}.json`);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
    return file;
  }
}

/** The digest that belongs to a result. */
export function digestOf(result: Omit<Result, "digest">): string {
  const { suite, commit, command, seed, startedAt, seconds, machine, counts } = result;
  const all = JSON.stringify([suite, commit, command, seed, startedAt, seconds, machine, counts]);
  return createHash("sha256").update(all).digest("hex");
}

/** The commit that the code is; throws where it is none. */
function committed(): string {
  const why = notCommitted();
  if (why !== undefined) throw new Error(why);
  return git("rev-parse", "HEAD");
}

/** Why what runs is not what is committed; undefined where it is. */
export function notCommitted(root = ROOT): string | undefined {
  // The launcher prefers what was compiled, and no repository knows of what that was.
  if (existsSync(path.join(root, "dist"))) return "not recorded: what is compiled in dist would run; remove dist";
  const changed = gitIn(root, "status", "--porcelain", "--", ...RUN_FROM);
  return changed === "" ? undefined : `only what is committed can be recorded, and this is not:\n${changed}`;
}

function git(...args: readonly string[]): string {
  return gitIn(ROOT, ...args);
}

function gitIn(cwd: string, ...args: readonly string[]): string {
  return execFileSync("git", args, { cwd, encoding: "utf8" }).trim();
}

function thisMachine(fileSystem: string): Machine {
  const cpus = os.cpus();
  return {
    cores: os.availableParallelism(),
    processor: cpus[0]?.model ?? "unknown",
    memoryMiB: Math.round(os.totalmem() / 2 ** 20),
    system: `${os.type()} ${os.release()}`,
    node: process.version,
    fileSystem,
  };
}

function sorted(counts: Counts): Counts {
  for (const [name, count] of Object.entries(counts))
    if (!Number.isFinite(count)) throw new Error(`${name} is ${count}, which is no figure`);
  return Object.fromEntries(Object.entries(counts).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
