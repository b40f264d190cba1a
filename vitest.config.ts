import { configDefaults, defineConfig } from "vitest/config";
import { PATIENCE_MS } from "./test/support/patience.ts";

// Transcripts without sockets are as quick as unit tests.
const PURE_TRANSCRIPTS = ["test/transcripts/machine.test.ts", "test/transcripts/reception.test.ts"];

// Two projects: `quick` is what `npm run check` runs (pure, under a minute); `system` starts real relays.
export default defineConfig({
  test: {
    passWithNoTests: false,
    projects: [
      {
        test: {
          name: "quick",
          include: ["src/**/*.test.ts", "tools/**/*.test.ts", "test/structure/**/*.test.ts", ...PURE_TRANSCRIPTS],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "system",
          include: ["test/{attacks,e2e,interop,crash,transcripts}/**/*.test.ts"],
          exclude: [...configDefaults.exclude, ...PURE_TRANSCRIPTS],
          testTimeout: 3 * PATIENCE_MS,
          hookTimeout: PATIENCE_MS,
          expect: { poll: { timeout: PATIENCE_MS } },
          fileParallelism: false,
        },
      },
    ],
  },
});
