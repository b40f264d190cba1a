// `npm run crash -- --rounds N --seed S [--mx] [--patch NAME] [--out FILE]`: SIGKILL under load, over and over, on one data folder.
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type KillReport, isBroken, killRounds } from "./kill-run.ts";
import { plantedTree } from "./planted.ts";

const SHOWN = 5;

function lines(report: KillReport): string[] {
  const some = (list: readonly string[]): string =>
    list.length === 0 ? "0" : `${list.length}: ${list.slice(0, SHOWN).join(" ")}${list.length > SHOWN ? " ..." : ""}`;
  const { duplicates } = report;
  return [
    `rounds                        ${report.rounds} (seed ${report.seed}, ${report.seconds} s, on ${report.fileSystem})`,
    `kills                         ${report.kills}, ${report.killsDuringStart} of them during the start`,
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

function plainMaps(_key: string, value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "20" },
      seed: { type: "string", default: "1" },
      mx: { type: "boolean", default: false },
      patch: { type: "string" },
      out: { type: "string" },
    },
  });
  const planted = values.patch === undefined ? undefined : plantedTree(values.patch);
  try {
    const report = await killRounds({
      rounds: Number(values.rounds),
      seed: Number(values.seed),
      isMx: values.mx,
      say: (line) => console.error(line),
      ...(planted === undefined ? {} : { tree: planted.tree, drainMs: 30_000 }),
    });
    console.log(lines(report).join("\n"));
    if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify(report, plainMaps, 2)}\n`);
    process.exitCode = isBroken(report) ? 1 : 0;
  } finally {
    planted?.remove();
  }
}

await main();
