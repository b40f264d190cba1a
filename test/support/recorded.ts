import { type RunnerTask, afterAll, beforeEach } from "vitest";
import { isProof } from "./proof.ts";
import { Recording } from "./result-file.ts";

/** A run whose results are kept in docs/proof: `WAYPOST_RECORD=1 npm run attacks`, `... scheduling`. */
const isRecorded = process.env["WAYPOST_RECORD"] === "1";

/** What a test file counts, beside its tests and those that failed. */
export interface Tally {
  add(name: string, count?: number): void;
}

/** Call once, at the top of a test file that shows a figure. Throws where it is to be recorded, and is less than the whole. */
export function tally(suite: string): Tally {
  const recording = isRecorded ? new Recording({ suite, command: givenCommand() }) : undefined;
  const counts: Record<string, number> = { tests: 0, failed: 0 };
  const add = (name: string, count = 1): void => void (counts[name] = (counts[name] ?? 0) + count);
  let tasks: readonly RunnerTask[] = [];
  beforeEach(({ task, onTestFailed }) => {
    ({ tasks } = task.file);
    add("tests");
    onTestFailed(() => add("failed"));
  });
  afterAll(() => {
    if (recording === undefined) return;
    const left = tasks.flatMap(testsLeftOut);
    if (left.length > 0) throw new Error(`not recorded: these tests of the file did not run: ${left.join("; ")}`);
    recording.finish(counts);
  });
  return { add };
}

/** What was typed, as far as it says how much is run: npm tells the script that it runs. */
function givenCommand(): string {
  const script = process.env["npm_lifecycle_event"];
  if (script === undefined) throw new Error("not recorded: what is recorded is run by `npm run`");
  if (!isProof) throw new Error(`not recorded: npm run ${script} runs a part of each suite only`);
  return `WAYPOST_RECORD=1 npm run ${script}`;
}

/** By a filter, or because something is not there that they need. */
export function testsLeftOut(task: RunnerTask): string[] {
  if (task.type === "suite") return task.tasks.flatMap(testsLeftOut);
  return task.mode === "run" ? [] : [task.name];
}
