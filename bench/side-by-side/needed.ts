import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";

/** Why no load can be run here; undefined where one can. */
export function missingForLoad(isPinned: boolean): string | undefined {
  const missing = ["smtp-source", "smtp-sink"].filter((program) => spawnSync(program, ["-?"]).error !== undefined);
  if (missing.length > 0) return `there is no ${missing.join(" and no ")} here (Debian's package postfix has them)`;
  if (!isPinned) return undefined;
  if (spawnSync("taskset", ["--version"]).error !== undefined) return "there is no taskset here (util-linux has it)";
  return availableParallelism() > 1 ? undefined : "the relay and its load each need a core, and there is one";
}
