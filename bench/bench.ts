// The same load through Postfix, through Exim where it is there, through Waypost, and through nothing at all, in turn, in one run.
//
//   npm run bench -- [OPTIONS]
//
// Needs smtp-source and smtp-sink (Debian's package postfix), and root for Postfix itself. Waypost has the defaults that it
// is shipped with. What is acknowledged is on the disk, for both.
import { compiledTree } from "../test/support/compiled.ts";
import { optionsOf, refuse, typed } from "../test/support/options.ts";
import { Recording } from "../test/support/result-file.ts";
import { refuseParts } from "../test/support/whole-run.ts";
import { CASES, type Case } from "./side-by-side/cases.ts";
import { direct } from "./side-by-side/direct.ts";
import { exim } from "./side-by-side/exim.ts";
import { missingForLoad } from "./side-by-side/needed.ts";
import { postfix } from "./side-by-side/postfix.ts";
import { type Measured, PERFORMANCE, countsOf } from "./side-by-side/record.ts";
import { type Round, round } from "./side-by-side/round.ts";
import { ratios, summaryOf } from "./side-by-side/summary.ts";
import { waypost } from "./side-by-side/waypost.ts";
import type { Contender } from "./side-by-side/contender.ts";

const names = CASES.map(({ name }) => name);
const COMMAND = {
  usage: ["npm run bench -- [OPTIONS]"],
  options: {
    cases: { kind: "choices", of: names, help: "which loads; all where it is not given" },
    rounds: { kind: "count", default: 3, help: "times each relay has its turn" },
    sessions: { kind: "count", default: 20, help: "clients at a time" },
    percent: { kind: "count", default: 100, help: "of each case's messages" },
    unpinned: { kind: "flag", help: "all share the cores; else the relay has the first, source and sink the second" },
    json: { kind: "flag", help: "for programs" },
    record: { kind: "flag", help: "writes docs/performance/bench.json" },
  },
} as const;
const { values: options } = optionsOf(COMMAND);
/** Or more. */
const ROUNDS_RECORDED = 5;

async function measure(subject: Case, contenders: readonly Contender[]): Promise<Measured> {
  const messages = Math.max(1, Math.round((subject.messages * options.percent) / 100));
  const sessions = { sessions: options.sessions, isPinned: !options.unpinned };
  const able = contenders.filter((contender) => {
    const why = contender.missing(subject);
    if (why !== undefined) console.error(`${subject.name}: without ${contender.name}: ${why}`);
    return why === undefined;
  });
  const rounds: Round[] = [];
  for (let n = 0; n < options.rounds; n++)
    for (const contender of able) {
      const most = Math.min(messages, contender.messagesMax ?? messages);
      rounds.push(await round(subject, contender, { ...sessions, messages: most }));
    }
  return {
    case: subject.name,
    summaries: able.map(({ name }) => summaryOf(rounds.filter((each) => each.contender === name))),
  };
}

function tell({ case: name, summaries }: Measured): void {
  const { about } = CASES.find((each) => each.name === name)!;
  console.log(`\n${name}: ${about}; median of ${summaries[0]!.rounds}`);
  for (const each of summaries) {
    const latency =
      each.acceptP99Ms === undefined
        ? ""
        : `  accept p50 ${each.acceptP50Ms!.toFixed(1)} p99 ${each.acceptP99Ms.toFixed(1)} ms`;
    console.log(
      `  ${each.contender.padEnd(8)} ${String(each.messages).padStart(6)} messages ${each.relayedPerSecond.toFixed(0).padStart(6)}/s relayed ${each.acceptedPerSecond.toFixed(0).padStart(6)}/s accepted  ${each.relayMs.toFixed(3)} ms of processor a message (${each.loadMs.toFixed(3)} source and sink)  ${each.peakMiB.toFixed(0)} MiB${latency}`,
    );
  }
  const [ours, theirs] = ["waypost", "postfix"].map((one) => summaries.find(({ contender }) => contender === one));
  if (ours === undefined || theirs === undefined) return;
  const { relayed, processor } = ratios(ours, theirs);
  console.log(`  waypost relays ${relayed.toFixed(2)} x as many, for 1/${processor.toFixed(2)} of the processor time`);
}

const missing = missingForLoad(!options.unpinned);
if (missing !== undefined) refuse(missing, COMMAND);
if (options.percent > 100) refuse("--percent takes 100 at most", COMMAND);
refuseParts(options.record, {
  cases: options.cases,
  percent: options.percent < 100,
  unpinned: options.unpinned,
  rounds: options.rounds < ROUNDS_RECORDED,
  sessions: options.sessions !== COMMAND.options.sessions.default,
});
const command = `npm run bench -- ${typed(options, "rounds", "record")}`;
const recording = options.record ? new Recording({ suite: "bench", command, folder: PERFORMANCE }) : undefined;
const { tree, remove } = compiledTree();
try {
  const chosen = CASES.filter(({ name }) => options.cases === undefined || options.cases.includes(name));
  const all: Measured[] = [];
  for (const subject of chosen) {
    const measured = await measure(subject, [postfix, exim, waypost(tree), direct]);
    all.push(measured);
    if (!options.json) tell(measured);
  }
  if (options.json) console.log(JSON.stringify({ pinned: !options.unpinned, cases: all }));
  if (recording !== undefined) console.log(`written: ${recording.finish(countsOf(all))}`);
} finally {
  remove();
}
