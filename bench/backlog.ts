// A queue of a million: what it costs in memory, start-up, claims and commits, and what is left for fresh mail.
//
//   npm run backlog -- [OPTIONS]
//
// Needs smtp-source and smtp-sink (Debian's postfix package). One lane to a smart host that refuses connections has most
// of it; `lanes` domains have one delivery each, and fall due while fresh mail is measured: each has a server of its own,
// which refuses connections. The relay is compiled, as the package is.
import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { tellFigures } from "../tools/proof/told.ts";
import { type Answer, RECURSION_AVAILABLE, encode } from "dns-packet";
import { SqliteQueueStore } from "../src/adapters/store-sqlite/queue-store.ts";
import { messageId } from "../src/core/mail/message-id.ts";
import { smartHostLane } from "../src/core/routing/lane.ts";
import { compiledTree } from "../test/support/compiled.ts";
import { DnsServerScript } from "../test/support/dns-server.ts";
import { fileSystemOf } from "../test/support/file-system.ts";
import { freePort } from "../test/support/free-port.ts";
import { optionsOf, refuse, typed } from "../test/support/options.ts";
import { Progress } from "../test/support/progress.ts";
import { endsWithUs } from "../test/support/relay.ts";
import { Recording } from "../test/support/result-file.ts";
import { temporaryFolder } from "../test/support/undo.ts";
import type { Commit } from "../src/ports/store.ts";

const COMMAND = {
  usage: ["npm run backlog -- [OPTIONS]"],
  options: {
    messages: { kind: "count", default: 1_000_000, help: "how many are queued" },
    lanes: { kind: "count", help: "domains with one of them each (a tenth of the messages)" },
    smtp: { kind: "count", help: "how many of them come by SMTP (a tenth)" },
    fresh: { kind: "count", help: "messages that are sent beside them, at a time (a twentieth, 5000 at most)" },
    folder: { kind: "text", default: "/var/tmp", help: "where the queue is" },
    record: { kind: "flag", help: "writes docs/proof/backlog.json; with less than a million, backlog-small.json" },
  },
} as const;
const { values } = optionsOf(COMMAND);
const { messages: total } = values;
const { lanes = share(10), smtp: bySmtp = share(10), fresh = Math.min(5000, share(20)) } = values;
const options = { ...values, lanes, smtp: bySmtp, fresh };
if (lanes + bySmtp > total)
  refuse(`--messages ${total} is less than --lanes ${lanes} and --smtp ${bySmtp} together`, COMMAND);
if (!fs.existsSync(options.folder)) refuse(`there is no folder ${options.folder}`, COMMAND);
const { folder, remove: removeFolder } = temporaryFolder("backlog", options.folder);
const children: ChildProcess[] = [];
const progress = new Progress();

/** Of the messages, by a default. */
function share(part: number): number {
  return Math.max(1, Math.ceil(total / part));
}

/** The dead lanes fall due one after the other in this time. */
const DUE_WITHIN_MS = 120_000;

/** Where `mx.dN.example` is; nobody listens there. */
const REFUSING_ADDRESS = "127.0.0.9";

interface Ports {
  readonly sink: number;
  readonly refusing: number;
  readonly dns: number;
}

interface Relay {
  readonly child: ChildProcess;
  port: number;
  startMs: number;
  /** Attempts that met a dead lane so far. */
  deadAttempts: number;
}

/** Every domain has a server of its own, at an address where nobody listens. */
async function domainsThatRefuse(): Promise<DnsServerScript> {
  const dns = await DnsServerScript.start();
  const answer = (name: string, type: string): Answer =>
    type === "MX"
      ? { type: "MX", name, ttl: 3600, data: { preference: 10, exchange: `mx.${name}` } }
      : { type: "A", name, ttl: 3600, data: REFUSING_ADDRESS };
  dns.otherwise = {
    octets: ({ id, questions = [] }) => {
      const { name, type } = questions[0]!;
      const answers = type === "MX" || type === "A" ? [answer(name, type)] : [];
      return [encode({ type: "response", id: id ?? 0, flags: RECURSION_AVAILABLE, questions, answers })];
    },
  };
  return dns;
}

function configuration(data: string, { sink, refusing, dns }: Ports): string {
  return JSON.stringify({
    hostname: "relay.example.com",
    data,
    listeners: [{ name: "in", listen: "127.0.0.1:0", tls: "none" }],
    access: { networks: ["127.0.0.0/8"] },
    smarthosts: { live: { url: `smtp://127.0.0.1:${sink}` }, refusing: { url: `smtp://127.0.0.1:${refusing}` } },
    routes: [{ when: { recipient: "@dead.example" }, deliver: "refusing" }, { deliver: ["live", "mx"] }],
    dns: { servers: [`127.0.0.1:${dns}`] },
    delivery: { port: refusing, private_networks: ["127.0.0.0/8"] },
    threads: 2,
  });
}

async function startRelay(copy: string, data: string, ports: Ports): Promise<Relay> {
  const file = path.join(folder, `${path.basename(data)}.yaml`);
  fs.writeFileSync(file, configuration(data, ports));
  const started = performance.now();
  const child = spawn(process.execPath, [path.join(copy, "bin/waypost.mjs"), "start", "--config", file], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...endsWithUs() },
  });
  children.push(child);
  const lines = createInterface({ input: child.stdout });
  const relay: Relay = { child, port: 0, startMs: 0, deadAttempts: 0 };
  await new Promise<void>((resolve, reject) => {
    lines.on("line", (line) => {
      if (line.includes('"event":"site.blocked"')) relay.deadAttempts++;
      if (!line.includes('"relay.started"')) return;
      const event = JSON.parse(line) as { listeners: string[] };
      relay.port = Number(event.listeners[0]!.split(":").at(-1));
      relay.startMs = performance.now() - started;
      resolve();
    });
    child.once("exit", (code) => reject(new Error(`the relay ended with ${code}`)));
  });
  return relay;
}

async function stopRelay({ child }: Relay): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
}

function rssMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024;
}

/** Messages a second, as the client sees them. */
async function load(port: number, count: number, recipient: string): Promise<number> {
  const started = performance.now();
  const message = ["-l", "4096", "-f", "a@client.example", "-t", recipient];
  const source = spawn("smtp-source", ["-s", "20", "-d", "-m", String(count), ...message, `127.0.0.1:${port}`], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  children.push(source);
  const code = await new Promise((resolve) => source.once("exit", resolve));
  if (code !== 0) throw new Error(`smtp-source ended with ${String(code)}`);
  return count / ((performance.now() - started) / 1000);
}

const chance = (n: number): Uint8Array => new Uint8Array([n >>> 24, n >>> 16, n >>> 8, n, 7]);

function arrival(n: number, lane: string, due: number): Commit["arrivals"][number] {
  const now = Date.now();
  const content = Buffer.alloc(4096, "Subject: x\r\n\r\nnothing to see\r\n");
  const envelope = JSON.stringify({
    from: "a@client.example",
    identity: "network 127.0.0.0/8",
    client: "127.0.0.1",
    prefix: "",
    isEightBit: false,
    isUtf8: false,
    subject: "x",
  });
  const deliveries = [
    { lane, recipient: `r${n}@dead.example`, options: "", priority: "normal" as const, due, last: "" },
  ];
  return {
    isInHand: false,
    arrival: { id: messageId(now, chance(n)), receivedAt: now, octets: content.length, envelope, content, deliveries },
  };
}

function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))]!;
}

/** Fills the store by its own writer, then times claims and commits on it. Answers when the first of the lanes falls due. */
function fill(file: string): number {
  const store = new SqliteQueueStore(file, () => undefined);
  const started = performance.now();
  const one = total - lanes - bySmtp;
  const dead = smartHostLane("refusing");
  // When the store is full, the relay is up and has the rest by SMTP: while fresh mail is measured.
  const firstDue = Date.now() + (one / 1000) * 60 + (bySmtp / 1000) * 900 + 30_000;
  let filled = 0;
  progress.begin("the queue is filled by its writer", () => `${filled} of ${one + lanes}`);
  for (; filled < one + lanes; progress.look()) {
    const n = filled;
    const arrivals = Array.from({ length: Math.min(500, one + lanes - n) }, (_, i) => {
      const at = n + i;
      return at < one
        ? arrival(at, dead, Date.now() - 1000)
        : arrival(at, `mx/d${at}.example`, Math.round(firstDue + ((at - one) / lanes) * DUE_WITHIN_MS));
    });
    store.commit([{ arrivals, settlements: [] }]);
    filled += arrivals.length;
  }
  console.log(`filled ${one + lanes} messages by the writer in ${((performance.now() - started) / 1000).toFixed(0)} s`);
  progress.begin("claims and commits are timed");
  const commits: number[] = [];
  const claims: number[] = [];
  for (let n = 0; n < 2000; n++) {
    const before = performance.now();
    store.commit([{ arrivals: [arrival(total + n, dead, Date.now())], settlements: [] }]);
    commits.push(performance.now() - before);
    if (n % 20 !== 0) continue;
    const claiming = performance.now();
    const claim = store.claimLane(dead, Date.now(), 100);
    claims.push(performance.now() - claiming);
    const settlements = claim.claimed.flatMap(({ deliveries }) =>
      deliveries.map(({ row }) => ({
        kind: "park" as const,
        row,
        lane: dead,
        due: Date.now(),
        attempts: 1,
        isTold: false,
        last: "",
        entry: "",
      })),
    );
    store.commit([{ arrivals: [], settlements }]);
  }
  const many: number[] = [];
  const later = firstDue + 2 * DUE_WITHIN_MS;
  for (let n = 0; n < 50; n++) {
    const claiming = performance.now();
    const found = store.claimDue(later, 50, 100);
    many.push(performance.now() - claiming);
    if (found.length === 0) break;
  }
  store.recover(Date.now(), "");
  store.rest(dead, Date.now() + 30_000);
  store.close();
  const text = (values: readonly number[]): string =>
    `p50 ${percentile(values, 0.5).toFixed(2)} ms, p99 ${percentile(values, 0.99).toFixed(2)} ms`;
  console.log(`claim of 100 deliveries of the one lane: ${text(claims)}`);
  console.log(`claim of 50 lanes with one delivery each: ${text(many)}`);
  console.log(`commit of one message: ${text(commits)}, max ${Math.max(...commits).toFixed(1)} ms`);
  return firstDue;
}

async function main(): Promise<void> {
  const suite = total < 1_000_000 ? "backlog-small" : "backlog";
  const command = `npm run backlog -- ${typed(options, "messages", "lanes", "smtp", "fresh", "folder", "record")}`;
  const fileSystem = fileSystemOf(folder);
  const recording = options.record ? new Recording({ suite, command, fileSystem }) : undefined;
  const dns = await domainsThatRefuse();
  const ports = { sink: await freePort(), refusing: await freePort(), dns: dns.port }; // and nobody listens at the second
  const sink = spawn("smtp-sink", ["-u", "nobody", `127.0.0.1:${ports.sink}`, "1000"], { stdio: "ignore" });
  children.push(sink);
  progress.begin("the relay is compiled");
  const { tree, remove } = compiledTree();
  try {
    const counts = await measure(tree, ports);
    tellFigures(suite, counts);
    recording?.finish(counts);
  } finally {
    progress.end();
    remove();
    dns.close();
  }
}

async function measure(copy: string, ports: Ports): Promise<Record<string, number>> {
  progress.begin("a relay with an empty queue takes and sends mail");
  const warm = await startRelay(copy, path.join(folder, "warm"), ports); // compiles
  await stopRelay(warm);
  const empty = await startRelay(copy, path.join(folder, "empty"), ports);
  await load(empty.port, 1000, "r@live.example");
  const emptyRate = await load(empty.port, fresh, "r@live.example");
  const emptyMiB = rssMiB(empty.child.pid!);
  await stopRelay(empty);
  const data = path.join(folder, "full");
  fs.mkdirSync(data);
  const firstDue = fill(path.join(data, "queue.db"));
  progress.begin("the relay starts on the full queue");
  const full = await startRelay(copy, data, ports);
  console.log(
    `start with ${total - bySmtp} queued: ${full.startMs.toFixed(0)} ms; RSS ${rssMiB(full.child.pid!).toFixed(0)} MiB`,
  );
  progress.begin(`${bySmtp} more come by SMTP`);
  const rateIn = await load(full.port, bySmtp, "r@dead.example");
  console.log(
    `${bySmtp} more by SMTP for the blocked lane: ${rateIn.toFixed(0)}/s; RSS ${rssMiB(full.child.pid!).toFixed(0)} MiB`,
  );
  const early = firstDue + 3000 - Date.now();
  if (early < 0) console.log(`the lanes fell due ${(-early / 1000).toFixed(0)} s before fresh mail was measured`);
  else {
    const left = (): string => `${Math.max(0, (firstDue + 3000 - Date.now()) / 1000).toFixed(0)} s`;
    progress.begin("waiting until the lanes fall due", left);
    await new Promise((resolve) => setTimeout(resolve, early));
  }
  progress.begin("fresh mail is sent beside them, three times", () => `${full.deadAttempts} attempts to dead lanes`);
  const shares: number[] = [];
  for (let n = 0; n < 3; n++) {
    const attemptsBefore = full.deadAttempts;
    const started = performance.now();
    const rate = await load(full.port, fresh, "r@live.example");
    const attempts = (full.deadAttempts - attemptsBefore) / ((performance.now() - started) / 1000);
    shares.push((100 * rate) / emptyRate);
    console.log(
      `fresh mail: ${rate.toFixed(0)}/s (${shares.at(-1)!.toFixed(0)} % of the empty queue's) beside ${attempts.toFixed(0)} attempts/s to dead lanes`,
    );
  }
  const fullMiB = rssMiB(full.child.pid!);
  console.log(`RSS ${fullMiB.toFixed(0)} MiB; with an empty queue ${emptyMiB.toFixed(0)} MiB`);
  await stopRelay(full);
  progress.begin("the relay is started again");
  const restarted = await startRelay(copy, data, ports);
  console.log(`start with ${total} queued: ${restarted.startMs.toFixed(0)} ms`);
  const restartedMiB = rssMiB(restarted.child.pid!);
  await stopRelay(restarted);
  return {
    messages: total,
    lanes,
    emptyMiB,
    fullMiB,
    restartedMiB,
    startMs: restarted.startMs,
    emptyPerSecond: emptyRate,
    freshSharePercent: shares.toSorted((a, b) => a - b)[1] ?? 0,
    freshShareLeastPercent: Math.min(...shares),
  };
}

try {
  await main();
} finally {
  for (const child of children) child.kill();
  removeFolder();
}
