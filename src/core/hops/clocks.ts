import { span } from "../base/span.ts";
import { type Duration, type Instant, second } from "../base/time.ts";
import { reachOf, serverName } from "./host-names.ts";
import type { Stamp } from "./received.ts";

/** When a message was at a hop. */
export interface Timing {
  /** Since the stamp of hop `since`; undefined where clocks or dates do not tell. */
  readonly delay: Duration | undefined;
  /** Whose clock dated it: the server's name, or that of the server before of which this is a local step. */
  readonly host: string;
  /** Number of that hop. */
  readonly since: number;
  /** It is earlier than the hop before, by this. */
  readonly back: Duration;
  /** Whose clock is probably off, then. */
  readonly remark: string;
}

export interface Timings {
  readonly hops: readonly Timing[];
  /** From the first hop to the last, without what goes backwards; undefined where no dates can be compared. */
  readonly total: Duration | undefined;
}

/** Clocks that are set by the network, and stamps with whole seconds, differ by this. */
const TOLERANCE = 2 * second;

/** Hops in a row that one clock has dated. */
interface Run {
  readonly name: string;
  readonly numbers: number[];
  first: Instant | undefined;
  last: Instant | undefined;
}

/**
 * Hops bottom to top. Where the time goes backwards, the one clock is off without which it would not: that of the host
 * before, where the hop before that fits with this one, or this host's, where the next one fits with the hop before.
 */
export function timingsOf(stamps: readonly Stamp[], written: Instant | undefined): Timings {
  const runs = runsOf(stamps);
  const dated = runs.filter((run) => run.first !== undefined);
  const off = new Set<Run>();
  const remarks = new Map<number, { readonly back: Duration; readonly remark: string }>();
  for (let i = 1; i < dated.length; i++) {
    const [before, run] = [dated[i - 1]!, dated[i]!];
    const back = before.last! - run.first!;
    if (back <= TOLERANCE) continue;
    const verdict = judge(i === 1 ? written : dated[i - 2]!.last, before, run, dated[i + 1]?.first);
    if (verdict.off !== undefined) off.add(verdict.off);
    remarks.set(
      run.numbers.find((number) => timeOf(stamps[number - 1]!) !== undefined)!,
      { back, remark: verdict.remark },
    );
  }
  return measure(stamps, runs, off, remarks);
}

function timeOf({ date }: Stamp): Instant | undefined {
  return date.kind === "known" ? date.at : undefined;
}

function runsOf(stamps: readonly Stamp[]): Run[] {
  const runs: Run[] = [];
  for (const [at, stamp] of stamps.entries()) {
    const last = runs.at(-1);
    const time = timeOf(stamp);
    if (last !== undefined && (isHere(stamp) || stamp.by.toLowerCase() === last.name.toLowerCase())) {
      last.numbers.push(at + 1);
      last.first ??= time;
      last.last = time ?? last.last;
    } else runs.push({ name: serverName(stamp), numbers: [at + 1], first: time, last: time });
  }
  return runs;
}

/** A filter or a local step of the host before, which has its clock. */
function isHere({ by, byAddress, remark }: Stamp): boolean {
  if (by === "") return remark !== "";
  return by.toLowerCase() === "localhost" || (byAddress !== "" && reachOf(byAddress) === "loopback");
}

function judge(
  earlier: Instant | undefined,
  before: Run,
  run: Run,
  later: Instant | undefined,
): { readonly off: Run | undefined; readonly remark: string } {
  const isBeforeAhead = earlier !== undefined && earlier <= run.first! + TOLERANCE;
  const isThisBehind = later !== undefined && later >= before.last! - TOLERANCE;
  if (isBeforeAhead === isThisBehind)
    return { off: undefined, remark: `the clock of ${before.name} is ahead, or that of ${run.name} is behind` };
  return isBeforeAhead
    ? { off: before, remark: `the clock of ${before.name} is probably ahead` }
    : { off: run, remark: `the clock of ${run.name} is probably behind` };
}

function measure(
  stamps: readonly Stamp[],
  runs: readonly Run[],
  off: ReadonlySet<Run>,
  remarks: ReadonlyMap<number, { readonly back: Duration; readonly remark: string }>,
): Timings {
  const hops: Timing[] = [];
  let total: Duration = 0;
  let isMeasured = false;
  let trusted: { readonly number: number; readonly at: Instant } | undefined;
  for (const run of runs) {
    let previous = off.has(run) ? undefined : trusted; // an own clock that is off still measures what is its own
    for (const number of run.numbers) {
      const at = timeOf(stamps[number - 1]!);
      const { back = 0, remark = "" } = remarks.get(number) ?? {};
      const difference = at === undefined || previous === undefined ? undefined : at - previous.at;
      const delay = difference === undefined || difference < -TOLERANCE ? undefined : Math.max(0, difference);
      const { name: host } = run;
      hops.push({ delay, host, since: previous?.number ?? 0, back, remark: backwards(difference, back, remark, host) });
      if (at === undefined) continue;
      previous = { number, at };
      if (off.has(run)) continue;
      trusted = previous;
      isMeasured ||= delay !== undefined;
      total += delay ?? 0;
    }
  }
  return { hops, total: isMeasured ? total : undefined };
}

function backwards(difference: Duration | undefined, back: Duration, remark: string, name: string): string {
  if (back > 0) return `${span(back)} earlier than the hop before: ${remark}`;
  if (difference === undefined || difference >= -TOLERANCE) return "";
  return `${span(-difference)} earlier than the hop before, by the clock of ${name} itself`;
}
