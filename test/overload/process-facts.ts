import { readFileSync, readdirSync } from "node:fs";

// What the system says of a process.

const MiB_IN_KIB = 1024;

export function residentMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / MiB_IN_KIB;
}

export function descriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
