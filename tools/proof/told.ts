import type { Counts } from "../../test/support/result-file.ts";
import { FIGURES } from "./figures.ts";
import { type Showing, filled, isShown, missed, targetOf } from "./showing.ts";

// What a suite says at its end of its own targets, also where the run is not recorded.

/** How it stands by what was counted: a run that is smaller than its target asks for says so, and is not short for it. */
export function standing(showing: Showing, counts: Counts): string {
  const { bounds, sizes } = missed(showing, counts);
  const part = sizes.length === 0 ? "" : `a part of a run (${sizes.join(", ")})`;
  if (bounds.length === 0) return part === "" ? "holds" : part;
  const why = showing.short === undefined ? "" : `: ${showing.short.why}`;
  return `short (${bounds.join(", ")})${part === "" ? "" : ` in ${part}`}${why}`;
}

/** For people. What the run did not count at all, as the controls of a run that is not recorded, is left out. */
export function figureLines(suite: string, counts: Counts): readonly string[] {
  const showings = FIGURES.flatMap((figure) => figure.showings).filter((showing) => showing.suite === suite);
  const lines = showings
    .filter((showing) => isShown(showing, counts))
    .flatMap((showing) => [
      `- ${counted(showing.value, counts)}`,
      `    target: ${targetOf(showing)}; ${standing(showing, counts)}`,
    ]);
  const left = showings.filter((showing) => !isShown(showing, counts)).length;
  if (left > 0) lines.push(`- ${left} more ${left === 1 ? "figure" : "figures"} with --record`);
  return lines.length === 0 ? [] : ["figures:", ...lines];
}

/** What of a text was counted: of its parts, between semicolons, those with a count that this run has not are left out. */
function counted(text: string, counts: Counts): string {
  const isCounted = (part: string): boolean =>
    [...part.matchAll(/\{(\w+)\}/g)].every(([, name = ""]) => counts[name] !== undefined);
  return filled(text.split("; ").filter(isCounted).join("; "), counts);
}

export function tellFigures(suite: string, counts: Counts): void {
  for (const line of figureLines(suite, counts)) console.log(line);
}
