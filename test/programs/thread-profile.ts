// Loaded into each thread of a relay before anything else (NODE_OPTIONS=--import): what its processor time is spent on, from when a
// file `begin` is in the folder until a file `end` is.
import { existsSync, writeFileSync } from "node:fs";
import inspector from "node:inspector";
import path from "node:path";
import { threadId, threadName } from "node:worker_threads";

export interface ThreadProfile {
  readonly thread: string;
  /** Processor time while it was watched. */
  readonly cpuMs: number;
  readonly profile: inspector.Profiler.Profile;
}

const LOOK_MS = 50;
const SAMPLED_EVERY_US = 250;
const folder = process.env["THREAD_PROFILE"] ?? "";
const thread = `${threadName || "main"}-${threadId}`;
const session = new inspector.Session();
let begun: NodeJS.CpuUsage | undefined;

function begin(): void {
  session.connect();
  session.post("Profiler.enable");
  session.post("Profiler.setSamplingInterval", { interval: SAMPLED_EVERY_US });
  session.post("Profiler.start");
  begun = process.threadCpuUsage();
}

function end(since: NodeJS.CpuUsage): void {
  const { user, system } = process.threadCpuUsage(since);
  session.post("Profiler.stop", (error, result) => {
    if (error !== null) throw new Error(String(error));
    const found: ThreadProfile = { thread, cpuMs: (user + system) / 1000, profile: result.profile };
    writeFileSync(path.join(folder, `${thread}.json`), JSON.stringify(found));
  });
}

if (folder !== "") {
  const looking = setInterval(() => {
    if (begun === undefined && existsSync(path.join(folder, "begin"))) begin();
    if (begun === undefined || !existsSync(path.join(folder, "end"))) return;
    clearInterval(looking);
    end(begun);
  }, LOOK_MS);
  looking.unref();
}
