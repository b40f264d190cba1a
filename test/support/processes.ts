import { existsSync, readFileSync, readdirSync } from "node:fs";

// Processes of this machine, as /proc has them. Where there is none there are no processes to see.

const LOOK_MS = 20;

/** False where there is nobody any more. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    return false;
  }
}

export function processes(): readonly number[] {
  return existsSync("/proc") ? readdirSync("/proc").map(Number).filter(Number.isInteger) : [];
}

export function descendants(pid: number): readonly number[] {
  const parents = processes().map((each) => [each, parentOf(each)] as const);
  const below = (parent: number): readonly number[] =>
    parents.flatMap(([each, its]) => (its === parent ? [...below(each), each] : []));
  return below(pid);
}

/** One that ended and that nobody asked after has nothing open. */
export function isAlive(pid: number): boolean {
  const [state = ""] = stat(pid);
  return state !== "" && state !== "Z" && state !== "X";
}

/** What it was started with; empty where it has ended. */
export function commandLine(pid: number): string {
  return procfile(pid, "cmdline").replaceAll("\0", " ");
}

/** Also one under a tracer, and the tracer. */
export function isRelay(pid: number): boolean {
  return commandLine(pid).includes("bin/waypost.mjs");
}

export function waitFor(holds: () => boolean, withinMs: number): void {
  const deadline = performance.now() + withinMs;
  while (!holds() && performance.now() < deadline) pause(LOOK_MS);
}

/** Nothing else of this process goes on meanwhile. */
export function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Of `/proc/PID/stat`, behind the name, which may have anything in it. */
function stat(pid: number): readonly string[] {
  const text = procfile(pid, "stat");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

function parentOf(pid: number): number {
  return Number(stat(pid)[1]);
}

/** Empty where it has ended. */
function procfile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch (error) {
    if (!["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    return "";
  }
}
