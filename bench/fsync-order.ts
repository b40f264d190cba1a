// `npm run fsync-order`: the relay's system calls under load, and from
// them that promise P1 holds: a message's pages were written to the queue store's log, a sync of that log began after
// that and ended, and only then the 250 went to the client's socket; for content in a file the file and its directory
// were synced before.
import { spawnSync } from "node:child_process";
import { createReadStream, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { PATCH, plantedTree } from "../test/crash/patched-copy.ts";
import { fileSystemOf } from "../test/support/file-system.ts";
import { optionsOf } from "../test/support/options.ts";
import { AccountingSink } from "../test/support/accounting-sink.ts";
import { seeded } from "../test/support/chance.ts";
import { RelayHome, RelayProcess, TREE } from "../test/support/relay.ts";
import { MessageFactory, SourceSession } from "../test/support/source.ts";

export interface FsyncReport {
  readonly messages: number;
  /** Of those, with their content in a file. */
  readonly files: number;
  /** Syncs of the log while messages came. */
  readonly syncs: number;
  readonly messagesPerSync: number;
  readonly fileSystem: string;
  /** Ids of messages whose 250 was sent too early, and why. */
  readonly violations: readonly string[];
  /** Between the end of the sync and the 250, in ms: the median and the least. */
  readonly marginMs: { readonly median: number; readonly least: number };
}

const CONNECTIONS = 20;
const SMALL_OCTETS = 4 * 1024;
const LARGE_OCTETS = 200 * 1024;
const LARGE_EVERY = 20;
const CALLS = "fsync,fdatasync,pwrite64,write,writev,sendto,sendmsg";
/** A page of the store is shown whole. */
const SHOWN_OCTETS = 8300;

export const isStracePresent = spawnSync("strace", ["-V"]).status === 0;

export async function fsyncOrder(messages: number, tree = TREE): Promise<FsyncReport> {
  const home = new RelayHome();
  const sink = await AccountingSink.start();
  try {
    const trace = path.join(home.folder, "strace.out");
    home.configure({
      listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
      access: { networks: ["127.0.0.0/8"] },
      smarthosts: { sink: { url: `smtp://127.0.0.1:${sink.port}`, tls: "none" } },
      routes: [{ deliver: "sink" }],
    });
    // -D: the relay stays our child, so that our signals reach it and not the tracer.
    const options = ["-D", "-f", "-qq", "-ttt", "-T", "-yy", "-s", String(SHOWN_OCTETS), "-e", `trace=${CALLS}`];
    const relay = new RelayProcess(home, { tree, under: ["strace", ...options, "-o", trace] });
    const [port = 0] = await relay.ports();
    const large = await drive(port, messages);
    await relay.stop();
    return judge(await readTrace(trace), large, fileSystemOf(home.folder));
  } finally {
    await sink.close();
    home.remove();
  }
}

/** Answers the ids of the messages that are too large for memory. */
async function drive(port: number, messages: number): Promise<Set<string>> {
  const factory = new MessageFactory("f", seeded(1), LARGE_OCTETS);
  const large = new Set<string>();
  let left = messages;
  const source = async (): Promise<void> => {
    const session = await SourceSession.connect({ port });
    while (left-- > 0) {
      const isLarge = left % LARGE_EVERY === 0;
      const result = await session.send(factory.make(isLarge ? LARGE_OCTETS : SMALL_OCTETS, 1));
      if (result.kind !== "acknowledged") throw new Error(`not acknowledged: ${JSON.stringify(result)}`);
      if (isLarge) large.add(result.reply.split(" ").at(-1)!);
    }
    await session.quit();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, source));
  return large;
}

/** A system call that returned. Times are seconds. */
interface Call {
  readonly name: string;
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const LINE = /^(\d+) +(\d+\.\d+) (.*)$/s;
const DURATION = / = \d+ <(\d+\.\d+)>$/;

async function readTrace(file: string): Promise<Call[]> {
  const calls: Call[] = [];
  const open = new Map<string, { readonly start: number; readonly text: string }>();
  for await (const line of createInterface({ input: createReadStream(file, "latin1") })) {
    const [, thread, time, rest] = LINE.exec(line) ?? [];
    if (thread === undefined || rest === undefined) continue;
    let start = Number(time);
    let text = rest;
    if (rest.endsWith("<unfinished ...>")) {
      open.set(thread, { start, text: rest });
      continue;
    }
    if (rest.startsWith("<... ")) {
      const begun = open.get(thread);
      if (begun === undefined) continue;
      open.delete(thread);
      start = begun.start;
      text = begun.text + rest;
    }
    const took = DURATION.exec(rest);
    if (took === null) continue; // it failed, or the process ended in it
    calls.push({ name: /^\w+/.exec(text)?.[0] ?? "", text, start, end: start + Number(took[1]) });
  }
  return calls;
}

interface Acknowledgement {
  readonly id: string;
  readonly at: number;
}

interface Found {
  readonly acknowledgements: readonly Acknowledgement[];
  /** When the pages that have a message were written first. */
  readonly written: ReadonlyMap<string, Call>;
  readonly logSyncs: readonly Call[];
  /** By path: content files, and the folders that they are in. */
  readonly contentSyncs: ReadonlyMap<string, readonly Call[]>;
}

function sortOut(calls: readonly Call[]): Found {
  const acknowledgements: Acknowledgement[] = [];
  const written = new Map<string, Call>();
  const logSyncs: Call[] = [];
  const contentSyncs = new Map<string, Call[]>();
  for (const call of calls) {
    if (call.name === "fsync" || call.name === "fdatasync") {
      const file = /\(\d+<([^>]*)>/.exec(call.text)?.[1] ?? "";
      if (file.endsWith("/queue.db-wal")) logSyncs.push(call);
      const content = /\/content\/(.*)$/.exec(file)?.[1];
      if (content !== undefined) contentSyncs.set(content, [...(contentSyncs.get(content) ?? []), call]);
    } else if (call.name === "pwrite64") {
      if (!call.text.includes("/queue.db-wal>")) continue;
      for (const [, id] of call.text.matchAll(/ id ([0-9A-Za-z]{14})/g)) if (!written.has(id!)) written.set(id!, call);
    } else if (call.text.includes("<TCP:")) {
      for (const [, id] of call.text.matchAll(/250 2\.0\.0 Queued as ([0-9A-Za-z]{14})/g))
        acknowledgements.push({ id: id!, at: call.start });
    }
  }
  return { acknowledgements, written, logSyncs, contentSyncs };
}

function judge(calls: readonly Call[], large: ReadonlySet<string>, fileSystem: string): FsyncReport {
  const found = sortOut(calls);
  const violations: string[] = [];
  const margins: number[] = [];
  const used = new Set<Call>();
  for (const { id, at } of found.acknowledgements) {
    const pages = found.written.get(id);
    const sync = pages && found.logSyncs.find(({ start }) => start >= pages.end);
    if (pages === undefined || pages.end > at) violations.push(`${id}: no page of it was written before its 250`);
    else if (sync === undefined || sync.end > at) violations.push(`${id}: no sync of its pages ended before its 250`);
    else if (large.has(id) && !isContentDurable(found, id, pages.start))
      violations.push(`${id}: its content was not synced before its commit`);
    else {
      margins.push((at - sync.end) * 1000);
      used.add(sync);
    }
  }
  margins.sort((a, b) => a - b);
  return {
    messages: found.acknowledgements.length,
    files: large.size,
    syncs: used.size,
    messagesPerSync: used.size === 0 ? 0 : margins.length / used.size,
    fileSystem,
    violations,
    marginMs: { median: margins[Math.floor(margins.length / 2)] ?? 0, least: margins[0] ?? 0 },
  };
}

/** The file, then the directory that names it, before `commit`. */
function isContentDurable({ contentSyncs }: Found, id: string, commit: number): boolean {
  const name = [...contentSyncs.keys()].find((file) => file.endsWith(`/${id}`));
  const file = name === undefined ? undefined : contentSyncs.get(name)![0];
  if (name === undefined || file === undefined) return false;
  return (contentSyncs.get(path.dirname(name)) ?? []).some(({ start, end }) => start >= file.end && end <= commit);
}

async function main(): Promise<void> {
  const { values } = optionsOf({
    usage: ["npm run fsync-order -- [OPTIONS]"],
    options: {
      messages: { kind: "count", default: 1000, help: "how many are sent" },
      patch: PATCH,
      out: { kind: "text", help: "a file for the counts as JSON" },
    },
  });
  const planted = values.patch === undefined ? undefined : plantedTree(values.patch);
  try {
    const report = await fsyncOrder(values.messages, planted?.tree);
    const { marginMs, violations } = report;
    console.log(`file system         ${report.fileSystem}`);
    console.log(`messages            ${report.messages}, ${report.files} of them with a content file`);
    console.log(`syncs of the log    ${report.syncs}, ${report.messagesPerSync.toFixed(1)} messages each`);
    console.log(`sync to 250         median ${marginMs.median.toFixed(2)} ms, least ${marginMs.least.toFixed(2)} ms`);
    console.log(`violations          ${violations.length}`);
    for (const violation of violations.slice(0, 5)) console.log(`  ${violation}`);
    if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify(report, undefined, 2)}\n`);
    process.exitCode = violations.length === 0 && report.messages > 0 ? 0 : 1;
  } finally {
    planted?.remove();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main();
