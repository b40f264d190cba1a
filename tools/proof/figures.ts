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
        target: "each kind",
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
];
