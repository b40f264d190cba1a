import { afterAll, beforeEach } from "vitest";
import { Recording } from "./result-file.ts";

/** A run whose results are kept in docs/proof: `WAYPOST_RECORD=1 npm run attacks`, `... scheduling`. */
const isRecorded = process.env["WAYPOST_RECORD"] === "1";

/** What a test file counts, beside its tests and those that failed. */
export interface Tally {
  add(name: string, count?: number): void;
}

/** Call once, at the top of a test file that shows a figure. */
export function tally(suite: string, script = "attacks"): Tally {
  const command = `WAYPOST_RECORD=1 npm run ${script}`;
  const recording = isRecorded ? new Recording({ suite, command }) : undefined;
  const counts: Record<string, number> = { tests: 0, failed: 0 };
  const add = (name: string, count = 1): void => void (counts[name] = (counts[name] ?? 0) + count);
  beforeEach(({ onTestFailed }) => {
    add("tests");
    onTestFailed(() => add("failed"));
  });
  afterAll(() => void recording?.finish(counts));
  return { add };
}
