import { spawn } from "node:child_process";
import { createReadStream, existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { PATIENCE_MS } from "../support/patience.ts";
import type { RelayHome, RelayProcess } from "../support/relay.ts";
import { sleep } from "../support/sleep.ts";

// The moments of the crash points: each call by which a relay changes what is on its disk.

/** What changes a disk. */
const DURABLE = [
  "fsync",
  "fdatasync",
  "pwrite64",
  "pwritev",
  "write",
  "writev",
  "ftruncate",
  "fallocate",
  "rename",
  "unlink",
  "rmdir",
  "mkdir",
  "link",
  "openat",
] as const;

/** What happens at the call: the process is killed before it, it fails with this, or it takes its time. */
export const FAULTS = ["kill", "EIO", "ENOSPC", "EMFILE", "delay"] as const;
export type Fault = (typeof FAULTS)[number];

/**
 * Threads that write, by the name that each has in every run; the first of libuv's is the only one (`UV_THREADPOOL_SIZE=1`). Calls are
 * counted for each by itself, as strace counts them: the n-th of several threads together would be another one in each run.
 */
const THREADS = ["MainThread", "store", "control", "mail", "libuv-worker"] as const;
export type Thread = (typeof THREADS)[number];

/**
 * The n-th call of this name by one thread: on one file, from the thread's beginning on; or on contents, which have another name in
 * each run, among all calls of this name that the thread makes once the relay is up.
 */
export interface Point {
  readonly call: string;
  readonly nth: number;
  readonly thread: Thread;
  /** Below the data folder, `.` for that itself; undefined for a content. */
  readonly file: string | undefined;
}

/** Paths are shown whole, octets not at all. */
const COMMON = ["-qq", "-yy", "-s", "0", "-e", "signal=none"];

/** How long a sync takes that is delayed. One that fails takes as long before: what was said before it has arrived by then. */
export const DELAY_MS = 400;

/** How a relay is started with its calls written to `out`; it is not held up by others, so that it goes as it would. */
export function watched(out: string): readonly string[] {
  return ["strace", "-D", "-f", "--seccomp-bpf", ...COMMON, "-e", `trace=${DURABLE.join(",")}`, "-o", out];
}

/** How a relay is started whose first thread meets the fault; undefined where it is for another, which has to be there first. */
export function injected(point: Point, fault: Fault, home: RelayHome, out: string): readonly string[] | undefined {
  if (point.thread !== "MainThread") return undefined;
  return ["strace", "-D", ...tracing(point, fault, home, out)];
}

function tracing({ call, nth, file }: Point, fault: Fault, home: RelayHome, out: string): readonly string[] {
  const onFile = file === undefined ? [] : ["-P", path.join(home.data, file)];
  const inject = `inject=${call}:${effectOf(call, fault)}:when=${nth}`;
  return [...COMMON, "-ttt", ...onFile, "-e", `trace=${call}`, "-e", inject, "-o", out];
}

function effectOf(call: string, fault: Fault): string {
  if (fault === "kill") return "signal=SIGKILL";
  if (fault === "delay") return `delay_exit=${DELAY_MS * 1000}`;
  return `error=${fault}${isSync(call) ? `:delay_enter=${DELAY_MS * 1000}` : ""}`;
}

export function isSync(call: string): boolean {
  return call === "fsync" || call === "fdatasync";
}

/**
 * A tracer of one thread. Resolves when it watches; false where the relay ended before. One of a file is there before the thread does
 * anything: the relay is stopped as soon as it has such a thread.
 */
export async function attach(relay: RelayProcess, point: Point, fault: Fault, world: Attached): Promise<boolean> {
  const thread = await threadComes(relay, point.thread);
  if (thread === undefined) return false;
  relay.kill("SIGSTOP");
  const tracer = spawn("strace", [...tracing(point, fault, world.home, world.out), "-p", thread], { stdio: "ignore" });
  tracer.unref();
  const deadline = performance.now() + PATIENCE_MS;
  while (!/^TracerPid:\t[1-9]/m.test(readFileSync(`/proc/${relay.pid}/task/${thread}/status`, "utf8"))) {
    if (performance.now() > deadline) throw new Error("strace does not attach");
    await sleep(1);
  }
  relay.kill("SIGCONT");
  return true;
}

interface Attached {
  readonly home: RelayHome;
  readonly out: string;
}

/** Its number; undefined where the relay ended without. */
async function threadComes(relay: RelayProcess, name: Thread): Promise<string | undefined> {
  const deadline = performance.now() + PATIENCE_MS;
  while (relay.isRunning) {
    const thread = threadsOf(relay)[name];
    if (thread !== undefined) return thread;
    if (performance.now() > deadline) throw new Error(`the relay has no thread ${name}`);
    await sleep(1);
  }
  return undefined;
}

/** Numbers of threads by name. */
export function threadsOf({ pid }: RelayProcess): Readonly<Record<string, string>> {
  const folder = `/proc/${pid}/task`;
  const threads = existsSync(folder) ? readdirSync(folder) : [];
  return Object.fromEntries(threads.map((thread) => [nameOf(path.join(folder, thread, "comm")), thread]));
}

/** Empty where it has ended. */
function nameOf(comm: string): string {
  try {
    return readFileSync(comm, "utf8").trim();
  } catch (error) {
    if (!["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    return "";
  }
}

const LINE = /^(\d+) +(\w+)\((.*)$/s;

/**
 * Every point of a run without a fault, from its trace; `upAfter` is how many lines that had when the relay was up, `threads` are the
 * numbers of threads by name.
 */
export async function pointsIn(
  out: string,
  data: string,
  upAfter: number,
  threads: Readonly<Record<string, string>>,
): Promise<readonly Point[]> {
  const names = new Map(THREADS.map((name) => [threads[name], name]));
  const counts = new Map<string, number>();
  const nth = (...key: readonly string[]): number => {
    const count = (counts.get(key.join(" ")) ?? 0) + 1;
    counts.set(key.join(" "), count);
    return count;
  };
  const points: Point[] = [];
  let lines = 0;
  for await (const line of createInterface({ input: createReadStream(out, "latin1") })) {
    const isUp = lines++ >= upAfter;
    const [, number = "", call = "", rest = ""] = LINE.exec(line) ?? [];
    const thread = names.get(number);
    if (thread === undefined) continue;
    const file = fileOf(rest, data);
    const ofUp = isUp ? nth(thread, call) : undefined;
    if (file === undefined) continue;
    const ofFile = nth(thread, file, call);
    if (!IS_OF_CONTENT.test(file)) points.push({ call, nth: ofFile, thread, file });
    else if (thread === "libuv-worker" && ofUp !== undefined) points.push({ call, nth: ofUp, thread, file: undefined });
    else if (IS_END_FOLDER.test(file)) points.push({ call, nth: ofFile, thread, file });
  }
  return points;
}

/** What each of these runs comes to. Commits are as many as come together: the last ones of one run are not in another. */
export function commonTo(runs: readonly (readonly Point[])[]): readonly Point[] {
  const keyOf = ({ call, nth, thread, file }: Point): string => JSON.stringify([call, nth, thread, file]);
  const [first = [], ...others] = runs.map((points) => new Map(points.map((point) => [keyOf(point), point])));
  return [...first].filter(([key]) => others.every((points) => points.has(key))).map(([, point]) => point);
}

/** Contents have another name in each run, and are in one of 64 folders. */
const IS_OF_CONTENT = /^content\/\d+(?:\/.|$)/;
/** Those folders are made in a loop: the first and the last stand for those between. */
const IS_END_FOLDER = /^content\/(?:0|63)$/;

/** The path below the data folder, `.` for that itself; undefined where it is elsewhere. */
function fileOf(rest: string, data: string): string | undefined {
  const found = /^(?:\d+<([^>]+)>|(?:AT_FDCWD<[^>]*>, )?"([^"]+)")/.exec(rest);
  const file = found?.[1] ?? found?.[2] ?? "";
  if (file === data) return ".";
  return file.startsWith(`${data}/`) ? file.slice(data.length + 1) : undefined;
}

/** A fault that came. */
export interface Met {
  /** Below the data folder. */
  readonly file: string;
  /** When its call began, in ms since 1970. */
  readonly at: number;
}

/** How a call ends that met the fault, in a trace. */
const MARKS: Readonly<Record<Fault, RegExp>> = {
  kill: / = \?/,
  EIO: /\(INJECTED\)/,
  ENOSPC: /\(INJECTED\)/,
  EMFILE: /\(INJECTED\)/,
  delay: /\(DELAYED\)/,
};

/**
 * Where the fault came, from the tracer's own words; undefined where it did not come, or came to another file than it was for: then
 * nothing was shown of the point.
 */
export function metIn(trace: string, { file }: Point, fault: Fault, data: string): Met | undefined {
  for (const line of trace.split("\n")) {
    const [, seconds = "", call = "", rest = ""] = /^(?:\d+ +)?(\d+\.\d+) (\w+)\((.*)$/.exec(line) ?? [];
    if (call === "" || !MARKS[fault].test(rest)) continue;
    const hit = fileOf(rest, data);
    const isHere = file === undefined ? hit !== undefined && IS_OF_CONTENT.test(hit) : hit === file;
    if (isHere) return { file: hit!, at: Number(seconds) * 1000 };
  }
  return undefined;
}
