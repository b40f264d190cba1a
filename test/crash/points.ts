import { spawn } from "node:child_process";
import { createReadStream, readFileSync, readdirSync } from "node:fs";
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

/**
 * Calls of a thread that is up which are also made for sockets, signals and other files: the n-th of them is no moment of the
 * disk's. They are counted by file, or where its name is another one in each run by the only thread that makes them for files.
 */
const AMBIGUOUS: ReadonlySet<string> = new Set(["write", "openat", "mkdir"]);

/** What happens at the call: the process is killed before it, or it fails with this. */
export type Fault = "kill" | "EIO" | "ENOSPC" | "EMFILE";

/** The n-th call of this name: of any thread on one file, from the start on, or of one thread once the relay is up. */
export interface Point {
  readonly call: string;
  readonly nth: number;
  readonly where: { readonly file: string } | { readonly thread: string };
}

/** Threads that write; the first of libuv's is the only one (`UV_THREADPOOL_SIZE=1`). */
const THREADS = ["store", "control", "mail", "libuv-worker", "MainThread"] as const;

/** Paths are shown whole, octets not at all. */
const COMMON = ["-qq", "-yy", "-s", "0", "-e", "signal=none"];

/** How a relay is started with its calls written to `out`. */
export function watched(out: string): readonly string[] {
  return ["strace", "-D", "-f", ...COMMON, "-e", `trace=${DURABLE.join(",")}`, "-o", out];
}

/** How a relay is started that meets the fault at a call on a file. */
export function injected(point: Point, file: string, fault: Fault, out: string): readonly string[] {
  return ["strace", "-D", "-f", ...COMMON, "-P", file, ...injection(point, fault), "-o", out];
}

function injection({ call, nth }: Point, fault: Fault): readonly string[] {
  const what = fault === "kill" ? "signal=SIGKILL" : `error=${fault}`;
  return ["-e", `trace=${call}`, "-e", `inject=${call}:${what}:when=${nth}`];
}

/** A tracer of one thread of a relay that is up. Resolves when it watches. */
export async function attach(relay: RelayProcess, point: Point, fault: Fault, out: string): Promise<void> {
  const thread = threadsOf(relay)[(point.where as { readonly thread: string }).thread];
  if (thread === undefined) throw new Error(`the relay has no such thread: ${JSON.stringify(point)}`);
  const tracer = spawn("strace", [...COMMON, ...injection(point, fault), "-o", out, "-p", thread], { stdio: "ignore" });
  tracer.unref();
  const deadline = performance.now() + PATIENCE_MS;
  while (!/^TracerPid:\t[1-9]/m.test(readFileSync(`/proc/${relay.pid}/task/${thread}/status`, "utf8"))) {
    if (performance.now() > deadline) throw new Error("strace does not attach");
    await sleep(1);
  }
}

/** Numbers of threads by name. */
export function threadsOf({ pid }: RelayProcess): Readonly<Record<string, string>> {
  const folder = `/proc/${pid}/task`;
  return Object.fromEntries(
    readdirSync(folder).map((thread) => [readFileSync(path.join(folder, thread, "comm"), "utf8").trim(), thread]),
  );
}

const LINE = /^(\d+) +(\w+)\((.*)$/s;

/**
 * Every point of a run without a fault, from its trace; `upAfter` is how many lines that had when the relay was up. The n-th is
 * counted over all calls of the name, those on other files too where a thread makes them.
 */
export async function pointsIn(
  out: string,
  home: RelayHome,
  upAfter: number,
  threads: Readonly<Record<string, string>>,
): Promise<readonly Point[]> {
  const names = new Map(Object.entries(threads).map(([name, thread]) => [thread, name]));
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
    const file = fileOf(rest, home);
    const thread = names.get(number);
    if (call === "") continue;
    const ofThread = isUp && thread !== undefined && isWriter(thread) ? nth(thread, call) : undefined;
    if (file === undefined) continue;
    const ofFile = nth("file", file, call);
    const byFile = !isUp || (AMBIGUOUS.has(call) && !IS_NAMED_AFTER_MESSAGE.test(file));
    if (byFile) points.push({ call, nth: ofFile, where: { file } });
    else if (ofThread !== undefined) points.push({ call, nth: ofThread, where: { thread: thread! } });
  }
  return points;
}

/** The folders of contents are made in a loop: the first and the last stand for those between. */
const MIDDLE_FOLDERS = /^content\/([1-9]|[1-5][0-9]|6[0-2])$/;

/** Contents have another name in each run. */
const IS_NAMED_AFTER_MESSAGE = /^content\/\d+\/./;

function isWriter(thread: string): boolean {
  return (THREADS as readonly string[]).includes(thread);
}

/** The path below the data folder, `.` for that itself; undefined where it is elsewhere. */
function fileOf(rest: string, home: RelayHome): string | undefined {
  const found = /^(?:\d+<([^>]+)>|(?:AT_FDCWD<[^>]*>, )?"([^"]+)")/.exec(rest);
  const file = found?.[1] ?? found?.[2] ?? "";
  if (file === home.data) return ".";
  if (!file.startsWith(`${home.data}/`)) return undefined;
  const name = file.slice(home.data.length + 1);
  return MIDDLE_FOLDERS.test(name) ? undefined : name;
}
