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

async function run(order: Order): Promise<Report> {
  const coverage = order.hasCoverage ? await Coverage.start() : undefined;
  const target = (await allTargets()).find(({ name }) => name === order.target);
  if (target === undefined) throw new Error(`no target ${order.target}`);
  coverage?.watch(target.files);
  const replayed = await replay(target);
  const watchdog = new Watchdog();
  const outcome = await fuzz(target, {
    inputs: Math.ceil(order.inputs * (target.share ?? 1)),
    ms: order.seconds * 1000,
    seed: order.seed,
    isFirstEnough: order.isFirstEnough,
    coverage,
    overhear: (input) => watchdog.begins(input),
  });
  await watchdog.stop();
  const files = coverage?.files() ?? [];
  await coverage?.stop();
  return { outcome, replayed, coverage: files, unreachable: target.unreachable ?? {} };
}

if (process.send !== undefined) {
  process.once("message", (order: Order) => {
    void run(order).then((report) => process.send!(report, () => process.disconnect()));
  });
}
