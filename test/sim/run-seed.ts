import fs from "node:fs";
import type { Event } from "../../src/core/events.ts";
import { temporaryFolder } from "../support/undo.ts";
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
  const { folder, remove } = temporaryFolder("sim", fs.existsSync(RAM) ? RAM : undefined);
  try {
    return await new World(seed, hours, folder, listener).run();
  } finally {
    remove();
  }
}
