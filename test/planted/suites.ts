// The suites that planted bugs are set before, each in a size that finds what it can in a minute or two.

export interface Suite {
  readonly name: string;
  /** A command in a copy of the project: ends with 0 where nothing is wrong. */
  readonly command: readonly string[];
  /** Beyond that it is ended, and has found nothing: a busy machine finds no bug. */
  readonly secondsMax: number;
  /** What it says of what is wrong: one that ends with an error and says nothing of the kind has itself something wrong. */
  readonly says: RegExp;
}

/** The last word of a crash suite, and what it says of a relay that ended by itself. */
const CRASH_SAYS = /^wrong: (?!nothing).*$|^.*the relay (?:ended|stopped).*$/m;
/** What vitest shows of an expectation that did not hold, or of a test that waited in vain. */
const VITEST_SAYS = /^.*(?:AssertionError|Error:).*$/m;

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
    says: /^seed \d+: .*$/m,
  },
  {
    name: "transcripts",
    command: vitest("quick", "test/transcripts/machine.test.ts"),
    secondsMax: 120,
    says: VITEST_SAYS,
  },
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
    says: VITEST_SAYS,
  },
  {
    name: "fuzz",
    command: node("test/fuzz/fuzz.ts", "all", "--inputs", "3000", "--stop-at-first"),
    secondsMax: 240,
    says: /^ {2}(?:of the corpus|crash|hang|violation)\b.*|^.*: ended with .*$/m,
  },
  {
    name: "crash",
    command: node("test/crash/kill.ts", "--rounds", "6", "--life", "under-load"),
    secondsMax: 240,
    says: CRASH_SAYS,
  },
  {
    name: "crash points",
    command: node("test/crash/crash-points.ts", "--every", "23"),
    secondsMax: 300,
    says: CRASH_SAYS,
  },
  {
    name: "power cuts",
    command: node("test/crash/power.ts", "--cuts", "5", "--migrations", "0"),
    secondsMax: 240,
    says: CRASH_SAYS,
  },
  { name: "full disk", command: node("test/crash/disk.ts", "--rounds", "4"), secondsMax: 180, says: CRASH_SAYS },
  {
    name: "order of syncs",
    command: node("bench/fsync-order.ts", "--messages", "100"),
    secondsMax: 60,
    says: /^violations +[1-9].*$/m,
  },
  {
    name: "end to end",
    command: vitest("system", "test/e2e/reports", "test/e2e/sessions", "test/e2e/relay", "test/e2e/loops"),
    secondsMax: 300,
    says: VITEST_SAYS,
  },
  { name: "unit", command: vitest("quick", "src/"), secondsMax: 240, says: VITEST_SAYS },
];
