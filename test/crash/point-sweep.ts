import { runPoint, scenarioPoints } from "./point-run.ts";
import { FAULTS, type Fault, type Point, isSync } from "./points.ts";

// All crash points, or every k-th of them, each with the faults that its call may meet.

export interface SweepOptions {
  readonly tree?: string;
  /** One of so many of each kind of fault, of which none is left out. */
  readonly every?: number;
  /** So many at a time. */
  readonly jobs?: number;
  readonly isWanted?: (point: Point, fault: Fault) => boolean;
  /** The first violation is enough, of a bug that is to be found. */
  readonly stopsAtFirst?: boolean;
  readonly say?: (line: string) => void;
}

export interface SweepReport {
  readonly points: number;
  /** Points with a fault each, by fault; and those that met it. */
  readonly runs: Readonly<Record<Fault, number>>;
  readonly met: Readonly<Record<Fault, number>>;
  /** The others: the relay did not come to that call, however often it was tried. */
  readonly unmet: readonly string[];
  readonly violations: readonly string[];
}

const WRITES: ReadonlySet<string> = new Set(["pwrite64", "pwritev", "write", "writev", "ftruncate", "fallocate"]);
const NAMES: ReadonlySet<string> = new Set(["mkdir", "rename", "unlink", "rmdir", "link"]);

function faultsOf({ call }: Point): readonly Fault[] {
  if (isSync(call)) return ["kill", "EIO", "delay"];
  if (call === "unlink") return ["kill", "EIO"];
  if (WRITES.has(call) || NAMES.has(call)) return ["kill", "EIO", "ENOSPC"];
  return ["kill", "EMFILE", "ENOSPC"];
}

/** How many commits there are depends on what comes together: a call that one run has another may not come to. */
const TRIES = 3;

const NONE = Object.fromEntries(FAULTS.map((fault) => [fault, 0])) as Record<Fault, number>;

/** For people. */
function shown({ call, nth, thread, file = "a content" }: Point, fault: Fault): string {
  return `${fault} at ${call} ${nth} of ${thread} on ${file}`;
}

export async function sweep(options: SweepOptions): Promise<SweepReport> {
  const { every = 1, jobs = 1, isWanted = () => true, stopsAtFirst = false, say, tree } = options;
  const points = await scenarioPoints();
  const all = points.flatMap((point) => faultsOf(point).map((fault) => ({ point, fault })));
  const seen = { ...NONE };
  const left = all
    .filter(({ point, fault }) => isWanted(point, fault))
    .filter(({ fault }) => seen[fault]++ % every === 0);
  const runs = { ...NONE };
  const met = { ...NONE };
  const violations: string[] = [];
  const unmet: string[] = [];
  const total = left.length;
  let done = 0;
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      if (stopsAtFirst && violations.length > 0) return;
      const { point, fault } = next;
      runs[fault]++;
      let isMet = false;
      for (let tries = 0; tries < TRIES && !isMet; tries++) {
        const report = await runPoint(point, fault, tree === undefined ? {} : { tree });
        ({ isMet } = report);
        for (const violation of report.violations) {
          violations.push(`${shown(point, fault)}: ${violation}`);
          say?.(violations.at(-1)!);
        }
      }
      if (isMet) met[fault]++;
      else {
        unmet.push(shown(point, fault));
        say?.(`not met: ${shown(point, fault)}`);
      }
      if (++done % 20 === 0) say?.(`${done} of ${total} runs, ${violations.length} violations`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return { points: points.length, runs, met, unmet, violations };
}
