import { type RunnerTask, afterAll, beforeEach } from "vitest";
import { Recording } from "./result-file.ts";

/** The script of a run whose results are kept in docs/proof: `npm run attacks -- --record`, `... scheduling` (tools/suite.ts). */
const recorded = process.env["WAYPOST_RECORD"] ?? "";

/** What a test file counts, beside its tests and those that failed. */
export interface Tally {
  add(name: string, count?: number): void;
}

/** Call once, at the top of a test file that shows a figure. Throws where it is to be recorded, and is less than the whole. */
export function tally(suite: string): Tally {
  const recording = recorded === "" ? undefined : new Recording({ suite, command: `npm run ${recorded} -- --record` });
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

/** By a filter, or because something is not there that they need. */
export function testsLeftOut(task: RunnerTask): string[] {
  if (task.type === "suite") return task.tasks.flatMap(testsLeftOut);
  return task.mode === "run" ? [] : [task.name];
}
