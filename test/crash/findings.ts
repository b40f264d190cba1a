import { type Duplicates, type Lives, RECORDED_WITHIN_MS, type Verdict, goneFor, judge } from "./account.ts";
import { type Witnesses, causeOf } from "./failures.ts";
import type { NextHops } from "./next-hops.ts";
import { quantile } from "./record-times.ts";
import { type Schedule, endsIn, filesIn, queuedIn, recipientsIn } from "./records.ts";
import { type ReportVerdict, judgeReports } from "./reports.ts";
import type { Traffic } from "./traffic.ts";
import { WRONGS } from "./wrongs.ts";

/** What the books, the next hops' logs and the relay's records say together. */
export interface Findings extends Verdict, ReportVerdict, Schedule {
  /** Kills of everything, the next hop included, and the transactions that the relay repeated after one on average. */
  readonly killsOfAll: number;
  readonly repeatedPerKillOfAll: number;
  /** The same for kills of the relay alone: what was under way the next hop took, and its answer found nobody. */
  readonly killsOfRelay: number;
  readonly repeatedPerKillOfRelay: number;
  /** Acknowledged recipients of which no end is in the relay's history. */
  readonly unrecorded: readonly string[];
  /** Recorded as failed, and nobody beside the relay saw a reason. */
  readonly wronglyFailed: readonly string[];
  /** Recorded as failed because the DNS says that there is nobody, and because their time was over. */
  readonly failedByDns: number;
  readonly expired: number;
  /** Refused for good by the relay, which had no reason to: but for what is larger than it takes. */
  readonly wronglyRefused: readonly string[];
  /** Of `lost` and `untold`, those for whom nothing waits in the queue: for controls, which are given little time. */
  readonly lostForGood: readonly string[];
  readonly untoldForGood: readonly string[];
  /** Deliveries left in the queue when all had arrived, and content files without a message. */
  readonly leftInQueue: number;
  readonly recordMs: readonly number[];
  readonly leftFiles: number;
}

export interface Evidence {
  readonly traffic: Traffic;
  readonly hops: NextHops;
  /** The data folder; no relay has it open. */
  readonly data: string;
  readonly killedAt: readonly number[];
  readonly killedWithHops: ReadonlySet<number>;
  /** As it was before what waits was made due. */
  readonly schedule: Schedule;
  /** From the sink's answer to its record, the shortest first; those that were looked at. */
  readonly recordMs: readonly number[];
}

/** An option of a command. */
export const SEED = { kind: "count", default: 1, min: 0, help: "what chance is drawn from" } as const;

export type Numbers = Readonly<Record<string, number>>;

export function findingsOf(evidence: Evidence): Findings {
  const { traffic, hops, data, killedAt, killedWithHops, schedule, recordMs } = evidence;
  const { acknowledged, unknown, arrived, reports, refusals } = traffic;
  const sent = [...acknowledged, ...unknown];
  const lives: Lives = { killedAt, signs: traffic.signs };
  const { ended, failed } = endsIn(data);
  const witnesses = witnessesOf(traffic, hops);
  const causes = new Map(
    [...failed].map(([recipient, isByAge]) => [recipient, causeOf(recipient, isByAge, witnesses)]),
  );
  const caused = [...causes].filter(([, cause]) => cause !== undefined).map(([recipient]) => recipient);
  const couldFail = new Set([...caused, ...traffic.refused]);
  const verdict = judge({ acknowledged, unknown, arrived, refused: couldFail, refusals, lives });
  const taken = new Set(arrived.map(({ recipient }) => recipient));
  const accepted = new Set(acknowledged.flatMap(({ recipients }) => recipients));
  const refusedOnly = [...traffic.refused].filter((recipient) => !taken.has(recipient) && accepted.has(recipient));
  const kills = killedAt.filter(Number.isFinite).length;
  const killsOfAll = killedWithHops.size;
  const [repeatedWithHops, repeatedAlone] = repeats(verdict.duplicates, killedWithHops);
  const senders = new Map(sent.flatMap(({ from, recipients }) => recipients.map((recipient) => [recipient, from])));
  const told = judgeReports({ sent, reports, failed: new Set([...failed.keys(), ...refusedOnly]), couldFail, lives });
  const waiting = recipientsIn(data);
  const counted = (wanted: string): number => [...causes.values()].filter((cause) => cause === wanted).length;
  return {
    ...verdict,
    ...told,
    lostForGood: goneFor(verdict.lost, waiting),
    untoldForGood: goneFor(told.untold, waiting, (recipient) => senders.get(recipient)),
    ...schedule,
    killsOfAll,
    repeatedPerKillOfAll: repeatedWithHops / Math.max(1, killsOfAll),
    killsOfRelay: kills - killsOfAll,
    repeatedPerKillOfRelay: repeatedAlone / Math.max(1, kills - killsOfAll),
    wronglyFailed: [...failed.keys()].filter((recipient) => !couldFail.has(recipient)),
    failedByDns: counted("nowhere"),
    expired: counted("expired"),
    unrecorded: [...accepted].filter((recipient) => !ended.has(recipient)),
    wronglyRefused: [...traffic.rejections.keys()].filter((kind) => kind.startsWith("5")),
    leftInQueue: queuedIn(data),
    recordMs,
    leftFiles: filesIn(data),
  };
}

function witnessesOf(
  { acknowledged, unknown, reports, refused, deferred, unanswered }: Traffic,
  hops: NextHops,
): Witnesses {
  const sentAt = new Map<string, number>();
  for (const message of [...acknowledged, ...unknown])
    for (const recipient of message.recipients) if (message.sentAt !== undefined) sentAt.set(recipient, message.sentAt);
  const toldAt = new Map<string, number>();
  for (const { about, loggedAt } of reports)
    for (const recipient of about) if (!toldAt.has(recipient)) toldAt.set(recipient, loggedAt);
  return {
    refused,
    deferred,
    unanswered,
    isNowhere: (domain) => hops.isNowhere(domain),
    hadNoAnswer: (domain) => hops.hadNoAnswer(domain),
    expireMs: hops.expireMs,
    sentAt: (recipient) => sentAt.get(recipient),
    toldAt: (recipient) => toldAt.get(recipient),
  };
}

/** Transactions repeated after kills of all, and after those of the relay alone. */
function repeats({ transactionsByKill }: Duplicates, killedWithHops: ReadonlySet<number>): [number, number] {
  const counts: [number, number] = [0, 0];
  for (const [epoch, count] of transactionsByKill) counts[killedWithHops.has(epoch) ? 0 : 1] += count;
  return counts;
}

/** What of it is not empty, and how many there are: the promises did not hold. */
export function wrongsIn(findings: Findings): readonly string[] {
  const counts: (readonly [string, number])[] = [
    ...WRONGS.map((wrong) => [wrong, findings[wrong].length] as const),
    ["leftInQueue", findings.leftInQueue],
    ["leftFiles", findings.leftFiles],
  ];
  return shownWrongs(Object.fromEntries(counts));
}

/** `lost 3`, of what is not zero. */
export function shownWrongs(counts: Numbers): readonly string[] {
  return Object.entries(counts).flatMap(([name, count]) => (count === 0 ? [] : [`${name} ${count}`]));
}

/** The verdict of a command, which `test/planted` goes by too; where something is wrong it ends with 1. */
export function tellVerdict(wrongs: readonly string[]): void {
  console.log(`wrong: ${wrongs.length === 0 ? "nothing" : wrongs.join(", ")}`);
  if (wrongs.length > 0) process.exitCode = 1;
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
    duplicatesRefusedByKill: duplicates.refusedByKill,
    duplicatesByClose: duplicates.byClose,
    oldestRepeatMs: findings.oldestRepeatMs,
    oldestRepeatWorkMs: findings.oldestRepeatWorkMs,
    waiting: findings.waiting,
    recordsSeen: findings.recordMs.length,
    recordP50Ms: quantile(findings.recordMs, 0.5),
    recordP99Ms: quantile(findings.recordMs, 0.99),
    recordMaxMs: findings.recordMs.at(-1) ?? 0,
  };
}

const SHOWN = 5;

function some(list: readonly string[]): string {
  if (list.length === 0) return "0";
  return `${list.length}: ${list.slice(0, SHOWN).join(" ")}${list.length > SHOWN ? " ..." : ""}`;
}

function recordTimes(times: readonly number[]): string {
  const [median, most, all] = [0.5, 0.99, 1].map((share) => quantile(times, share).toFixed(1));
  return `p50 ${median} ms, p99 ${most} ms, max ${all} ms of ${times.length} looked at`;
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
    `  answered before the kill    ${duplicates.answeredByKill} recipients, at most ${findings.oldestRepeatMs.toFixed(0)} ms before, ${findings.oldestRepeatWorkMs.toFixed(0)} ms of them at work`,
    `  taken, answered to nobody   ${duplicates.unansweredByKill} recipients`,
    `  refused, and tried again    ${duplicates.refusedByKill} recipients`,
    `answer to record              ${recordTimes(findings.recordMs)}; at most ${RECORDED_WITHIN_MS} ms of work excuse a repeat`,
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
    `  to somebody else            ${some(findings.misdirected)}`,
    `  again, or with other words  ${some(findings.reportsUnexplained)}, ${some(findings.reportsAltered)}`,
    `refused for good              ${some(findings.wronglyRefused)}`,
    `waiting and would not wake    ${some(findings.asleep)}; ${findings.waiting} deliveries waited`,
    `left in the queue             ${findings.leftInQueue} deliveries, ${findings.leftFiles} content files`,
  ];
}
