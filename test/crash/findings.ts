import { type Duplicates, type Verdict, judge } from "./account.ts";
import type { NextHops } from "./next-hops.ts";
import { endsIn, filesIn, queuedIn } from "./records.ts";
import type { Traffic } from "./traffic.ts";

/** What the books, the next hops' logs and the relay's records say together. */
export interface Findings extends Verdict {
  /** Kills of everything, the next hop included, and the transactions that the relay repeated after one on average. */
  readonly killsOfAll: number;
  readonly repeatedPerKillOfAll: number;
  /** The same for kills of the relay alone: what was under way the next hop took, and its answer found nobody. */
  readonly killsOfRelay: number;
  readonly repeatedPerKillOfRelay: number;
  /** Acknowledged recipients of which no end is in the relay's history. */
  readonly unrecorded: readonly string[];
  /** Recorded as failed, and neither refused by a next hop, nor without a server by the DNS, nor tried for as long as it may be. */
  readonly wronglyFailed: readonly string[];
  /** Recorded as failed because the DNS says that there is nobody, and because their time was over. */
  readonly failedByDns: number;
  readonly expired: number;
  /** Different reports to senders that arrived. */
  readonly reports: number;
  /** Recorded as failed, and in no report; in two; in one without having failed. */
  readonly untold: readonly string[];
  readonly toldTwice: readonly string[];
  readonly wronglyTold: readonly string[];
  /** Refused for good by the relay, which had no reason to: but for what is larger than it takes. */
  readonly wronglyRefused: readonly string[];
  /** Deliveries left in the queue when all had arrived, and content files without a message. */
  readonly leftInQueue: number;
  readonly leftFiles: number;
}

export interface Evidence {
  readonly traffic: Traffic;
  readonly hops: NextHops;
  /** The data folder; no relay has it open. */
  readonly data: string;
  readonly killedAt: readonly number[];
  readonly killedWithHops: ReadonlySet<number>;
}

export type Numbers = Readonly<Record<string, number>>;

export function findingsOf({ traffic, hops, data, killedAt, killedWithHops }: Evidence): Findings {
  const { acknowledged, unknown, arrived, reports } = traffic;
  const { ended, failed, refused, ...ends } = endsIn(data, hops, traffic.refused);
  const verdict = judge({ acknowledged, unknown, arrived, refused, killedAt });
  const told = [...reports.values()].flat();
  const toldOnce = new Set(told);
  const kills = killedAt.filter(Number.isFinite).length;
  const killsOfAll = killedWithHops.size;
  const [repeatedWithHops, repeatedAlone] = repeats(verdict.duplicates, killedWithHops);
  return {
    ...verdict,
    killsOfAll,
    repeatedPerKillOfAll: repeatedWithHops / Math.max(1, killsOfAll),
    killsOfRelay: kills - killsOfAll,
    repeatedPerKillOfRelay: repeatedAlone / Math.max(1, kills - killsOfAll),
    ...ends,
    unrecorded: acknowledged.flatMap(({ recipients }) => recipients).filter((recipient) => !ended.has(recipient)),
    reports: reports.size,
    toldTwice: repeated(told),
    untold: [...failed].filter((recipient) => !toldOnce.has(recipient)),
    wronglyTold: told.filter((recipient) => !failed.has(recipient)),
    wronglyRefused: [...traffic.refusals.keys()].filter((kind) => kind.startsWith("5") && kind !== TOO_LARGE),
    leftInQueue: queuedIn(data),
    leftFiles: filesIn(data),
  };
}

/** Transactions repeated after kills of all, and after those of the relay alone. */
function repeats({ transactionsByKill }: Duplicates, killedWithHops: ReadonlySet<number>): [number, number] {
  const counts: [number, number] = [0, 0];
  for (const [epoch, count] of transactionsByKill) counts[killedWithHops.has(epoch) ? 0 : 1] += count;
  return counts;
}

function repeated(list: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  return list.filter((item) => seen.size === seen.add(item).size);
}

/** What has to be empty. */
const WRONGS = [
  "lost",
  "unexplained",
  "altered",
  "uninvited",
  "unrecorded",
  "wronglyFailed",
  "untold",
  "toldTwice",
  "wronglyTold",
  "wronglyRefused",
] as const;

/** The reply to what is larger than a message may be, which some of the traffic is. */
const TOO_LARGE = "552 5.3.4";

/** True where the promises did not hold. */
export function isBroken(findings: Findings): boolean {
  return WRONGS.some((wrong) => findings[wrong].length > 0) || findings.leftInQueue > 0 || findings.leftFiles > 0;
}

/** For a result file. */
export function countsOf(findings: Findings): Numbers {
  const { duplicates } = findings;
  return {
    acknowledged: findings.acknowledgedMessages,
    acknowledgedRecipients: findings.acknowledgedRecipients,
    unknown: findings.unknownMessages,
    ...Object.fromEntries(WRONGS.map((wrong) => [wrong, findings[wrong].length])),
    leftInQueue: findings.leftInQueue,
    leftFiles: findings.leftFiles,
    failedByDns: findings.failedByDns,
    expired: findings.expired,
    reports: findings.reports,
    killsOfAll: findings.killsOfAll,
    repeatedPerKillOfAll: findings.repeatedPerKillOfAll,
    killsOfRelay: findings.killsOfRelay,
    repeatedPerKillOfRelay: findings.repeatedPerKillOfRelay,
    duplicatesAnsweredByKill: duplicates.answeredByKill,
    duplicatesUnansweredByKill: duplicates.unansweredByKill,
    duplicatesByClose: duplicates.byClose,
    oldestRepeatMs: findings.oldestRepeatMs,
  };
}

const SHOWN = 5;

function some(list: readonly string[]): string {
  if (list.length === 0) return "0";
  return `${list.length}: ${list.slice(0, SHOWN).join(" ")}${list.length > SHOWN ? " ..." : ""}`;
}

/** For people. */
export function linesOf(findings: Findings): readonly string[] {
  const { duplicates } = findings;
  return [
    `acknowledged                  ${findings.acknowledgedMessages} messages, ${findings.acknowledgedRecipients} recipients`,
    `unknown                       ${findings.unknownMessages} messages`,
    `lost                          ${some(findings.lost)}`,
    `repeated transactions a kill  ${findings.repeatedPerKillOfAll.toFixed(2)} where everything is killed (${findings.killsOfAll} kills)`,
    `                              ${findings.repeatedPerKillOfRelay.toFixed(2)} where the next hop lives on (${findings.killsOfRelay} kills)`,
    `  answered before the kill    ${duplicates.answeredByKill} recipients, at most ${findings.oldestRepeatMs.toFixed(0)} ms before`,
    `  taken, answered to nobody   ${duplicates.unansweredByKill} recipients`,
    `duplicates by a closing sink  ${duplicates.byClose}`,
    `duplicates unexplained        ${some(findings.unexplained)}`,
    `content altered               ${some(findings.altered)}`,
    `recipients never accepted     ${some(findings.uninvited)}`,
    `ends not in history           ${some(findings.unrecorded)}`,
    `recorded as failed wrongly    ${some(findings.wronglyFailed)}`,
    `failed by the DNS, by age     ${findings.failedByDns}, ${findings.expired}`,
    `reports to senders            ${findings.reports}`,
    `  failed and not told         ${some(findings.untold)}`,
    `  told twice                  ${some(findings.toldTwice)}`,
    `  told and not failed         ${some(findings.wronglyTold)}`,
    `refused for good              ${some(findings.wronglyRefused)}`,
    `left in the queue             ${findings.leftInQueue} deliveries, ${findings.leftFiles} content files`,
  ];
}
