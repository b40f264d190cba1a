import type { Report } from "./child.ts";
import { inputText } from "./corpus.ts";
import type { FileCoverage } from "./coverage.ts";

export interface Counts {
  readonly [name: string]: number;
  readonly targets: number;
  readonly inputs: number;
  /** Of one target. */
  readonly inputsLeast: number;
  readonly crashes: number;
  readonly hangs: number;
  readonly violations: number;
}

/** `wanted` targets; one that died is a hang. */
export function countsOf(reports: readonly Report[], wanted: number): Counts {
  const findings = reports.flatMap(({ outcome }) => outcome.findings);
  const of = (kind: string): number => findings.filter((finding) => finding.kind === kind).length;
  const sum = (name: string): number => reports.reduce((all, { outcome }) => all + (outcome.summary[name] ?? 0), 0);
  const shares = reports.flatMap((report) => report.coverage.map((file) => percentOf(file, report.unreachable)));
  return {
    targets: wanted,
    inputs: reports.reduce((all, { outcome }) => all + outcome.inputs, 0),
    inputsLeast: Math.min(...reports.map(({ outcome }) => outcome.inputs), reports.length < wanted ? 0 : Infinity),
    crashes: of("crash"),
    hangs: of("hang") + wanted - reports.length,
    violations: of("violation") + reports.reduce((all, { replayed }) => all + replayed.length, 0),
    statesReached: sum("states"),
    statesAll: sum("statesAll"),
    arrived: sum("arrived"),
    ...(shares.length === 0 ? {} : { coverageMinPercent: Math.floor(10 * Math.min(...shares)) / 10 }),
    longestMs: Math.max(0, ...reports.map(({ outcome }) => outcome.longestMs)),
  };
}

type Missed = FileCoverage["missed"][number];

function whyOf({ text }: Missed, unreachable: Report["unreachable"]): string | undefined {
  return Object.entries(unreachable).find(([piece]) => text.includes(piece))?.[1];
}

/** Of the lines that an input can reach. */
function percentOf({ lines, missed }: FileCoverage, unreachable: Report["unreachable"]): number {
  const cannot = missed.filter((line) => whyOf(line, unreachable) !== undefined).length;
  return lines === cannot ? 100 : (100 * (lines - missed.length)) / (lines - cannot);
}

export function print({ outcome, replayed, coverage, unreachable }: Report): void {
  const { target, inputs, findings, longestMs, tookMs, summary } = outcome;
  const rate = Math.round((1000 * inputs) / Math.max(1, tookMs));
  const more = Object.entries(summary).map(([key, value]) => `, ${key} ${value}`);
  console.log(
    `${target}: ${inputs} inputs, ${rate}/s, longest ${longestMs} ms, ${findings.length} findings${more.join("")}`,
  );
  for (const text of replayed) console.log(`  of the corpus: ${text}`);
  for (const { kind, why, input, afterInputs } of findings)
    console.log(`  ${kind} at input ${afterInputs}: ${why.slice(0, 2000)}\n    ${inputText(input)}`);
  for (const file of coverage) {
    console.log(`  ${percentOf(file, unreachable).toFixed(1)} % of ${file.lines} lines of ${file.file}`);
    for (const line of file.missed)
      console.log(`      ${line.number}: ${line.text}  -- ${whyOf(line, unreachable) ?? "not reached"}`);
  }
}
