import { readFileSync, readdirSync } from "node:fs";

// What the system says of a process.

const MiB_IN_KIB = 1024;
const LOOK_MS = 100;

export function residentMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / MiB_IN_KIB;
}

/**
 * The most that the process has of memory while `work` goes on, and what comes of it. Nobody looks any more when that is over, however
 * it ended: the process may be gone then.
 */
export async function whileWatched<Result>(
  pid: number,
  work: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly mostMiB: number }> {
  let mostMiB = 0;
  const watch = setInterval(() => (mostMiB = Math.max(mostMiB, residentMiB(pid))), LOOK_MS);
  try {
    const result = await work();
    return { result, mostMiB };
  } finally {
    clearInterval(watch);
  }
}

export function descriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
