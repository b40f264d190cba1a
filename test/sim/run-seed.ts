import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Event } from "../../src/core/events.ts";
import { type Outcome, World } from "./world.ts";

const RAM = "/dev/shm";

/** Virtual hours with faults, unless somebody says otherwise. */
export const HOURS = 6;

/** One world, from its beginning to its end. Its store is in memory, where the system has a folder for that. */
export async function runSeed(
  seed: number,
  hours = HOURS,
  listener?: (at: number, event: Event) => void,
): Promise<Outcome> {
  const folder = fs.mkdtempSync(path.join(fs.existsSync(RAM) ? RAM : os.tmpdir(), "waypost-sim-"));
  try {
    return await new World(seed, hours, folder, listener).run();
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
