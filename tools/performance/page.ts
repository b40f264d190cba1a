import { CASES, type Case } from "../../bench/side-by-side/cases.ts";
import { figuresOf } from "../../bench/side-by-side/record.ts";
import { originOf, shown, table } from "../markdown.ts";
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
  return [INTRODUCTION, `${originOf(result)}\n`, ...CASES.map((subject) => section(subject, result.counts))].join("\n");
}

function section({ name, about }: Case, counts: Counts): string {
  const rows = CONTENDERS.flatMap((contender) => {
    const figures = figuresOf(counts, name, contender);
    if (figures === undefined) return [];
    const { relayedPerSecond, acceptedPerSecond, relayMs, loadMs, peakMiB, acceptP50Ms, acceptP99Ms } = figures;
    const latency = acceptP99Ms === undefined ? "" : `${number(acceptP50Ms, 1)} / ${number(acceptP99Ms, 1)}`;
    const ownMs = contender === "none" ? "" : number(relayMs, 3);
    const memory = contender === "none" ? "" : number(peakMiB, 0);
    return [
      [contender, number(relayedPerSecond, 0), number(acceptedPerSecond, 0), ownMs, number(loadMs, 3), memory, latency],
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
  return `Waypost relays ${number(relayed, 2)} times as many messages, for 1/${number(processor, 1)} of the processor time.\n`;
}

/** Nothing where it was not measured. */
function number(value: number | undefined, digits: number): string {
  return value === undefined ? "" : shown(value, digits, digits);
}
