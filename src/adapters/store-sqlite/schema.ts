import type { DatabaseSync } from "node:sqlite";
import type { Standing } from "../../core/queue/action.ts";
import { BUSY_TIMEOUT_MS } from "../sqlite-log.ts";

// Numbered and forward-only. A step is never changed once it was released; a new one is added.
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE message (
     row INTEGER PRIMARY KEY,
     id TEXT NOT NULL,
     received_at INTEGER NOT NULL,
     octets INTEGER NOT NULL,
     envelope TEXT NOT NULL,
     content BLOB                       -- NULL: in the file of this id
   ) STRICT;
   -- row = message * 4096 + ordinal: the deliveries of a message need no index of their own.
   CREATE TABLE delivery (
     row INTEGER PRIMARY KEY,
     state INTEGER NOT NULL,            -- 0 parked, 1 in hand
     lane TEXT NOT NULL,
     due INTEGER NOT NULL,
     attempts INTEGER NOT NULL,
     recipient TEXT NOT NULL,
     options TEXT NOT NULL,
     last TEXT NOT NULL
   ) STRICT;
   CREATE INDEX delivery_due ON delivery (lane, due) WHERE state = 0;
   CREATE INDEX delivery_in_hand ON delivery (state) WHERE state = 1;
   CREATE TABLE lane (
     name TEXT PRIMARY KEY,
     wake_at INTEGER NOT NULL,
     blocked_until INTEGER NOT NULL,
     backlog INTEGER NOT NULL           -- parked deliveries
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX lane_wake ON lane (wake_at);
   CREATE TABLE upload (id TEXT PRIMARY KEY, message INTEGER NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE outbox (row INTEGER PRIMARY KEY AUTOINCREMENT, entries TEXT NOT NULL) STRICT;`,
  // What an operator does. A delivery that is held is in no index of the schedule, and its lane does not count it.
  `ALTER TABLE delivery ADD COLUMN wish INTEGER NOT NULL DEFAULT 0; -- what an operator wants of it
   ALTER TABLE delivery ADD COLUMN told INTEGER NOT NULL DEFAULT 0; -- 1: its sender heard of the delay
   ALTER TABLE delivery ADD COLUMN priority INTEGER NOT NULL DEFAULT 1; -- 0 high, 1 normal, 2 low
   DROP INDEX delivery_due;
   CREATE INDEX delivery_due ON delivery (lane, priority, due) WHERE state = 0;
   CREATE INDEX delivery_held ON delivery (state) WHERE state = 2;
   CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;`,
  // What was taken from the spool and may be there still. `name` is the file's, or the file's with what was made of it.
  `CREATE TABLE spooled (
     name TEXT PRIMARY KEY,
     file TEXT NOT NULL GENERATED ALWAYS AS (substr(name, 1, 41)) STORED
   ) STRICT, WITHOUT ROWID;`,
  // What came from other relays' queues: its id there, and its id here.
  `CREATE TABLE imported (was TEXT PRIMARY KEY, id TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
   CREATE INDEX imported_at ON imported (at);`,
  // Rows of messages stand in the order in which they were received, but for those that were imported, which are found here.
  `ALTER TABLE message ADD COLUMN imported INTEGER NOT NULL DEFAULT 0; -- 1: from another relay's queue
   CREATE INDEX message_imported ON message (received_at) WHERE imported = 1;`,
];

export const PARKED = 0;
export const IN_HAND = 1;
/** Until an operator releases it. */
export const HELD = 2;
/** `delivery.state`, by its number. */
export const STANDINGS: readonly Standing[] = ["parked", "in-hand", "held"];
/** `lane.wake_at` of a lane that somebody serves; it does not wake. */
export const SERVED = Number.MAX_SAFE_INTEGER;

/** Settings that a reopened database forgets, so they are set on every open (a WAL database may come back at NORMAL). */
export function setUp(database: DatabaseSync): void {
  database.exec(`
    PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS};
    PRAGMA page_size = 8192;
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 1000;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA cache_size = -16384;
    PRAGMA temp_store = MEMORY;
    PRAGMA foreign_keys = OFF;`);
}

export class SchemaTooNewError extends Error {
  override readonly name = "SchemaTooNewError";
}

export function schemaVersion(database: DatabaseSync): number {
  return Number(database.prepare("PRAGMA user_version").get()?.["user_version"] ?? 0);
}

/** The version of a schema that this program knows. Throws `SchemaTooNewError` where it is newer: what it means is not known. */
export function knownVersion(database: DatabaseSync): number {
  const found = schemaVersion(database);
  if (found <= MIGRATIONS.length) return found;
  throw new SchemaTooNewError(
    `the queue store has schema ${found}, this Waypost knows ${MIGRATIONS.length}: use a newer Waypost, or another data folder`,
  );
}

/** Brings the schema to this program's version, or to an older one for a test. An older program does not touch a newer schema. */
export function migrate(database: DatabaseSync, target: number = MIGRATIONS.length): void {
  const found = knownVersion(database);
  for (let version = found; version < target; version++) {
    database.exec("BEGIN IMMEDIATE");
    try {
      database.exec(MIGRATIONS[version]!);
      database.exec(`PRAGMA user_version = ${version + 1}`);
      database.exec("COMMIT");
    } catch (error) {
      if (database.isTransaction) database.exec("ROLLBACK"); // a full disk may have ended it already
      throw error;
    }
  }
}
