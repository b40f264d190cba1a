// `npm run attacks`, and the other suites that are tests in their whole size: `node tools/suite.ts NAME [OPTIONS]`.
import { spawn } from "node:child_process";
import path from "node:path";
import { optionsOf } from "../test/support/options.ts";
import { undoAtEnd } from "../test/support/undo.ts";
import { COMMANDS } from "./proof/figures.ts";

interface Suite {
  /** What it does, for the usage. */
  readonly about: string;
  readonly projects: readonly string[];
  readonly files: readonly string[];
}

const ROOT = path.resolve(import.meta.dirname, "..");

const SUITES: Readonly<Record<string, Suite>> = {
  attacks: {
    about:
      "Every row of test/attacks/catalogue.md: smuggling, chunks, open relay, TLS, broken next hops; some minutes.",
    projects: ["quick", "system", "alone"],
    files: ["test/attacks", "test/transcripts", "test/e2e/open-relay"],
  },
  "next-hops": {
    about: "Of the attacks those of broken next hops, with every pair of what they may do wrong.",
    projects: ["alone"],
    files: ["test/attacks/next-hop.test.ts"],
  },
  chains: {
    about:
      "Mail servers of others before and behind the relay, where they are installed: 1,000 letters, octet for octet.",
    projects: ["system"],
    files: ["test/interop/chains.test.ts"],
  },
  reload: {
    about: "A configuration that changes while the relay runs, with 10,000 messages that wait for a smart host.",
    projects: ["system"],
    files: ["test/e2e/reload.test.ts"],
  },
  scheduling: {
    about: "Healthy mail beside servers that are gone, slow, or tarpits. Needs the machine to itself.",
    projects: ["alone"],
    files: ["test/e2e/scheduling.test.ts"],
  },
  bulk: {
    about: "An operator and a queue of 100,000 messages.",
    projects: ["alone"],
    files: ["test/e2e/bulk.test.ts"],
  },
};

/** The figures that a recorded run of it writes. */
function recordedBy(name: string): string[] {
  return Object.keys(COMMANDS).filter((figure) => COMMANDS[figure] === `npm run ${name} -- --record`);
}

/** How what it counts is recorded. */
function recordedHow(name: string): string {
  const whole = COMMANDS[name];
  if (recordedBy(name).length > 0) return "What it counts is recorded by --record.";
  return whole === undefined ? "No figure is recorded of it." : `What it counts is recorded by \`${whole}\`.`;
}

function commandOf(name: string, { about }: Suite) {
  const recorded = recordedBy(name).map((figure) => `${figure}.json`);
  const record = { kind: "flag", help: `writes into docs/proof: ${recorded.join(", ")}` } as const;
  return {
    usage: [`npm run ${name} -- [OPTIONS]`],
    about: `${about} ${recordedHow(name)}`,
    options: recorded.length === 0 ? {} : { record },
  };
}

function run(name: string, suite: Suite, args: readonly string[]): void {
  const { values } = optionsOf(commandOf(name, suite), args);
  const isRecorded = "record" in values && values.record === true;
  const projects = suite.projects.flatMap((project) => ["--project", project]);
  const vitest = path.join(ROOT, "node_modules/vitest/vitest.mjs");
  const child = spawn(process.execPath, [vitest, "run", ...projects, ...suite.files], {
    cwd: ROOT,
    stdio: "inherit",
    env: { ...process.env, WAYPOST_PROOF: "1", WAYPOST_RECORD: isRecorded ? name : "" },
  });
  undoAtEnd(() => void child.kill());
  child.once("exit", (code) => (process.exitCode = code ?? 1));
}

const [name = "", ...args] = process.argv.slice(2);
const suite = Object.hasOwn(SUITES, name) ? SUITES[name] : undefined;
if (suite === undefined) {
  console.error(`usage: node tools/suite.ts ${Object.keys(SUITES).join("|")} [OPTIONS]`);
  process.exitCode = 2;
} else run(name, suite, args);
