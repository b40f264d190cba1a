// `npm run crash -- [--rounds N] [--seed S] [--mx] [--patch NAME] [--record]`: SIGKILL under load, over and over, on one data
// folder. With --record relays with a bug planted in them follow, which have to be found out, and all goes to docs/proof.
import { parseArgs } from "node:util";
import { Recording } from "../support/result-file.ts";
import { type KillReport, isBroken, killRounds } from "./kill-run.ts";
import { LIVES } from "./lives.ts";
import { plantedTree } from "./planted.ts";

const SHOWN = 5;

function lines(report: KillReport): string[] {
  const some = (list: readonly string[]): string =>
    list.length === 0 ? "0" : `${list.length}: ${list.slice(0, SHOWN).join(" ")}${list.length > SHOWN ? " ..." : ""}`;
  const { duplicates, lives } = report;
  return [
    `rounds                        ${report.rounds} (seed ${report.seed}, ${report.seconds} s, on ${report.fileSystem})`,
    `  by how they end             ${LIVES.map((life) => `${life} ${lives[life]}`).join(", ")}`,
    `kills                         ${report.kills}, ${report.killsDuringStart} of them during the start; ${report.stopsInTime} stops were over before`,
    `  with an open transaction    ${report.killsWithOpenTransaction}`,
    `  with a queue                ${report.killsWithQueue}`,
    `acknowledged                  ${report.acknowledgedMessages} messages, ${report.acknowledgedRecipients} recipients`,
    `unknown                       ${report.unknownMessages} messages`,
    `lost                          ${some(report.lost)}`,
    `repeated transactions a kill  ${report.repeatedPerKillOfAll.toFixed(2)} where everything is killed (${report.killsOfAll} kills)`,
    `                              ${report.repeatedPerKillOfRelay.toFixed(2)} where the next hop lives on (${report.killsOfRelay} kills)`,
    `  answered before the kill    ${duplicates.answeredByKill} recipients, at most ${report.oldestRepeatMs.toFixed(0)} ms before`,
    `  taken, answered to nobody   ${duplicates.unansweredByKill} recipients`,
    `duplicates by a closing sink  ${duplicates.byClose}`,
    `duplicates unexplained        ${some(report.unexplained)}`,
    `content altered               ${some(report.altered)}`,
    `recipients never accepted     ${some(report.uninvited)}`,
    `ends not in history           ${some(report.unrecorded)}`,
    `recorded as failed wrongly    ${some(report.wronglyFailed)}`,
    `failed by the DNS, by age     ${report.failedByDns}, ${report.expired}`,
    `reports to senders            ${report.reports}`,
    `  failed and not told         ${some(report.untold)}`,
    `  told twice                  ${some(report.toldTwice)}`,
    `  told and not failed         ${some(report.wronglyTold)}`,
    `left in the queue             ${report.leftInQueue} deliveries, ${report.leftFiles} content files`,
  ];
}

function counts(report: KillReport): Record<string, number> {
  const { lives, duplicates } = report;
  return {
    rounds: report.rounds,
    kills: report.kills,
    killsDuringStart: report.killsDuringStart,
    killsDuringReload: lives["in-reload"],
    killsDuringStop: lives["in-stop"] - report.stopsInTime,
    killsTwice: lives.twice,
    threadEnds: lives["thread-ends"],
    freezes: lives.frozen,
    killsWithOpenTransaction: report.killsWithOpenTransaction,
    killsWithQueue: report.killsWithQueue,
    acknowledged: report.acknowledgedMessages,
    acknowledgedRecipients: report.acknowledgedRecipients,
    unknown: report.unknownMessages,
    lost: report.lost.length,
    altered: report.altered.length,
    uninvited: report.uninvited.length,
    unrecorded: report.unrecorded.length,
    wronglyFailed: report.wronglyFailed.length,
    untold: report.untold.length,
    toldTwice: report.toldTwice.length,
    wronglyTold: report.wronglyTold.length,
    leftInQueue: report.leftInQueue,
    leftFiles: report.leftFiles,
    reports: report.reports,
    killsOfAll: report.killsOfAll,
    repeatedPerKillOfAll: report.repeatedPerKillOfAll,
    killsOfRelay: report.killsOfRelay,
    repeatedPerKillOfRelay: report.repeatedPerKillOfRelay,
    duplicatesAnsweredByKill: duplicates.answeredByKill,
    duplicatesUnansweredByKill: duplicates.unansweredByKill,
    duplicatesByClose: duplicates.byClose,
    duplicatesUnexplained: report.unexplained.length,
    oldestRepeatMs: report.oldestRepeatMs,
  };
}

/** Bugs that these rounds have to find, and where they show. */
const CONTROLS: Readonly<Record<string, (report: KillReport) => number>> = {
  "ack-before-commit": ({ lost }) => lost.length,
  "report-apart": ({ untold }) => untold.length,
  "completion-dropped": ({ unexplained }) => unexplained.length,
};

const CONTROL_ROUNDS = 4;
const CONTROL_LOAD_MS = [3000, 4000] as const;

async function control(patch: string, seed: number): Promise<boolean> {
  const { tree, remove } = plantedTree(patch);
  try {
    const [rounds, loadMs] = [CONTROL_ROUNDS, CONTROL_LOAD_MS];
    const report = await killRounds({ rounds, seed, loadMs, tree, life: "under-load", drainMs: 5000 });
    const found = CONTROLS[patch]!(report);
    console.log(`planted ${patch}: ${found === 0 ? "NOT found" : `found ${found} times`} in ${report.seconds} s`);
    return found > 0;
  } finally {
    remove();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "20" },
      seed: { type: "string", default: "1" },
      mx: { type: "boolean", default: false },
      patch: { type: "string" },
      record: { type: "boolean", default: false },
    },
  });
  const { patch, record, mx: isMx } = values;
  const [rounds, seed] = [Number(values.rounds), Number(values.seed)];
  const command = `npm run crash -- --rounds ${rounds} --seed ${seed}${isMx ? " --mx" : ""} --record`;
  const recording = record ? new Recording({ suite: isMx ? "crash-mx" : "crash", command, seed }) : undefined;
  const planted = patch === undefined ? undefined : plantedTree(patch);
  try {
    const report = await killRounds({
      rounds,
      seed,
      isMx,
      say: (line) => console.error(line),
      ...(planted === undefined ? {} : { tree: planted.tree, drainMs: 30_000 }),
    });
    console.log(lines(report).join("\n"));
    process.exitCode = isBroken(report) ? 1 : 0;
    if (recording === undefined) return;
    let plantedFound = 0;
    for (const bug of Object.keys(CONTROLS)) if (await control(bug, seed)) plantedFound++;
    recording.finish({ ...counts(report), planted: Object.keys(CONTROLS).length, plantedFound });
  } finally {
    planted?.remove();
  }
}

await main();
