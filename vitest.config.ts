import { configDefaults, defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { PATIENCE_MS } from "./test/support/patience.ts";

// Transcripts without sockets are as quick as unit tests.
const PURE_TRANSCRIPTS = ["test/transcripts/machine.test.ts", "test/transcripts/reception.test.ts"];
// The simulation's oracle is judged without a world.
const ORACLE = "test/sim/oracle/**/*.test.ts";

// What measures time, counts per minute, or looks at memory has the machine to itself.
const ALONE = [
  "test/overload/**/*.test.ts",
  "test/e2e/scheduling.test.ts",
  "test/e2e/bulk.test.ts",
  "test/e2e/full-disk.test.ts",
  "test/e2e/bench.test.ts",
  "test/attacks/linear.test.ts",
  "test/attacks/next-hop.test.ts",
];

// What takes longest begins first, so that nothing long is left when all else is over.
const LONGEST = [
  "test/crash/kill.test.ts",
  "test/e2e/spool.test.ts",
  "test/e2e/queue-file.test.ts",
  "test/e2e/operator.test.ts",
  "test/crash/power.test.ts",
  "test/crash/crash-points.test.ts",
  "test/e2e/reports.test.ts",
  "test/e2e/reload.test.ts",
  "test/e2e/commands.test.ts",
  "test/crash/disk.test.ts",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const found = LONGEST.findIndex((name) => moduleId.endsWith(name));
      return found === -1 ? LONGEST.length : found;
    };
    return (await super.sort(files)).toSorted((one, other) => rank(one) - rank(other));
  }
}

// Such a test mostly waits: for a start, a retry, an answer that does not come.
const RELAYS = { testTimeout: 3 * PATIENCE_MS, hookTimeout: PATIENCE_MS, expect: { poll: { timeout: PATIENCE_MS } } };

// `quick` is what `npm run check` runs (pure, a minute or two); `system` starts real relays, three files at a time;
// then `alone` does, one file at a time.
export default defineConfig({
  test: {
    passWithNoTests: false,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: "quick",
          include: [
            "src/**/*.test.ts",
            "tools/**/*.test.ts",
            "bench/**/*.test.ts",
            "test/structure/**/*.test.ts",
            "test/fuzz/**/*.test.ts",
            ...PURE_TRANSCRIPTS,
            ORACLE,
          ],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "system",
          include: ["test/{attacks,e2e,interop,crash,sim,transcripts}/**/*.test.ts"],
          exclude: [...configDefaults.exclude, ...PURE_TRANSCRIPTS, ORACLE, ...ALONE],
          ...RELAYS,
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "alone",
          include: ALONE,
          ...RELAYS,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
