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
  "leftInQueue",
  "leftFiles",
];

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
        value:
          "{killsDuringStart} during the start, {killsDuringReload} during a reload, {killsDuringStop} during a stop, {killsTwice} twice within 100 ms; one thread's end {threadEnds}, stopped and continued {freezes}",
        target: "each of them, 10 times at least",
        atLeast: {
          killsDuringStart: 10,
          killsDuringReload: 10,
          killsDuringStop: 10,
          killsTwice: 10,
          threadEnds: 10,
          freezes: 1,
        },
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
        zero: [...NOTHING_WRONG, "migrationLost"],
        atLeast: { cuts: 100 },
      },
      {
        suite: "power-cuts",
        value:
          "{cutsInCheckpoint} in a checkpoint, {cutsWithBacklog} with a backlog, {cutsAtStart} at the start, {cutsInStop} in a stop; {migrationLost} of {migrationMessages} messages in {cutsInMigration} migrations, {cutsAmidMigration} of them cut in the middle",
        target: "each of them, 10 times at least",
        atLeast: { cutsInCheckpoint: 10, cutsWithBacklog: 10, cutsAtStart: 10, cutsInStop: 10, cutsInMigration: 10 },
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
    number: 4,
    name: "duplicates",
    showings: [
      {
        suite: "crash",
        value:
          "{repeatedPerKillOfAll} transactions repeated a kill of everything; {unexplained} recipients unexplained",
        target: "at most 2 on average, each explained by a delivery in flight",
        zero: ["unexplained"],
        atMost: { repeatedPerKillOfAll: 2 },
      },
      {
        suite: "crash",
        value:
          "{repeatedPerKillOfRelay} transactions repeated where only the relay is killed: what the next hop takes after that, it says to nobody",
        target: "explained",
        zero: ["unexplained"],
      },
      {
        suite: "power-cuts",
        value: "{repeatedPerKillOfAll} transactions repeated a cut; {unexplained} recipients unexplained",
        target: "at most 3 on average, each explained by a delivery in flight",
        zero: ["unexplained"],
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
        atLeast: { transcripts: 100 },
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
        atLeast: { probes: 500 },
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
];
