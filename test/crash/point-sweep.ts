import { runPoint, scenarioPoints } from "./point-run.ts";
import type { Fault, Point } from "./points.ts";

// All crash points, or every k-th of them, each with the faults that its call may meet.

export interface SweepOptions {
  readonly tree?: string;
  /** One of so many. */
  readonly every?: number;
  /** The first of them, from 0. */
  readonly from?: number;
  /** So many at a time. */
  readonly jobs?: number;
  readonly isWanted?: (point: Point, fault: Fault) => boolean;
  readonly say?: (line: string) => void;
}

export interface SweepReport {
  readonly points: number;
  /** Runs by fault, and those that met it. */
  readonly runs: Readonly<Record<Fault, number>>;
  readonly met: Readonly<Record<Fault, number>>;
  readonly violations: readonly string[];
}

const WRITES: ReadonlySet<string> = new Set(["pwrite64", "pwritev", "write", "writev", "ftruncate", "fallocate"]);
const SYNCS: ReadonlySet<string> = new Set(["fsync", "fdatasync"]);
const NAMES: ReadonlySet<string> = new Set(["mkdir", "rename", "unlink", "rmdir", "link"]);

function faultsOf({ call }: Point): readonly Fault[] {
  if (SYNCS.has(call) || call === "unlink") return ["kill", "EIO"];
  if (WRITES.has(call) || NAMES.has(call)) return ["kill", "EIO", "ENOSPC"];
  return ["kill", "EMFILE", "ENOSPC"];
}

/** For people. */
function shown({ call, nth, where }: Point, fault: Fault): string {
  return `${fault} at ${call} ${nth} ${"file" in where ? `on ${where.file}` : `of ${where.thread}`}`;
}

export async function sweep(options: SweepOptions): Promise<SweepReport> {
  const { every = 1, from = 0, jobs = 1, isWanted = () => true, say, tree } = options;
  const points = await scenarioPoints();
  const all = points.flatMap((point) => faultsOf(point).map((fault) => ({ point, fault })));
  const left = all.filter(({ point, fault }) => isWanted(point, fault)).filter((_, at) => at % every === from % every);
  const runs = { kill: 0, EIO: 0, ENOSPC: 0, EMFILE: 0 };
  const met = { ...runs };
  const violations: string[] = [];
  const total = left.length;
  let done = 0;
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const { point, fault } = next;
      const report = await runPoint(point, fault, tree === undefined ? {} : { tree });
      runs[fault]++;
      if (report.isMet) met[fault]++;
      for (const violation of report.violations) {
        violations.push(`${shown(point, fault)}: ${violation}`);
        say?.(violations.at(-1)!);
      }
      if (++done % 20 === 0) say?.(`${done} of ${total} runs, ${violations.length} violations`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return { points: points.length, runs, met, violations };
}
