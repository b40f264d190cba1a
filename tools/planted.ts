// Every planted bug still applies to the source: a patch that does not plants nothing, and the test that should catch it
// shows nothing.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

export const ROOT = path.resolve(import.meta.dirname, "..");
const FOLDER = path.join(ROOT, "test/planted");

export function plantedPatches(): string[] {
  return fs
    .readdirSync(FOLDER, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".patch"))
    .map((name) => path.join(FOLDER, name));
}

/** As lists have it: its path in the folder, without the ending. */
export function nameOf(patch: string): string {
  return path.relative(FOLDER, patch).slice(0, -".patch".length);
}

/** Why it does not apply; undefined where it does. */
export function obstacle(patch: string): string | undefined {
  const env = { ...process.env, GIT_CEILING_DIRECTORIES: path.dirname(ROOT) };
  const checked = spawnSync("git", ["apply", "--check", patch], { cwd: ROOT, env, encoding: "utf8" });
  return checked.status === 0 ? undefined : (checked.error?.message ?? checked.stderr.trim());
}

function main(): void {
  const patches = plantedPatches();
  for (const patch of patches) {
    const why = obstacle(patch);
    if (why === undefined) continue;
    console.error(`${path.relative(ROOT, patch)} does not apply: ${why}`);
    process.exitCode = 1;
  }
  if (patches.length === 0) {
    console.error("no planted bug was found");
    process.exitCode = 1;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
