import fs from "node:fs";
import path from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { day } from "../../core/base/time.ts";

/** What the mail threads write of an attempt or an end (`engine/dispatcher`). */
export interface HistoryEntry {
  readonly at: number;
  readonly id: string;
  readonly row: number;
  readonly outcome: string;
  readonly recipient: string;
  readonly lane: string;
  readonly host: string;
  readonly attempts: number;
  readonly reply: string;
  /** The reason of a retry; for a refusal, whether its sender was told. */
  readonly note: string;
  readonly from: string;
  readonly identity: string;
  readonly subject: string;
  readonly octets: number;
  readonly receivedAt: number;
}

const KEEP_DAYS = 14;
const OPEN_MAX = 3;
const FILE = /^\d{4}-\d{2}-\d{2}\.db$/;

const SCHEMA = `
  PRAGMA page_size = 8192;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA busy_timeout = 5000;
  PRAGMA journal_size_limit = 16777216;
  CREATE TABLE IF NOT EXISTS attempt (
    id TEXT NOT NULL, row INTEGER NOT NULL, attempts INTEGER NOT NULL, outcome TEXT NOT NULL, at INTEGER NOT NULL,
    recipient TEXT NOT NULL, sender TEXT NOT NULL, lane TEXT NOT NULL, host TEXT NOT NULL, reply TEXT NOT NULL,
    note TEXT NOT NULL, identity TEXT NOT NULL, subject TEXT NOT NULL, octets INTEGER NOT NULL, received_at INTEGER NOT NULL,
    PRIMARY KEY (id, row, at, outcome)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS attempt_recipient ON attempt (recipient, at);
  CREATE INDEX IF NOT EXISTS attempt_sender ON attempt (sender, at);`;

interface DayFile {
  readonly database: DatabaseSync;
  readonly insert: StatementSync;
}

function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

/** What became of every delivery: one file per day, written in batches, the same entry twice being one. */
export class HistoryStore {
  readonly #folder: string;
  readonly #open = new Map<string, DayFile>();

  constructor(folder: string) {
    this.#folder = folder;
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  close(): void {
    for (const { database } of this.#open.values()) database.close();
    this.#open.clear();
  }

  /** Durable when it returns. */
  write(entries: readonly HistoryEntry[]): void {
    const byDay = new Map<string, HistoryEntry[]>();
    for (const entry of entries) {
      const name = dayOf(entry.at);
      const group = byDay.get(name);
      if (group === undefined) byDay.set(name, [entry]);
      else group.push(entry);
    }
    for (const [name, group] of byDay) this.#writeDay(this.#day(name), group);
  }

  /** All that is known of a message, oldest first. `since` is when it was received. */
  find(id: string, since: number): HistoryEntry[] {
    const found: HistoryEntry[] = [];
    for (const name of this.#days()) {
      if (name < dayOf(since)) continue;
      const rows = this.#day(name).database.prepare("SELECT * FROM attempt WHERE id = ? ORDER BY at").all(id);
      for (const row of rows) found.push(entryOf(row));
    }
    return found;
  }

  /** Unlinks days that are over. */
  retire(now: number): void {
    for (const name of this.#days()) {
      if (Date.parse(name) > now - KEEP_DAYS * day) continue;
      this.#open.get(name)?.database.close();
      this.#open.delete(name);
      for (const suffix of ["", "-wal", "-shm"])
        fs.rmSync(path.join(this.#folder, `${name}.db${suffix}`), { force: true });
    }
  }

  #days(): string[] {
    return fs
      .readdirSync(this.#folder)
      .filter((name) => FILE.test(name))
      .map((name) => name.slice(0, -3))
      .toSorted();
  }

  #day(name: string): DayFile {
    let file = this.#open.get(name);
    if (file === undefined) {
      const database = new DatabaseSync(path.join(this.#folder, `${name}.db`));
      database.exec(SCHEMA);
      const insert = database.prepare(
        `INSERT OR IGNORE INTO attempt (id, row, attempts, outcome, at, recipient, sender, lane, host, reply, note, identity, subject, octets, received_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      );
      file = { database, insert };
      this.#open.set(name, file);
      this.#closeOldest();
    }
    return file;
  }

  #closeOldest(): void {
    if (this.#open.size <= OPEN_MAX) return;
    const [name, { database }] = this.#open.entries().next().value!;
    database.close();
    this.#open.delete(name);
  }

  #writeDay({ database, insert }: DayFile, entries: readonly HistoryEntry[]): void {
    database.exec("BEGIN IMMEDIATE");
    try {
      for (const e of entries) {
        insert.run(
          e.id,
          e.row,
          e.attempts,
          e.outcome,
          e.at,
          e.recipient,
          e.from,
          e.lane,
          e.host,
          e.reply,
          e.note,
          e.identity,
          e.subject,
          e.octets,
          e.receivedAt,
        );
      }
      database.exec("COMMIT");
    } catch (error) {
      if (database.isTransaction) database.exec("ROLLBACK");
      throw error;
    }
  }
}

function entryOf(row: Record<string, unknown>): HistoryEntry {
  return {
    at: row["at"] as number,
    id: row["id"] as string,
    row: row["row"] as number,
    outcome: row["outcome"] as string,
    recipient: row["recipient"] as string,
    lane: row["lane"] as string,
    host: row["host"] as string,
    attempts: row["attempts"] as number,
    reply: row["reply"] as string,
    note: row["note"] as string,
    from: row["sender"] as string,
    identity: row["identity"] as string,
    subject: row["subject"] as string,
    octets: row["octets"] as number,
    receivedAt: row["received_at"] as number,
  };
}
