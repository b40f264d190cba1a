import { statSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { DatabaseSync } from "node:sqlite";
import { migrate, schemaVersion } from "../../src/adapters/store-sqlite/schema.ts";
import { messageId } from "../../src/core/mail/message-id.ts";
import { AccountingSink } from "../support/accounting-sink.ts";
import { type Chance, seeded } from "../support/chance.ts";
import { RelayHome, RelayProcess, TREE } from "../support/relay.ts";
import { DiskImage } from "./disk-image.ts";
import { sleep } from "./traffic.ts";

// Power cuts while a relay brings the store of its first version up to date.

export interface MigrationReport {
  readonly cuts: number;
  /** By the version of the schema that the disk had after the cut: the old one, one between, the new one. */
  readonly before: number;
  readonly between: number;
  readonly after: number;
  readonly messages: number;
  readonly lost: number;
  /** Taken more than once. */
  readonly repeated: number;
}

const MESSAGES = 4000;
const DISK_MIB = 256;
/** How long the steps of the migration take; the cut comes somewhere in it. */
const MIGRATION_MS = 8;
const START_MS = 10_000;
const DELIVERED_MS = 60_000;

export async function migrationCuts(cuts: number, seed: number): Promise<MigrationReport> {
  const chance = seeded(seed);
  const sum = { cuts, before: 0, between: 0, after: 0, messages: 0, lost: 0, repeated: 0 };
  for (let n = 0; n < cuts; n++) {
    const { version, newest, lost, repeated } = await oneCut(chance);
    sum[version === 1 ? "before" : version === newest ? "after" : "between"]++;
    sum.messages += MESSAGES;
    sum.lost += lost;
    sum.repeated += repeated;
  }
  return sum;
}

interface Outcome {
  readonly version: number;
  readonly newest: number;
  readonly lost: number;
  readonly repeated: number;
}

async function oneCut(chance: Chance): Promise<Outcome> {
  const home = new RelayHome();
  const disk = new DiskImage(home.data, DISK_MIB);
  const sink = await AccountingSink.start();
  try {
    const recipients = fill(home.queueFile);
    home.configure({
      listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
      access: { networks: ["127.0.0.0/8"] },
      smarthosts: { sink: { url: `smtp://127.0.0.1:${sink.port}`, tls: "none" } },
      routes: [{ deliver: "sink" }],
    });
    const first = new RelayProcess(home, { tree: TREE });
    await firstWrite(`${home.queueFile}-wal`);
    await sleep(chance() * MIGRATION_MS);
    first.kill("SIGKILL");
    await first.exited;
    const taken = new Set(sink.recipients());
    disk.cut();
    const version = versionOf(home.queueFile);
    const second = new RelayProcess(home, { tree: TREE });
    await second.ports();
    await arrived(sink, recipients);
    await second.stop();
    const all = sink.recipients();
    const lost = recipients.filter((recipient) => !all.includes(recipient) && !taken.has(recipient)).length;
    return { version, newest: versionOf(home.queueFile), lost, repeated: all.length - new Set(all).size };
  } finally {
    await sink.close();
    disk.remove();
    home.remove();
  }
}

/** Until the store's log has something in it. */
async function firstWrite(log: string): Promise<void> {
  const deadline = performance.now() + START_MS;
  while ((statSync(log, { throwIfNoEntry: false })?.size ?? 0) === 0 && performance.now() < deadline)
    await setImmediate();
}

async function arrived(sink: AccountingSink, recipients: readonly string[]): Promise<void> {
  const deadline = performance.now() + DELIVERED_MS;
  const missing = new Set(recipients);
  for (let at = 0; missing.size > 0 && performance.now() < deadline; await sleep(20))
    for (; at < sink.copies.length; at++)
      for (const recipient of sink.copies[at]!.recipients) missing.delete(recipient);
}

/** A store of schema 1 with mail that waits; answers its recipients. */
function fill(file: string): readonly string[] {
  const database = new DatabaseSync(file);
  try {
    database.exec("PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    migrate(database, 1);
    const now = Date.now();
    const envelope = JSON.stringify({
      from: "old@client.test",
      identity: "network",
      client: "127.0.0.1",
      subject: "old",
    });
    const content = Buffer.from(`From: old@client.test\r\nSubject: old\r\n\r\n${"x".repeat(900)}\r\n`);
    const message = database.prepare("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?)");
    const delivery = database.prepare("INSERT INTO delivery VALUES (?, 0, 'smarthost/sink', ?, 0, ?, '', '')");
    database.exec("BEGIN");
    const recipients = Array.from({ length: MESSAGES }, (_, n) => {
      const entropy = new Uint8Array(5);
      new DataView(entropy.buffer).setUint32(1, n);
      message.run(n + 1, messageId(now + n, entropy), now + n, content.length, envelope, content);
      delivery.run((n + 1) * 4096, now, `old${n}@dest.test`);
      return `old${n}@dest.test`;
    });
    database.prepare("INSERT INTO lane VALUES ('smarthost/sink', ?, 0, ?)").run(now, MESSAGES);
    database.exec("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
    return recipients;
  } finally {
    database.close();
  }
}

function versionOf(file: string): number {
  const database = new DatabaseSync(file);
  try {
    return schemaVersion(database);
  } finally {
    database.close();
  }
}
