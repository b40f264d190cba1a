// Loaded into each thread of a relay before anything else (NODE_OPTIONS=--import): how long its event loop's turns take. A timer
// every 5 ms sees by how much it is late, and what processor time the thread had since the timer before: no turn had more.
import { writeFileSync } from "node:fs";
import path from "node:path";
import { threadId, threadName } from "node:worker_threads";

const EVERY_MS = 5;
const TOLD_EVERY_MS = 200;
const folder = process.env["TURN_WATCH"] ?? "";

/** Lateness in steps of 1 ms, the last one for all above. */
const late = Array.from({ length: 1001 }, () => 0);
let latestMs = 0;
let longestCpuMs = 0;
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
    if (lateMs >= 1) longestCpuMs = Math.max(longestCpuMs, now.cpuMs - before.cpuMs);
  }
  before = now;
}

function tell(): void {
  writeFileSync(
    path.join(folder, `${threadName || "main"}-${threadId}.json`),
    JSON.stringify({ late, latestMs, longestCpuMs }),
  );
}

if (folder !== "") {
  setInterval(look, EVERY_MS).unref();
  setInterval(tell, TOLD_EVERY_MS).unref();
  // What a start does is no turn of a relay at work.
  setTimeout(() => (isCounting = true), Number(process.env["TURN_WATCH_AFTER_MS"])).unref();
}
