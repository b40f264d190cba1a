import type { Result } from "../../test/support/result-file.ts";
import { originOf, shown, table } from "../markdown.ts";
import { FIGURES } from "./figures.ts";
import { type Figure, type Showing, filled, holds, targetOf } from "./showing.ts";

const INTRODUCTION = `# Proof

How the promises are shown to hold: what each suite counted when it was last run in full. A zero means nothing unless the test that
counted it can fail: bugs are planted in copies of the relay (\`test/planted\`), and the suites have to find them (figure 18, and the lines named
"control"). This page is written by \`npm run proof\` from the result files in \`docs/proof\`, and \`npm run check\` fails where it says
anything else.

What a line says is of the program that its run was made with: the commit stands with each run below, and the program may have changed
since. To find out which results are not of the program that you have, type \`npm run proof -- --stale\` in a checkout of it.

A release has more of some: 1,000 rounds with 1,000,000 acknowledged messages, 500 cuts, 100,000,000 inputs. Figure 16, how long a
wrong password takes, and figures of several nodes come with what they are about.
`;

export function proofPage(results: readonly Result[]): string {
  const bySuite = new Map(results.map((result) => [result.suite, result]));
  return [INTRODUCTION, "## The figures\n", figuresTable(bySuite), "## The runs\n", ...results.map(runSection)].join(
    "\n",
  );
}

function figuresTable(bySuite: ReadonlyMap<string, Result>): string {
  const inOrder = FIGURES.toSorted((a, b) => a.number - b.number);
  const rows = inOrder.flatMap((figure) => figure.showings.map((showing, at) => row(figure, showing, at, bySuite)));
  return table(["#", "figure", "value", "target", ""], rows);
}

function row(
  { number, name }: Figure,
  showing: Showing,
  at: number,
  bySuite: ReadonlyMap<string, Result>,
): readonly string[] {
  const { suite, value, short } = showing;
  const target = targetOf(showing);
  const result = bySuite.get(suite);
  const first = at === 0 ? [String(number), name] : ["", ""];
  if (result === undefined) return [...first, `not run yet (${suite})`, target, ""];
  const verdict = holds(showing, result.counts) ? "holds" : `short${short === undefined ? "" : `: ${short.why}`}`;
  return [...first, `${filled(value, result.counts)} ([${suite}](#${suite}))`, target, verdict];
}

function runSection(result: Result): string {
  const rows = Object.entries(result.counts).map(([name, count]) => [name, shown(count)]);
  return `### ${result.suite}\n\n${originOf(result)}\n\n${table(["count", "value"], rows)}`;
}
