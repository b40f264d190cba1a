import { execFileSync } from "node:child_process";
import { globSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { TREE } from "./relay.ts";

// The image of the container without an engine that builds it: the Dockerfile is read, and what its build stage runs is run here.

export interface Instruction {
  /** `FROM`, `RUN` ... */
  readonly verb: string;
  readonly rest: string;
}

/** The instructions of each stage. */
export function stagesOf(dockerfile: string): readonly (readonly Instruction[])[] {
  const lines = dockerfile
    .replace(/\\\n/g, " ")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"));
  const stages: Instruction[][] = [];
  for (const line of lines) {
    const [, verb = "", rest = ""] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    if (verb === "FROM") stages.push([]);
    stages.at(-1)!.push({ verb, rest });
  }
  return stages;
}

export const DOCKERFILE = path.join(TREE, "packaging/docker/Dockerfile");

export interface Installed {
  /** What is at /opt/waypost in the image. */
  readonly prefix: string;
  readonly tarball: string;
}

/** Builds and installs as the image does, below `folder`. Undefined where the packages that it depends on cannot be fetched. */
export function installed(folder: string): Installed | undefined {
  const prefix = path.join(folder, "prefix");
  mkdirSync(prefix);
  const [build = []] = stagesOf(readFileSync(DOCKERFILE, "utf8"));
  for (const { verb, rest } of build) {
    // `npm ci` has brought what these tests run on; the owner of the data folder is theirs to set.
    if (verb !== "RUN" || rest === "npm ci" || rest.startsWith("install ")) continue;
    const command = rest.replaceAll("/tmp", folder).replaceAll("/opt/waypost", prefix);
    if (!hasRun(command)) return undefined;
  }
  const [tarball = ""] = globSync(path.join(folder, "waypost-*.tgz"));
  return { prefix, tarball };
}

/** False where the network is what is missing. */
function hasRun(command: string): boolean {
  try {
    execFileSync("/bin/sh", ["-euc", command], {
      cwd: TREE,
      env: { ...process.env, npm_config_prefer_offline: "true", npm_config_fetch_retries: "0" },
      stdio: "pipe",
    });
    return true;
  } catch (error) {
    if (!(error instanceof Error && "stderr" in error)) throw error;
    if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH/.test(String(error.stderr))) return false;
    throw new Error(`${command}: ${String(error.stderr)}`, { cause: error });
  }
}
