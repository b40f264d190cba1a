import type { Counts } from "../../test/support/result-file.ts";
import type { Summary } from "./summary.ts";

// A run of the benchmark as a result file has it: one list of numbers by name.

/** Where results of speed are, from the root of the project. */
export const PERFORMANCE = "docs/performance";

export interface Measured {
  readonly case: string;
  readonly summaries: readonly Summary[];
}

const FIGURES = [
  "acceptedPerSecond",
  "relayedPerSecond",
  "relayMs",
  "loadMs",
  "peakMiB",
  "acceptP50Ms",
  "acceptP99Ms",
] as const satisfies readonly (keyof Summary)[];

type Figure = (typeof FIGURES)[number];

/** As `plain/postfix/relayedPerSecond`. */
export function countsOf(all: readonly Measured[]): Counts {
  const counts = all.flatMap(({ case: name, summaries }) =>
    summaries.flatMap((summary) =>
      FIGURES.flatMap((figure) => {
        const value = summary[figure];
        return value === undefined ? [] : [[`${name}/${summary.contender}/${figure}`, rounded(value)] as const];
      }),
    ),
  );
  return Object.fromEntries(counts);
}

/** What a result says of one relay in one case; undefined where it had no turn. */
export function figuresOf(
  counts: Counts,
  name: string,
  contender: string,
): Partial<Record<Figure, number>> | undefined {
  const found = FIGURES.flatMap((figure) => {
    const value = counts[`${name}/${contender}/${figure}`];
    return value === undefined ? [] : [[figure, value] as const];
  });
  return found.length === 0 ? undefined : Object.fromEntries(found);
}

/** To four digits. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
