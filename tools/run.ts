// The gates: `npm run check` (offline, a minute or two) and `npm test` (all that a fresh machine can run).
import { spawnSync } from "node:child_process";

interface Step {
  readonly name: string;
  readonly command: readonly string[];
}

const vitest = (...projects: readonly string[]): readonly string[] => [
  "vitest",
  "run",
  ...projects.flatMap((project) => ["--project", project]),
];

const CHECK: readonly Step[] = [
  { name: "format", command: ["prettier", "--check", "--log-level", "warn", "."] },
  { name: "types", command: ["tsc", "-p", "tsconfig.json"] },
  { name: "types of core, ports and engine, which know no Node", command: ["tsc", "-p", "tsconfig.core.json"] },
  { name: "lint", command: ["oxlint", "--type-aware", "--quiet"] },
  { name: "who imports whom", command: ["node", "tools/imports.ts"] },
  { name: "what is declared and not used", command: ["node", "tools/unused.ts"] },
  { name: "what is exported and not imported", command: ["knip", "--no-progress"] },
  { name: "reference pages", command: ["node", "tools/reference.ts", "--check"] },
  { name: "keys and their tests", command: ["node", "tools/key-tests.ts"] },
  { name: "attacks and their tests", command: ["node", "tools/catalogue.ts"] },
  { name: "planted bugs still apply", command: ["node", "tools/planted.ts"] },
  { name: "figures and the runs that they come from", command: ["node", "tools/proof.ts", "--check"] },
  { name: "the page of speed and the run that it comes from", command: ["node", "tools/performance.ts", "--check"] },
  { name: "unit tests", command: vitest("quick") },
];

const TEST: readonly Step[] = [...CHECK, { name: "tests of the running relay", command: vitest("system", "alone") }];

function run(steps: readonly Step[]): number {
  for (const { name, command } of steps) {
    const started = performance.now();
    console.log(`== ${name}`);
    const [program, ...args] = command;
    const found = spawnSync(program!, args, {
      stdio: "inherit",
      env: { ...process.env, NO_COLOR: process.stdout.isTTY ? "" : "1" },
    });
    if (found.status !== 0) {
      console.error(`== ${name} failed (${command.join(" ")})`);
      return 1;
    }
    console.log(`   ${((performance.now() - started) / 1000).toFixed(1)} s`);
  }
  return 0;
}

const USAGE = `npm run check   formats, types, lint, pages and unit tests
npm test        that, and the tests of the running relay
They take no options; one file of tests is run with npx vitest run FILE (HACKING.md).`;

const [which, ...others] = process.argv.slice(2);
if (others.some((option) => ["-h", "--help"].includes(option))) console.log(USAGE);
else if ((which !== "check" && which !== "test") || others.length > 0) {
  console.error(USAGE);
  process.exitCode = 2;
} else process.exitCode = run(which === "check" ? CHECK : TEST);
