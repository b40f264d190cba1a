import type { Counts } from "../../test/support/result-file.ts";

// The figures of docs/proof.md: what each promises, which suites show it, and when its target holds.

/** A target in terms of counts. All of it has to hold. */
interface Terms {
  readonly zero?: readonly string[];
  readonly atLeast?: Readonly<Record<string, number>>;
  readonly atMost?: Readonly<Record<string, number>>;
  /** Pairs of counts that have to be the same. */
  readonly equal?: readonly (readonly [string, string])[];
}

/** One line of a figure: what one suite says about it. */
export interface Showing extends Terms {
  readonly suite: string;
  /** Braces name counts: `{lost} of {acknowledged}`. */
  readonly value: string;
  readonly target: string;
  /** Where the target does not hold: why. */
  readonly short?: string;
}

export interface Figure {
  readonly number: number;
  readonly name: string;
  readonly showings: readonly Showing[];
}

/** The counts that a line speaks of: each has to be in its suite's result. */
export function countsOf({ value, zero = [], atLeast = {}, atMost = {}, equal = [] }: Showing): readonly string[] {
  const shown = [...value.matchAll(/\{(\w+)\}/g)].map((found) => found[1]!);
  return [...new Set([...shown, ...zero, ...Object.keys(atLeast), ...Object.keys(atMost), ...equal.flat()])];
}

export function holds({ zero = [], atLeast = {}, atMost = {}, equal = [] }: Terms, counts: Counts): boolean {
  const of = (name: string): number => counts[name] ?? Number.NaN;
  return (
    zero.every((name) => of(name) === 0) &&
    Object.entries(atLeast).every(([name, least]) => of(name) >= least) &&
    Object.entries(atMost).every(([name, most]) => of(name) <= most) &&
    equal.every(([one, other]) => of(one) === of(other))
  );
}

const NOTHING_WRONG = [
  "lost",
  "altered",
  "uninvited",
  "unrecorded",
  "wronglyFailed",
  "untold",
  "toldTwice",
  "wronglyTold",
  "misdirected",
  "reportsUnexplained",
  "reportsAltered",
  "wronglyRefused",
  "asleep",
  "leftInQueue",
  "leftFiles",
];

/** The numbers are those of the goals; a figure keeps its own, whatever its place in this list. */
export const FIGURES: readonly Figure[] = [
  {
    number: 1,
    name: "acknowledged messages lost under kill -9",
    showings: [
      {
        suite: "crash",
        value: "{lost} of {acknowledged} messages in {rounds} rounds with {kills} kills",
        target: "0 in 300 rounds and 300,000 acknowledged",
        zero: NOTHING_WRONG,
        atLeast: { rounds: 300, acknowledged: 300_000 },
      },
      {
        suite: "crash",
        value: "control: {plantedFound} of {planted} planted bugs found in the same run",
        target: "all",
        equal: [["planted", "plantedFound"]],
        atLeast: { planted: 5 },
      },
      {
        suite: "crash",
        value:
          "{killsDuringStart} during the start, {killsDuringReload} during a reload, {killsDuringStop} during a stop, {killsTwice} twice in two starts; one thread's end {threadEnds}, stopped and continued {freezes}",
        target: "each of them 10 times at least, a frozen relay once",
        atLeast: {
          killsDuringStart: 10,
          killsDuringReload: 10,
          killsDuringStop: 10,
          killsTwice: 10,
          threadEnds: 10,
          freezes: 1,
        },
      },
      {
        suite: "crash-mx",
        value:
          "by MX, to the servers of many domains: {lost} of {acknowledged} messages in {rounds} rounds with {kills} kills; {failedByDns} failed by the DNS, {expired} by their age",
        target: "0 in 20 rounds",
        zero: [...NOTHING_WRONG, "unexplained"],
        atLeast: { rounds: 20, kills: 15, acknowledged: 5000, failedByDns: 1, expired: 1 },
        equal: [["planted", "plantedFound"]],
      },
    ],
  },
  {
    number: 2,
    name: "lost after a power cut",
    showings: [
      {
        suite: "power-cuts",
        value: "{lost} of {acknowledged} messages in {cuts} cuts",
        target: "0 in 100 cuts",
        zero: [...NOTHING_WRONG, "migrationLost", "migrationUnexplained", "migrationAltered"],
        atLeast: { cuts: 100, acknowledged: 10_000, migrationMessages: 100 },
      },
      {
        suite: "power-cuts",
        value:
          "{cutsInCheckpoint} in a checkpoint, {cutsWithBacklog} with a backlog, {cutsAtStart} at the start, {cutsInStop} in a stop; {migrationLost} of {migrationMessages} messages in {cutsInMigration} migrations, {cutsAmidMigration} of them cut in the middle",
        target: "each of them, 10 times at least, a migration in its middle once",
        atLeast: {
          cutsInCheckpoint: 10,
          cutsWithBacklog: 10,
          cutsAtStart: 10,
          cutsInStop: 10,
          cutsInMigration: 10,
          cutsAmidMigration: 1,
        },
      },
      {
        suite: "power-cuts",
        value:
          "controls: {noSyncLost} without a sync, {normalLost} with a sync at checkpoints only, {contentLost} with content unsynced, {tailLost} with the log's end gone",
        target: "each loses mail",
        atLeast: { noSyncLost: 1, normalLost: 1, contentLost: 1, tailLost: 1 },
      },
    ],
  },
  {
    number: 3,
    name: "crash points, system calls that fail",
    showings: [
      {
        suite: "crash-points",
        value:
          "{violations} violations; {points} calls that change the disk, killed at {killsMet}, {errorsMet} that failed (EIO, ENOSPC, EMFILE)",
        target: "0 violations, each call",
        zero: ["violations"],
        atLeast: { killsMet: 200, errorsMet: 300 },
      },
      {
        suite: "crash-points",
        value: "control: {controlViolations} violations of a relay that says 250 before it commits",
        target: "at least 1",
        atLeast: { controlViolations: 1 },
      },
    ],
  },
  {
    number: 20,
    name: "full disk",
    showings: [
      {
        suite: "full-disk",
        value:
          "{lost} of {acknowledged} messages lost in {rounds} rounds, {kills} of them with a kill; {putOff} put off with 452, {refused} refused; accepting again at most {recoveryMs} ms after there was room",
        target: "0 lost, none refused, 10 s",
        zero: [...NOTHING_WRONG, "refused", "notRecovered"],
        atLeast: { rounds: 20, acknowledged: 1000, putOff: 1000, kills: 1 },
        atMost: { recoveryMs: 10_000 },
      },
      {
        suite: "full-disk",
        value: "control: {controlLost} recipients lost by a relay that takes a full disk for a written one",
        target: "at least 1",
        atLeast: { controlLost: 1 },
      },
    ],
  },
  {
    number: 4,
    name: "duplicates",
    showings: [
      {
        suite: "crash",
        value:
          "{repeatedPerKillOfAll} transactions repeated a kill of everything; {unexplained} recipients unexplained; from the answer to its record p50 {recordP50Ms} ms, p99 {recordP99Ms} ms, at most {oldestRepeatWorkMs} ms of work before a kill",
        target: "at most 2 on average, each explained by a delivery in flight",
        zero: ["unexplained"],
        atLeast: { killsOfAll: 50 },
        atMost: { repeatedPerKillOfAll: 2 },
      },
      {
        suite: "crash",
        value:
          "{repeatedPerKillOfRelay} transactions repeated where only the relay is killed: what the next hop takes after that, it says to nobody",
        target: "explained",
        zero: ["unexplained"],
        atLeast: { killsOfRelay: 50, recordsSeen: 100 },
      },
      {
        suite: "power-cuts",
        value: "{repeatedPerKillOfAll} transactions repeated a cut; {unexplained} recipients unexplained",
        target: "at most 3 on average, each explained by a delivery in flight",
        zero: ["unexplained"],
        atLeast: { killsOfAll: 50 },
        atMost: { repeatedPerKillOfAll: 3 },
      },
    ],
  },
  {
    number: 5,
    name: "smuggling",
    showings: [
      {
        suite: "smuggling",
        value:
          "{placed} strings (each of the 97,655 of up to 7 of CR LF . x NUL, at 3 places), whole and octet by octet, in both modes, in and out again: {failed} tests failed; {accepted} are mail, {refused} refused",
        target: "97,655 of 97,655 at each place",
        zero: ["failed"],
        atLeast: { placed: 3 * 97_655 },
      },
    ],
  },
  {
    number: 6,
    name: "chunk invariance",
    showings: [
      {
        suite: "chunks",
        value: "{transcripts} transcripts, {cutsInTwo} cuts in two, {plays} plays in all: {failed} tests failed",
        target: "every transcript, every two-way split",
        zero: ["failed"],
        atLeast: { transcripts: 100, cutsInTwo: 10_000, plays: 10_000 },
      },
    ],
  },
  {
    number: 7,
    name: "open relay",
    showings: [
      {
        suite: "open-relay",
        value: "{relayed} of {probes} probes relayed by the machine",
        target: "0",
        zero: ["relayed", "failed"],
        atLeast: { probes: 1000 },
      },
      {
        suite: "open-relay-sockets",
        value:
          "{relayed} of {probes} probes relayed by a running relay, on {listeners} listeners; {permitted} permitted messages in the same run",
        target: "0, and each listener relays what is permitted",
        zero: ["relayed", "failed"],
        atLeast: { probes: 500, listeners: 2 },
        equal: [["listeners", "permitted"]],
      },
    ],
  },
  {
    number: 10,
    name: "broken next hops",
    showings: [
      {
        suite: "next-hops",
        value:
          "{wrongSuccesses} wrong successes and {wrongReports} wrong bounces in {rows} rows x cells with {recipients} recipients; {plantedFound} planted bugs found",
        target: "0, and 2 bugs found",
        zero: ["wrongSuccesses", "wrongReports", "failed"],
        atLeast: { rows: 300, plantedFound: 2 },
      },
    ],
  },
  {
    number: 8,
    name: "crashes and hangs under fuzz",
    showings: [
      {
        suite: "fuzz",
        value:
          "{crashes} crashes, {hangs} hangs over 1 s, {violations} violations in {inputs} inputs for {targets} targets ({arrived} deliveries of a relay that runs looked at); {statesReached} of {statesAll} session states reached; lines of a parser reached by fuzz alone: {coverageMinPercent} % at least",
        target: "0, every state, 95 %",
        zero: ["crashes", "hangs", "violations"],
        atLeast: { inputs: 10_000_000, targets: 47, coverageMinPercent: 95, arrived: 1000 },
        equal: [["statesReached", "statesAll"]],
      },
      {
        suite: "fuzz-planted",
        value: "{plantedFound} of {planted} planted off-by-ones found, the slowest after {plantedSlowestS} s of work",
        target: "each within 600 s",
        atLeast: { planted: 45 },
        atMost: { plantedSlowestS: 600 },
        equal: [["planted", "plantedFound"]],
      },
      {
        suite: "differential",
        value:
          "{differences} replies in {dialogues} dialogues of {commands} commands are of another class than Postfix's; {differencesUnexplained} of them without a reason in the table",
        target: "0 without a reason in 10,000 dialogues",
        zero: ["differencesUnexplained"],
        atLeast: { dialogues: 10_000, commands: 50_000 },
      },
    ],
  },
  {
    number: 9,
    name: "TLS injection and downgrade, server side",
    showings: [
      {
        suite: "races",
        value:
          "{answered} of {races} injections answered, {accepted} accepted, at every delay from 0 to 50 ms; undisturbed in the same run: {undisturbed}",
        target: "0",
        zero: ["accepted", "answered", "failed"],
        atLeast: { races: 150, undisturbed: 1 },
      },
    ],
  },
  {
    number: 11,
    name: "idle sessions",
    showings: [
      {
        suite: "idle-sessions",
        value:
          "{idleMiB} MiB with {plain} plain and {tls} TLS sessions ({emptyMiB} MiB without), a new one greeted within {greetedP99Ms} ms (p99)",
        target: "250 MiB, 100 ms",
        zero: ["dead"],
        atLeast: { plain: 10_000, tls: 2000 },
        atMost: { idleMiB: 250, greetedP99Ms: 100 },
        short:
          "Node's own share is 240 MiB: 42 for a process, 13.5 for each of its four other threads, 4.3 KiB for a plain session and 51 KiB for one with TLS",
      },
      {
        suite: "idle-sessions",
        value:
          "{goneMiB} MiB at most when all of them go at once; {silentMiB} MiB with {silent} clients that connect for TLS, say nothing and go, three times",
        target: "400 MiB, 400 MiB",
        atLeast: { silent: 5000 },
        atMost: { goneMiB: 400, silentMiB: 400 },
      },
    ],
  },
  {
    number: 13,
    name: "isolation",
    showings: [
      {
        suite: "isolation",
        value:
          "healthy mail p95 {besideP95Ms} ms beside {blackHoles} domains that are gone and a tarpit ({aloneP95Ms} ms alone), {sharePercent} % of its throughput alone",
        target: "2 s, 90 %",
        zero: ["failed"],
        atLeast: { blackHoles: 1000, sharePercent: 90 },
        atMost: { besideP95Ms: 2000 },
      },
      {
        suite: "slow-readers",
        value:
          "{acknowledged} of {tried} messages acknowledged (p99 {p99Ms} ms) beside {readers} clients that ask without an end and read no answer, of which {held} are held up and {dropped} let go; {eachKiB} KiB each",
        target: "all, within 2 s (p99), 512 KiB each",
        atLeast: { readers: 1000, tried: 100, held: 1, takenKiB: 256 },
        atMost: { p99Ms: 2000, eachKiB: 512 },
        equal: [["tried", "acknowledged"]],
      },
    ],
  },
  {
    number: 12,
    name: "memory",
    showings: [
      {
        suite: "backlog",
        value: "{fullMiB} MiB with {messages} queued, {emptyMiB} MiB with none",
        target: "300 MiB with 1,000,000",
        atLeast: { messages: 1_000_000 },
        atMost: { fullMiB: 300 },
      },
      {
        suite: "uploads",
        value: "{mostMiB} MiB with {uploads} uploads of {mebibytesEach} MiB at once ({emptyMiB} MiB before)",
        target: "300 MiB with 100, all acknowledged",
        atLeast: { uploads: 100 },
        atMost: { mostMiB: 300 },
        equal: [["uploads", "acknowledged"]],
      },
      {
        suite: "uploads",
        value:
          "of {endlessMiB} MiB without an end the relay takes {commandLineTakenMiB} MiB of a command line, {contentLineTakenMiB} of a line of content and {headerTakenMiB} of a header (with what the system has in hand), and hangs up; memory grows by {commandLineGrowthMiB}, {contentLineGrowthMiB} and {headerGrowthMiB} MiB",
        target: "1 MiB more by 1 GiB of each",
        atLeast: { endlessMiB: 1024, commandLineTakenMiB: 1, contentLineTakenMiB: 1, headerTakenMiB: 1 },
        atMost: { commandLineGrowthMiB: 1, contentLineGrowthMiB: 1, headerGrowthMiB: 1 },
      },
    ],
  },
  {
    number: 14,
    name: "event loop",
    showings: [
      {
        suite: "turns",
        value:
          "longest turn {mailCpuMs} ms (mail) and {queueCpuMs} ms (queue) of processor time in {messages} messages; timers late by {mailLateP999Ms} and {queueLateP999Ms} ms (p99.9), at most {mailLatestMs} and {queueLatestMs} ms, those of an idle thread by {idleLateP999Ms} ms, at most {idleLatestMs} ms",
        target: "20 ms of processor time, 20 ms late (p99.9)",
        atLeast: { messages: 10_000 },
        atMost: { mailCpuMs: 20, queueCpuMs: 20, mailLateP999Ms: 20, queueLateP999Ms: 20 },
      },
    ],
  },
  {
    number: 15,
    name: "recovery",
    showings: [
      {
        suite: "backlog",
        value: "listening after {startMs} ms with {messages} queued",
        target: "5 s with 1,000,000",
        atLeast: { messages: 1_000_000 },
        atMost: { startMs: 5000 },
      },
      {
        suite: "backlog-small",
        value: "listening after {startMs} ms with {messages} queued",
        target: "1 s with 100,000",
        atLeast: { messages: 100_000 },
        atMost: { startMs: 1000 },
      },
    ],
  },
  {
    number: 17,
    name: "flood",
    showings: [
      {
        suite: "flood",
        value:
          "{successPercent} % of {tried} messages of clients with a password acknowledged beside {established} connects in {seconds} s and {slow} slow clients",
        target: "99 % beside 2,000 connects/s for 60 s and 5,000 slow clients",
        atLeast: { seconds: 60, successPercent: 99, established: 119_000, slow: 5000, tried: 1000 },
      },
    ],
  },
  {
    number: 18,
    name: "planted bugs caught",
    showings: [
      {
        suite: "planted",
        value: "{caught} of {bugs}; by two suites or more {caughtTwice}, by the simulation {caughtBySimulation}",
        target: "all, each by two suites, the simulation 8",
        atLeast: { bugs: 12, suites: 11, caughtBySimulation: 8 },
        equal: [
          ["bugs", "caught"],
          ["bugs", "caughtTwice"],
        ],
      },
      {
        suite: "planted",
        value: "{blindCaught} of {blind} bugs of somebody who had seen no test",
        target: "as many as can be",
        atLeast: { blind: 3 },
        equal: [["blind", "blindCaught"]],
      },
      {
        suite: "sim-planted",
        value: "the simulation alone: {found} of {planted} planted bugs",
        target: "8 of the twelve; here they are more",
        atLeast: { planted: 20 },
        equal: [["found", "planted"]],
      },
    ],
  },
  {
    number: 19,
    name: "simulation",
    showings: [
      {
        suite: "sim",
        value:
          "{violations} violations in {seeds} worlds, {virtualHours} virtual hours ({virtualHoursPerSecond} a second), {deliveries} deliveries, {crashes} crashes, {powerCuts} power cuts; {reasonsReached} of {reasonsAll} reasons reached; the same seed, the same trace: {sameTrace}",
        target: "0 in 1,000 worlds, each reason",
        zero: ["violations"],
        atLeast: { seeds: 1000, virtualHours: 5000, deliveries: 100_000, crashes: 1000, powerCuts: 500, sameTrace: 1 },
        equal: [["reasonsReached", "reasonsAll"]],
      },
    ],
  },
];
