// The suites that planted bugs are set before, each in a size that finds what it can in a minute or two.

export interface Suite {
  readonly name: string;
  /** A command in a copy of the project: ends with 0 where nothing is wrong. */
  readonly command: readonly string[];
  /** A relay that hangs is found, too. */
  readonly secondsMax: number;
}

const vitest = (project: string, ...files: readonly string[]): readonly string[] => [
  process.execPath,
  "node_modules/vitest/vitest.mjs",
  "run",
  "--bail=1",
  "--project",
  project,
  ...files,
];

const node = (...args: readonly string[]): readonly string[] => [process.execPath, ...args];

export const SUITES: readonly Suite[] = [
  {
    name: "simulation",
    command: node("test/sim/sim.ts", "--seed", "1", "--seeds", "40", "--stop-at-first"),
    secondsMax: 240,
  },
  { name: "transcripts", command: vitest("quick", "test/transcripts/machine.test.ts"), secondsMax: 120 },
  {
    name: "attacks",
    command: vitest(
      "system",
      "test/attacks/laws",
      "test/attacks/smuggling",
      "test/attacks/starttls-in",
      "test/attacks/poison",
    ),
    secondsMax: 180,
  },
  { name: "fuzz", command: node("test/fuzz/fuzz.ts", "all", "--inputs", "3000", "--stop-at-first"), secondsMax: 240 },
  { name: "crash", command: node("test/crash/kill.ts", "--rounds", "6", "--life", "under-load"), secondsMax: 240 },
  { name: "crash points", command: node("test/crash/crash-points.ts", "--every", "23"), secondsMax: 300 },
  { name: "power cuts", command: node("test/crash/power.ts", "--cuts", "5", "--migrations", "0"), secondsMax: 240 },
  { name: "full disk", command: node("test/crash/disk.ts", "--rounds", "4"), secondsMax: 180 },
  { name: "order of syncs", command: node("bench/fsync-order.ts", "--messages", "100"), secondsMax: 60 },
  {
    name: "end to end",
    command: vitest("system", "test/e2e/reports", "test/e2e/sessions", "test/e2e/relay", "test/e2e/loops"),
    secondsMax: 300,
  },
  { name: "unit", command: vitest("quick", "src/"), secondsMax: 240 },
];
