// Loaded into each thread of a relay before anything else (NODE_OPTIONS=--import): what its processor time is spent on, from when a
// file `begin` is in the folder until a file `end` is.
import { existsSync, writeFileSync } from "node:fs";
import inspector from "node:inspector";
import path from "node:path";
import { threadId, threadName } from "node:worker_threads";

export interface ThreadProfile {
  /** `main`, or the name that it was given. */
  readonly thread: string;
  readonly profile: inspector.Profiler.Profile;
}

const LOOK_MS = 50;
const SAMPLED_EVERY_US = 1000;
const folder = process.env["THREAD_PROFILE"] ?? "";
const thread = threadName || "main";
const session = new inspector.Session();
let hasBegun = false;

function begin(): void {
  session.connect();
  session.post("Profiler.enable");
  session.post("Profiler.setSamplingInterval", { interval: SAMPLED_EVERY_US });
  session.post("Profiler.start");
  hasBegun = true;
}

function end(): void {
  session.post("Profiler.stop", (error, result) => {
    if (error !== null) throw new Error(String(error));
    const found: ThreadProfile = { thread, profile: result.profile };
    writeFileSync(path.join(folder, `${thread}-${threadId}.json`), JSON.stringify(found));
  });
}

if (folder !== "") {
  const looking = setInterval(() => {
    if (!hasBegun && existsSync(path.join(folder, "begin"))) begin();
    if (!hasBegun || !existsSync(path.join(folder, "end"))) return;
    clearInterval(looking);
    end();
  }, LOOK_MS);
  looking.unref();
}
