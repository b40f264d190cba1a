import { CASES, type Case } from "../../bench/side-by-side/cases.ts";
import { figuresOf } from "../../bench/side-by-side/record.ts";
import type { Counts, Result } from "../../test/support/result-file.ts";

const INTRODUCTION = `# Performance

The same load through Postfix, through Waypost and through nothing at all, in turn, in one run of \`npm run bench\`; the figures are
medians over its rounds. A message counts as accepted when the client has its 250, which each relay sends once it is on the disk, and as relayed
when the sink has it. Processor time is of all processes of a relay, per message. "None" is the sink itself: what
source and sink could do at most. The relay has one core, and source and sink have the other.

Waypost has its defaults: the configuration names the listener, who may relay, and where mail goes. Postfix is Debian's, with the
limits raised that this load would meet. Machines differ: what holds elsewhere is the ratio, within one run.

This page is written by \`npm run performance\` from the files in \`docs/performance\`; \`npm run check\` fails where it says anything else.
`;

const CONTENDERS = ["postfix", "exim", "waypost", "none"] as const;

export function performancePage(result: Result | undefined): string {
  if (result === undefined) return `${INTRODUCTION}\nNothing is recorded yet.\n`;
  return [INTRODUCTION, factsOf(result), ...CASES.map((subject) => section(subject, result.counts))].join("\n");
}

function factsOf({ command, commit, startedAt, seconds, machine }: Result): string {
  const { cores, processor, memoryMiB, system, node, fileSystem } = machine;
  return [
    `- command: \`${command}\``,
    `- commit: \`${commit}\``,
    `- started ${startedAt}, took ${shown(seconds, 0)} s`,
    `- machine: ${cores} cores (${processor}), ${shown(memoryMiB, 0)} MiB, ${system}, Node ${node}, ${fileSystem}`,
    "",
  ].join("\n");
}

function section({ name, about }: Case, counts: Counts): string {
  const rows = CONTENDERS.flatMap((contender) => {
    const figures = figuresOf(counts, name, contender);
    if (figures === undefined) return [];
    const { relayedPerSecond, acceptedPerSecond, relayMs, loadMs, peakMiB, acceptP50Ms, acceptP99Ms } = figures;
    const latency = acceptP99Ms === undefined ? "" : `${shown(acceptP50Ms, 1)} / ${shown(acceptP99Ms, 1)}`;
    const ownMs = contender === "none" ? "" : shown(relayMs, 3);
    const memory = contender === "none" ? "" : shown(peakMiB, 0);
    return [
      [contender, shown(relayedPerSecond, 0), shown(acceptedPerSecond, 0), ownMs, shown(loadMs, 3), memory, latency],
    ];
  });
  const head = [
    "relay",
    "relayed/s",
    "accepted/s",
    "processor ms",
    "source and sink ms",
    "memory MiB",
    "accept p50 / p99 ms",
  ];
  return `## ${name}\n\n${about}.\n\n${table(head, rows)}\n${comparison(name, counts)}`;
}

function comparison(name: string, counts: Counts): string {
  const [ours, theirs] = (["waypost", "postfix"] as const).map((contender) => figuresOf(counts, name, contender));
  if (ours === undefined || theirs === undefined) return "";
  const relayed = ours.relayedPerSecond! / theirs.relayedPerSecond!;
  const processor = theirs.relayMs! / ours.relayMs!;
  return `Waypost relays ${shown(relayed, 2)} times as many messages, for 1/${shown(processor, 1)} of the processor time.\n`;
}

function shown(value: number | undefined, digits: number): string {
  return value === undefined
    ? ""
    : value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return `${[line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n")}\n`;
}
