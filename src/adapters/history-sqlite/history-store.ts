import fs from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { HISTORY } from "../../core/base/limits.ts";
import type { Duration, Instant } from "../../core/base/time.ts";
import type { HistoryEntry } from "../../ports/history.ts";
import { BUSY_TIMEOUT_MS, shortenLog } from "../sqlite-log.ts";
import { dayFile, dayOf, daysIn } from "./days.ts";

const SCHEMA = `
  PRAGMA page_size = 8192;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS};
  PRAGMA journal_size_limit = 16777216;
  CREATE TABLE IF NOT EXISTS attempt (
    id TEXT NOT NULL, row INTEGER NOT NULL, attempts INTEGER NOT NULL, outcome TEXT NOT NULL, at INTEGER NOT NULL,
    recipient TEXT NOT NULL, sender TEXT NOT NULL, lane TEXT NOT NULL, host TEXT NOT NULL, reply TEXT NOT NULL,
    note TEXT NOT NULL, identity TEXT NOT NULL, subject TEXT NOT NULL, octets INTEGER NOT NULL, received_at INTEGER NOT NULL,
    transcript TEXT NOT NULL DEFAULT '',
    arrival TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (id, row, at, outcome)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS attempt_recipient ON attempt (recipient, at);
  CREATE INDEX IF NOT EXISTS attempt_sender ON attempt (sender, at);`;

const INSERT = `
  INSERT OR IGNORE INTO attempt (id, row, attempts, outcome, at, recipient, sender, lane, host, reply, note, identity, subject, octets, received_at, transcript, arrival)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

interface HistoryLimits {
  readonly keptFor: Duration;
  readonly octetsMax: number;
}

/** What went, oldest first, and what is left. */
interface Retired {
  readonly days: readonly string[];
  readonly octets: number;
  readonly daysLeft: number;
  readonly octetsLeft: number;
}

function sumOf(days: readonly { readonly octets: number }[]): number {
  return days.reduce((sum, { octets }) => sum + octets, 0);
}

interface DayFile {
  readonly database: DatabaseSync;
  readonly insert: StatementSync;
}

/** Writes what became of every delivery: one file per day, in batches, the same entry twice being one. */
export class HistoryStore {
  readonly #folder: string;
  readonly #open = new Map<string, DayFile>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  close(): void {
    for (const name of this.#open.keys()) this.#close(name);
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
    for (const [name, group] of byDay) this.#writeDay(name, group);
  }

  /** Unlinks days that are over, and the oldest ones while all together have too many octets. */
  retire(now: Instant, { keptFor, octetsMax }: HistoryLimits): Retired {
    const days = daysIn(this.#folder).map((name) => ({ name, octets: this.#octetsOf(name) }));
    const kept = days.filter(({ name }) => Date.parse(name) > now - keptFor);
    let octets = sumOf(kept);
    // The newest day is written to: it stays, whatever it has.
    while (kept.length > 1 && octets > octetsMax) octets -= kept.shift()!.octets;
    const gone = days.filter((day) => !kept.includes(day));
    for (const { name } of gone) this.#unlink(name);
    return { days: gone.map(({ name }) => name), octets: sumOf(gone), daysLeft: kept.length, octetsLeft: octets };
  }

  /** Gives back what the logs of the open days take of the disk. */
  shortenLogs(): void {
    for (const { database } of this.#open.values()) shortenLog(database);
  }

  #writeDay(name: string, entries: readonly HistoryEntry[]): void {
    try {
      writeEntries(this.#day(name), entries);
    } catch (error) {
      this.#close(name); // and with it what was begun; the next try opens the file anew, which may be another by then
      throw error;
    }
  }

  #octetsOf(name: string): number {
    let octets = 0;
    for (const file of this.#filesOf(name)) octets += fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    return octets;
  }

  #unlink(name: string): void {
    this.#close(name);
    for (const file of this.#filesOf(name)) fs.rmSync(file, { force: true });
  }

  #filesOf(name: string): string[] {
    return ["", "-wal", "-shm"].map((suffix) => `${dayFile(this.#folder, name)}${suffix}`);
  }

  #day(name: string): DayFile {
    let file = this.#open.get(name);
    if (file === undefined) {
      fs.mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      file = openDay(dayFile(this.#folder, name));
      this.#open.set(name, file);
      this.#closeOldest();
    }
    return file;
  }

  #closeOldest(): void {
    if (this.#open.size <= HISTORY.openDaysMax) return;
    const [oldest] = this.#open.keys();
    this.#close(oldest!);
  }

  #close(name: string): void {
    this.#open.get(name)?.database.close();
    this.#open.delete(name);
  }
}

function openDay(file: string): DayFile {
  const database = new DatabaseSync(file);
  try {
    database.exec(SCHEMA);
    addColumns(database);
    return { database, insert: database.prepare(INSERT) };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** To a day that an older version began. */
function addColumns(database: DatabaseSync): void {
  const columns = database.prepare("SELECT name FROM pragma_table_info('attempt')").all();
  for (const added of ["transcript", "arrival"]) {
    if (columns.some(({ name }) => name === added)) continue;
    database.exec(`ALTER TABLE attempt ADD COLUMN ${added} TEXT NOT NULL DEFAULT ''`);
  }
}

function writeEntries({ database, insert }: DayFile, entries: readonly HistoryEntry[]): void {
  database.exec("BEGIN IMMEDIATE");
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
      e.transcript ?? "", // what waited in the outbox of an older version has none, nor the arrival
      e.arrival ?? "",
    );
  }
  database.exec("COMMIT");
}
