import { defineConfig } from "vitest/config";

// Two projects: `quick` is what `npm run check` runs (pure, under a minute); `system` starts real relays.
export default defineConfig({
  test: {
    passWithNoTests: false,
    projects: [
      {
        test: {
          name: "quick",
          include: ["src/**/*.test.ts", "tools/**/*.test.ts", "test/structure/**/*.test.ts"],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "system",
          include: ["test/{attacks,e2e,interop,crash,transcripts}/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
