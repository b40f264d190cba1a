import fs from "node:fs";
import path from "node:path";
import type { Instant } from "../../core/base/time.ts";

const FILE = /^\d{4}-\d{2}-\d{2}\.db$/;

/** The day in UTC, `2026-11-21`: days in order are names in order. */
export function dayOf(at: Instant): string {
  return new Date(at).toISOString().slice(0, 10);
}

export function dayFile(folder: string, name: string): string {
  return path.join(folder, `${name}.db`);
}

/** The days that there are, oldest first; none where the folder is not there yet. */
export function daysIn(folder: string): string[] {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder)
    .filter((name) => FILE.test(name))
    .map((name) => name.slice(0, -3))
    .toSorted();
}
