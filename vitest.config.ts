import { configDefaults, defineConfig } from "vitest/config";
import { PATIENCE_MS } from "./test/support/patience.ts";

// Transcripts without sockets are as quick as unit tests.
const PURE_TRANSCRIPTS = ["test/transcripts/machine.test.ts", "test/transcripts/reception.test.ts"];
// The simulation's oracle is judged without a world.
const ORACLE = "test/sim/oracle/**/*.test.ts";

// What measures time, counts per minute, kills in the middle of a load, or looks at memory has the machine to itself.
const ALONE = [
  "test/crash/**/*.test.ts",
  "test/overload/**/*.test.ts",
  "test/e2e/scheduling.test.ts",
  "test/e2e/bulk.test.ts",
  "test/e2e/full-disk.test.ts",
  "test/e2e/bench.test.ts",
  "test/attacks/linear.test.ts",
  "test/attacks/next-hop.test.ts",
];

// Such a test mostly waits: for a start, a retry, an answer that does not come.
const RELAYS = { testTimeout: 3 * PATIENCE_MS, hookTimeout: PATIENCE_MS, expect: { poll: { timeout: PATIENCE_MS } } };

// `quick` is what `npm run check` runs (pure, a minute or two); `system` starts real relays, two files at a time;
// then `alone` does, one file at a time.
export default defineConfig({
  test: {
    passWithNoTests: false,
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
          maxWorkers: 2,
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
