import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { setImmediate } from "node:timers/promises";
import { DatabaseSync } from "node:sqlite";
import { AccountingSink, MARK, sha256 } from "../support/accounting-sink.ts";
import { type Chance, seeded } from "../support/chance.ts";
import { RelayHome, RelayProcess, TREE } from "../support/relay.ts";
import { type Sent, goneFor, judge } from "./account.ts";
import { plantedTree } from "./patched-copy.ts";
import { DiskImage } from "./disk-image.ts";
import { queuedIn, recipientsIn } from "./records.ts";
import { sleep } from "../support/sleep.ts";

// Power cuts while a relay brings the store of its first version up to date.

export interface MigrationReport {
  readonly cuts: number;
  /** By the version of the schema that the disk had after the cut: the old one, one between, the new one. */
  readonly before: number;
  readonly amid: number;
  readonly after: number;
  readonly messages: number;
  /** Still in the queue when there was no more time. */
  readonly left: number;
  readonly lost: number;
  /** Taken more than once, and not because they were under way at the cut. */
  readonly unexplained: number;
  readonly altered: number;
  readonly uninvited: number;
}

const FAULTS = ["left", "lost", "unexplained", "altered", "uninvited"] as const;

const SCHEMA = readFileSync(path.join(import.meta.dirname, "schema-1.sql"), "utf8");
const FROM = "old@client.test";
const MESSAGES = 4000;
const DISK_MIB = 256;
/** How long a step of the migration takes; the cut comes somewhere in it. */
const STEP_MS = 4;
const START_MS = 10_000;

const OLDEST = 1;
/** The version of the schema that is waited for before each cut, in turn: most cuts come in the middle. */
const WAITED_FOR = [2, 3, OLDEST, 4, 5] as const;
/** With the last step left to do. */
const BEFORE_LAST = 4;
/** It loses mail only where its cut comes between two commits that should be one. */
const CONTROL_CUTS_MAX = 20;
const DELIVERED_MS = 60_000;

/** With `waitedFor` all cuts come soon after that version. */
export async function migrationCuts(
  cuts: number,
  seed: number,
  tree = TREE,
  waitedFor?: number,
): Promise<MigrationReport> {
  const chance = seeded(seed);
  const sum = {
    cuts,
    before: 0,
    amid: 0,
    after: 0,
    messages: 0,
    left: 0,
    lost: 0,
    unexplained: 0,
    altered: 0,
    uninvited: 0,
  };
  for (let n = 0; n < cuts; n++) {
    const outcome = await oneCut(chance, tree, waitedFor ?? WAITED_FOR[n % WAITED_FOR.length]!);
    const { version, newest } = outcome;
    sum[version === OLDEST ? "before" : version === newest ? "after" : "amid"]++;
    sum.messages += MESSAGES;
    for (const fault of FAULTS) sum[fault] += outcome[fault];
  }
  return sum;
}

/** Recipients lost by a last step that takes mail out with one commit and puts it back with the next; cuts come until one is in between. */
export async function lostInTwo(seed: number): Promise<number> {
  const { tree, remove } = plantedTree("migration-in-two");
  try {
    for (let n = 0; n < CONTROL_CUTS_MAX; n++) {
      const { lost } = await migrationCuts(1, seed + n, tree, BEFORE_LAST);
      if (lost > 0) return lost;
    }
    return 0;
  } finally {
    remove();
  }
}

type Outcome = Readonly<Record<"version" | "newest" | (typeof FAULTS)[number], number>>;

async function oneCut(chance: Chance, tree: string, waitedFor: number): Promise<Outcome> {
  const home = new RelayHome();
  const disk = new DiskImage(home.data, DISK_MIB);
  let epoch = 0;
  const sink = await AccountingSink.start({ epoch: () => epoch });
  try {
    const acknowledged = fill(home.queueFile);
    home.configure({
      listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
      access: { networks: ["127.0.0.0/8"] },
      smarthosts: { sink: { url: `smtp://127.0.0.1:${sink.port}`, tls: "none" } },
      routes: [{ deliver: "sink" }],
    });
    const first = new RelayProcess(home, { tree });
    await firstWrite(`${home.queueFile}-wal`);
    const startedAt = performance.now();
    if (waitedFor > OLDEST) await versionComes(home.queueFile, waitedFor);
    await sleep(chance() * STEP_MS);
    const killedAt = performance.now();
    first.kill("SIGKILL");
    await first.exited;
    epoch++;
    disk.cut();
    const version = versionOf(home.queueFile);
    const second = new RelayProcess(home, { tree });
    await second.ports();
    const recipients = acknowledged.flatMap((message) => message.recipients);
    await arrived(sink, recipients, home.data);
    await second.stop();
    const waiting = recipientsIn(home.data);
    const verdict = judge({
      acknowledged,
      unknown: [],
      arrived: sink.copies.flatMap((copy) => copy.recipients.map((recipient) => ({ ...copy, recipient }))),
      refused: new Set(),
      // All the time until the cut counts as work.
      lives: { killedAt: [killedAt, Number.POSITIVE_INFINITY], signs: everyMs(startedAt, killedAt) },
    });
    const { unexplained, altered, uninvited } = verdict;
    const lost = goneFor(verdict.lost, waiting);
    return {
      version,
      newest: versionOf(home.queueFile),
      left: waiting.size,
      lost: lost.length,
      unexplained: unexplained.length,
      altered: altered.length,
      uninvited: uninvited.length,
    };
  } finally {
    await sink.close();
    disk.remove();
    home.remove();
  }
}

function everyMs(from: number, to: number): readonly number[] {
  return Array.from({ length: Math.ceil(to - from) }, (_, n) => from + n);
}

/** Until the store's log has something in it. */
async function firstWrite(log: string): Promise<void> {
  const deadline = performance.now() + START_MS;
  while ((statSync(log, { throwIfNoEntry: false })?.size ?? 0) === 0 && performance.now() < deadline)
    await setImmediate();
}

/** Until the store has that version, or a newer one: as soon as it is committed. */
async function versionComes(file: string, version: number): Promise<void> {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const found = database.prepare("PRAGMA user_version");
    const deadline = performance.now() + START_MS;
    while (Number(found.get()?.["user_version"]) < version && performance.now() < deadline) await setImmediate();
  } finally {
    database.close();
  }
}

/** Until they all have their mail, or the queue has none for them. */
async function arrived(sink: AccountingSink, recipients: readonly string[], data: string): Promise<void> {
  const deadline = performance.now() + DELIVERED_MS;
  const missing = new Set(recipients);
  let isEmpty = false;
  for (let at = 0; missing.size > 0 && !isEmpty && performance.now() < deadline; await sleep(20)) {
    isEmpty = queuedIn(data) === 0; // and what went before is in the sink's log
    for (; at < sink.copies.length; at++)
      for (const recipient of sink.copies[at]!.recipients) missing.delete(recipient);
  }
}

/** A store of schema 1 with mail that waits; answers it. */
function fill(file: string): readonly Sent[] {
  const database = new DatabaseSync(file);
  try {
    database.exec("PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    database.exec(SCHEMA);
    const now = Date.now();
    const envelope = JSON.stringify({ from: FROM, identity: "network", client: "127.0.0.1", subject: "old" });
    const message = database.prepare("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?)");
    const delivery = database.prepare("INSERT INTO delivery VALUES (?, 0, 'smarthost/sink', ?, 0, ?, '', '')");
    database.exec("BEGIN");
    const sent = Array.from({ length: MESSAGES }, (_, n) => {
      const content = contentOf(n);
      const recipient = `old${n}@dest.test`;
      message.run(n + 1, idOf(n), now + n, content.length, envelope, content);
      delivery.run((n + 1) * 4096, now, recipient);
      return { from: FROM, recipients: [recipient], hash: sha256(content) };
    });
    database.prepare("INSERT INTO lane VALUES ('smarthost/sink', ?, 0, ?)").run(now, MESSAGES);
    database.exec("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
    return sent;
  } finally {
    database.close();
  }
}

/** Opaque to everybody but the relay: 14 letters and digits. */
function idOf(n: number): string {
  return `0VcSKYold${String(n).padStart(5, "0")}`;
}

/** Each different, so that contents that were swapped are seen. */
function contentOf(n: number): Buffer {
  return Buffer.from(`${MARK} old${n}\r\nFrom: ${FROM}\r\nSubject: old\r\n\r\n${"x".repeat(900)} ${n}\r\n`);
}

function versionOf(file: string): number {
  const database = new DatabaseSync(file);
  try {
    return Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
  } finally {
    database.close();
  }
}
