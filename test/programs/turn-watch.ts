// Loaded into each thread of a relay before anything else (NODE_OPTIONS=--import): how long its event loop's turns take. A timer
// every 5 ms sees by how much it is late, and what processor time the thread had since the timer before: no turn had more. What
// the thread did in the longest one is in a profile of it.
import { writeFileSync } from "node:fs";
import inspector from "node:inspector";
import path from "node:path";
import { threadId, threadName } from "node:worker_threads";

const EVERY_MS = 5;
const TOLD_EVERY_MS = 200;
const SAMPLED_EVERY_US = 500;
const CAUSES = 4;
const folder = process.env["TURN_WATCH"] ?? "";

/** Lateness in steps of 1 ms, the last one for all above. */
const late = Array.from({ length: 1001 }, () => 0);
let latestMs = 0;
let longestCpuMs = 0;
/** When the longest turn began and ended, in microseconds of the clock that profiles go by. */
let longest: readonly [number, number] = [0, 0];
let cause: readonly string[] = [];
let before = { at: performance.now(), cpuMs: cpuMs() };
let isCounting = false;

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function look(): void {
  const now = { at: performance.now(), cpuMs: cpuMs() };
  const lateMs = Math.max(0, now.at - before.at - EVERY_MS);
  if (isCounting) {
    late[Math.min(1000, Math.floor(lateMs))]!++;
    latestMs = Math.max(latestMs, lateMs);
    // A turn that is late by no more than a millisecond or two was short, however much was done around it.
    const cpuMsOfTurn = now.cpuMs - before.cpuMs;
    if (lateMs >= 1 && cpuMsOfTurn > longestCpuMs) {
      longestCpuMs = cpuMsOfTurn;
      const end = Number(process.hrtime.bigint() / 1000n);
      longest = [end - 1000 * (now.at - before.at), end];
    }
  }
  before = now;
}

function tell(): void {
  const file = path.join(folder, `${threadName || "main"}-${threadId}.json`);
  writeFileSync(file, JSON.stringify({ late, latestMs, longestCpuMs, cause }));
}

/** The innermost functions of the longest turn, those with most of its time first. */
function causeIn({ nodes, samples = [], timeDeltas = [], startTime }: inspector.Profiler.Profile): string[] {
  const nodeOf = new Map(nodes.map((node) => [node.id, node]));
  const spent = new Map<string, number>();
  let at = startTime;
  for (const [index, sample] of samples.entries()) {
    const delta = timeDeltas[index] ?? 0;
    at += delta;
    if (at < longest[0] || at > longest[1]) continue;
    const { functionName, url, lineNumber } = nodeOf.get(sample)!.callFrame;
    const place = url === "" ? "" : ` (${url.split("/").slice(-2).join("/")}:${lineNumber + 1})`;
    const name = `${functionName === "" ? "anonymous" : functionName}${place}`;
    spent.set(name, (spent.get(name) ?? 0) + delta / 1000);
  }
  return [...spent]
    .toSorted(([, one], [, other]) => other - one)
    .slice(0, CAUSES)
    .map(([name, ms]) => `${name} ${ms.toFixed(1)} ms`);
}

function profile(untilMs: number): void {
  const session = new inspector.Session();
  session.connect();
  session.post("Profiler.enable");
  session.post("Profiler.setSamplingInterval", { interval: SAMPLED_EVERY_US });
  session.post("Profiler.start");
  setTimeout(() => {
    session.post("Profiler.stop", (error, result) => {
      isCounting = false;
      cause = error === null ? causeIn(result.profile) : [String(error)];
      tell();
    });
  }, untilMs).unref();
}

if (folder !== "") {
  setInterval(look, EVERY_MS).unref();
  setInterval(tell, TOLD_EVERY_MS).unref();
  // What a start does is no turn of a relay at work.
  setTimeout(() => (isCounting = true), Number(process.env["TURN_WATCH_AFTER_MS"])).unref();
  profile(Number(process.env["TURN_WATCH_UNTIL_MS"]));
}
