// `npm run sim -- --seed N`: worlds with faults, one after the other, and what they show.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { type Outcome, World } from "./world.ts";

async function runSeed(seed: number, hours: number): Promise<Outcome> {
  const shm = "/dev/shm";
  const folder = fs.mkdtempSync(path.join(fs.existsSync(shm) ? shm : os.tmpdir(), "waypost-sim-"));
  try {
    return await new World(seed, hours, folder).run();
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
const seed = Number(process.argv[2] ?? 1);
const count = Number(process.argv[3] ?? 1);
for (let n = 0; n < count; n++) {
  const t = performance.now();
  const o = await runSeed(seed + n, 6);
  console.log(
    o.seed,
    o.trace,
    o.events,
    o.virtualHours.toFixed(1),
    o.acknowledged,
    o.deliveries,
    o.duplicatesExplained,
    o.reports,
    o.crashes,
    o.powerCuts,
    (performance.now() - t).toFixed(0),
    "ms",
  );
  for (const v of o.violations) console.log("   ", v);
}
