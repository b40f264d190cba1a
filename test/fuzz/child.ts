// One target in a process of its own: started by `fuzz.ts`, which hears the outcome.
import { Coverage, type FileCoverage } from "./coverage.ts";
import { type Outcome, fuzz, replay } from "./run.ts";
import { allTargets } from "./targets.ts";
import { Watchdog } from "./watchdog.ts";

export interface Order {
  readonly target: string;
  readonly inputs: number;
  readonly seconds: number;
  readonly seed: number;
  readonly isFirstEnough: boolean;
  readonly hasCoverage: boolean;
}

export interface Report {
  readonly outcome: Outcome;
  /** What of the corpus is wrong. */
  readonly replayed: readonly string[];
  readonly coverage: readonly FileCoverage[];
  /** Lines that no input can reach, by a piece of their text, and why. */
  readonly unreachable: Readonly<Record<string, string>>;
}

/** Inputs whose coverage is looked at. */
const MEASURED_MAX = 40_000;

function both(one: Outcome, other: Outcome): Outcome {
  return {
    target: one.target,
    inputs: one.inputs + other.inputs,
    findings: [...one.findings, ...other.findings],
    longestMs: Math.max(one.longestMs, other.longestMs),
    tookMs: one.tookMs + other.tookMs,
    summary: other.summary,
  };
}

async function run(order: Order): Promise<Report> {
  const coverage = order.hasCoverage ? await Coverage.start() : undefined;
  const target = (await allTargets()).find(({ name }) => name === order.target);
  if (target === undefined) throw new Error(`no target ${order.target}`);
  coverage?.watch(target.files);
  const replayed = await replay(target);
  const watchdog = new Watchdog();
  const inputs = Math.ceil(order.inputs * (target.share ?? 1));
  const overhear = (input: string): void => watchdog.begins(input);
  const options = { ms: order.seconds * 1000, seed: order.seed, isFirstEnough: order.isFirstEnough, overhear };
  const measured = Math.min(inputs, MEASURED_MAX);
  let outcome = await fuzz(target, { ...options, inputs: coverage === undefined ? inputs : measured, coverage });
  const files = coverage?.files() ?? [];
  await coverage?.stop();
  // What is measured is slow: the rest goes without.
  if (coverage !== undefined && inputs > measured)
    outcome = both(outcome, await fuzz(target, { ...options, inputs: inputs - measured, seed: order.seed + 1 }));
  await watchdog.stop();
  return { outcome, replayed, coverage: files, unreachable: target.unreachable ?? {} };
}

if (process.send !== undefined) {
  process.once("message", (order: Order) => {
    void run(order).then((report) => process.send!(report, () => process.disconnect()));
  });
}
