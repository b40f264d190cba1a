// Where the relay's processor time goes under a load, as a table that adds up.
//
//   npm run profile -- [OPTIONS]
//
// The load comes twice. First the kernel counts what each thread of the process has, with nobody looking; then each
// JavaScript thread is sampled, and what the samples show is scaled to that. Needs what `npm run bench` needs.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { compiledTree } from "../test/support/compiled.ts";
import { optionsOf, refuse } from "../test/support/options.ts";
import { sleep } from "../test/support/sleep.ts";
import { temporaryFolder } from "../test/support/undo.ts";
import { CASES } from "./side-by-side/cases.ts";
import { missingForLoad } from "./side-by-side/needed.ts";
import { threadsMs } from "./side-by-side/processes.ts";
import { type Watch, round } from "./side-by-side/round.ts";
import { waypost } from "./side-by-side/waypost.ts";
import type { ThreadProfile } from "../test/programs/thread-profile.ts";

const HOOK = path.resolve(import.meta.dirname, "../test/programs/thread-profile.ts");
/** main, mail, queue, store, control: pinned to one core there is one mail thread. */
const THREADS = 5;
const SEEN_WITHIN_MS = 200;
/** The kernel's name of the first thread, which is the program's. */
const MAIN = "MainThread";
/** What the sampling costs where it is done. */
const OUR_OWN = "sampling";
const WRITTEN_WITHIN_MS = 30_000;

const COMMAND = {
  usage: ["npm run profile -- [OPTIONS]"],
  options: {
    case: { kind: "choice", of: CASES.map(({ name }) => name), help: "which load (plain)" },
    messages: { kind: "count", default: 20_000, help: "how many" },
    functions: { kind: "count", default: 40, help: "how many functions are shown" },
    keep: { kind: "text", help: "a folder for the profiles, which browsers' developer tools can show" },
  },
} as const;
const { values: options } = optionsOf(COMMAND);
const missing = missingForLoad(true);
if (missing !== undefined) refuse(missing, COMMAND);

/** Where a function belongs, by the file it is in and its name. */
function areaOf(file: string, name: string): string {
  if (file === "node:inspector" || file.endsWith("/thread-profile.ts")) return OUR_OWN;
  if (name === "(garbage collector)") return "garbage collection";
  if (name === "(idle)") return "idle";
  if (name === "(program)") return "native code outside of functions";
  const own = /\/dist\/(.*)\.js$/.exec(file)?.[1];
  if (own !== undefined) return own;
  if (file.startsWith("node:")) return file;
  return file === "" ? `native: ${name}` : path.basename(file);
}

interface Spent {
  readonly thread: string;
  readonly area: string;
  readonly what: string;
  readonly ms: number;
}

/** The samples that are not idle, scaled to what the thread has where nobody looks. */
function spentIn({ thread, profile }: ThreadProfile, cpuMs: number): readonly Spent[] {
  const nodeOf = new Map(profile.nodes.map((node) => [node.id, node]));
  const micros = new Map<number, number>();
  for (const [at, sample] of (profile.samples ?? []).entries())
    micros.set(sample, (micros.get(sample) ?? 0) + (profile.timeDeltas?.[at] ?? 0));
  const spent = [...micros].map(([id, us]) => {
    const { functionName, url, lineNumber } = nodeOf.get(id)!.callFrame;
    const area = areaOf(url, functionName);
    const what = `${functionName === "" ? "anonymous" : functionName} ${area}:${lineNumber + 1}`;
    return { thread, area, what, ms: us / 1000 };
  });
  const busy = spent.filter(({ area }) => area !== "idle" && area !== OUR_OWN);
  const total = busy.reduce((sum, { ms }) => sum + ms, 0);
  return busy.map((each) => ({ ...each, ms: (each.ms * cpuMs) / total }));
}

function table(title: string, key: (spent: Spent) => string, spent: readonly Spent[]): void {
  const by = new Map<string, number>();
  for (const each of spent) by.set(key(each), (by.get(key(each)) ?? 0) + each.ms);
  const total = spent.reduce((sum, { ms }) => sum + ms, 0);
  const rows = [...by].toSorted(([, one], [, other]) => other - one);
  const rest = rows.slice(options.functions).reduce((sum, [, ms]) => sum + ms, 0);
  console.log(`\n${title}`);
  for (const [name, ms] of [...rows.slice(0, options.functions), ["all others", rest], ["all", total]] as const)
    console.log(
      `${((1000 * ms) / options.messages).toFixed(2).padStart(9)} us ${((100 * ms) / total).toFixed(1).padStart(5)} %  ${name}`,
    );
}

const { folder, remove } = temporaryFolder("profile");
const { tree, remove: removeTree } = compiledTree();
const { messages } = options;
/** By the kernel, while nobody looks: processor time of each kind of thread. */
const counted = new Map<string, number>();

const counting: Watch = {
  begin: (pid) => Promise.resolve(count(pid, -1)),
  end: (pid) => Promise.resolve(count(pid, 1)),
};

function count(pid: number, sign: 1 | -1): void {
  for (const [name, ms] of threadsMs(pid)) counted.set(name, (counted.get(name) ?? 0) + sign * ms);
}

/** Each thread writes its profile when it sees the end. */
const sampling: Watch = {
  async begin() {
    writeFileSync(path.join(folder, "begin"), "");
    await sleep(SEEN_WITHIN_MS);
  },
  async end() {
    writeFileSync(path.join(folder, "end"), "");
    const deadline = performance.now() + WRITTEN_WITHIN_MS;
    while (written().length < THREADS) {
      if (performance.now() > deadline)
        throw new Error(`${written().length} of ${THREADS} threads wrote their profile`);
      await sleep(SEEN_WITHIN_MS);
    }
  },
};

function written(): readonly string[] {
  return readdirSync(folder).filter((name) => name.endsWith(".json"));
}

try {
  const subject = CASES.find(({ name }) => name === (options.case ?? "plain"))!;
  const environment = { NODE_OPTIONS: `--import=${HOOK}`, THREAD_PROFILE: folder };
  const terms = { messages, sessions: 20, isPinned: true };
  await round(subject, waypost(tree), { ...terms, watch: counting });
  await round(subject, waypost(tree, environment), { ...terms, watch: sampling });
  const profiles = written().map((name) => JSON.parse(readFileSync(path.join(folder, name), "utf8")) as ThreadProfile);
  const spent = [...counted].flatMap(([name, ms]): readonly Spent[] => {
    const profile = profiles.find(({ thread }) => thread === (name === MAIN ? "main" : name));
    if (profile !== undefined) return spentIn(profile, ms);
    return [{ thread: name, area: "no JavaScript", what: "no JavaScript", ms }];
  });
  table("by thread", ({ thread }) => thread, spent);
  table("by thread and part", ({ thread, area }) => `${thread.padEnd(8)} ${area}`, spent);
  table("by function", ({ thread, what }) => `${thread.padEnd(8)} ${what}`, spent);
  for (const { thread, profile } of options.keep === undefined ? [] : profiles) {
    mkdirSync(options.keep!, { recursive: true });
    writeFileSync(path.join(options.keep!, `${thread}.cpuprofile`), JSON.stringify(profile));
  }
} finally {
  removeTree();
  remove();
}
