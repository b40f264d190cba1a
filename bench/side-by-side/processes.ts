import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";

// What processes cost, as the kernel counts it.

const MS_PER_TICK = 1000 / Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
const KIB_PER_MIB = 1024;

/** Places in `/proc/PID/stat` behind the name, from 0 (proc(5) counts from 1, and two are before it). */
const PARENT = 1;
const OWN_TICKS = [11, 12] as const;
const REAPED_TICKS = [13, 14] as const;

interface Entry {
  readonly parent: number;
  readonly ticks: number;
}

function statOf(pid: number | "self"): readonly string[] | undefined {
  const text = textOf(`/proc/${pid}/stat`);
  return text === undefined ? undefined : fieldsOf(text);
}

/** Behind the name, which may have anything in it. */
function fieldsOf(stat: string): readonly string[] {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** Undefined where the process is gone. */
function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "latin1");
  } catch (error) {
    if (!isGone(error)) throw error;
    return undefined;
  }
}

function isGone(error: unknown): boolean {
  return ["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "");
}

function sum(stat: readonly string[], places: readonly number[]): number {
  return places.reduce((total, place) => total + Number(stat[place]), 0);
}

function table(): ReadonlyMap<number, Entry> {
  const entries = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name): [number, Entry][] => {
      const stat = statOf(Number(name));
      if (stat === undefined) return [];
      return [[Number(name), { parent: Number(stat[PARENT]), ticks: sum(stat, [...OWN_TICKS, ...REAPED_TICKS]) }]];
    });
  return new Map(entries);
}

function isBelow(root: number, pid: number, all: ReadonlyMap<number, Entry>): boolean {
  for (let at: number | undefined = pid; at !== undefined && at !== 0; at = all.get(at)?.parent)
    if (at === root) return true;
  return false;
}

/** Processor time of a process and all below it, and of those that they outlived, in ms. */
export function processorMs(root: number): number {
  const all = table();
  const ticks = [...all]
    .filter(([pid]) => isBelow(root, pid, all))
    .reduce((total, [, entry]) => total + entry.ticks, 0);
  return ticks * MS_PER_TICK;
}

/** Processor time of each thread of one process by its name, those of one name together, in ms. */
export function threadsMs(pid: number): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const text = textOf(`/proc/${pid}/task/${task}/stat`);
    if (text === undefined) continue;
    const name = text.slice(text.indexOf("(") + 1, text.lastIndexOf(")"));
    const ms = sum(fieldsOf(text), OWN_TICKS) * MS_PER_TICK;
    found.set(name, (found.get(name) ?? 0) + ms);
  }
  return found;
}

/** Of the children of this process that have ended, in ms. */
export function endedChildrenMs(): number {
  return sum(statOf("self")!, REAPED_TICKS) * MS_PER_TICK;
}

/** Memory of a process and all below it; what several share counts once (PSS). */
export function proportionalMiB(root: number): number {
  const all = table();
  const kib = [...all.keys()]
    .filter((pid) => isBelow(root, pid, all))
    .reduce((total, pid) => total + proportionalKiB(pid), 0);
  return kib / KIB_PER_MIB;
}

function proportionalKiB(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(textOf(`/proc/${pid}/smaps_rollup`) ?? "")?.[1] ?? 0);
}
