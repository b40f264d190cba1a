import fs from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { schemaVersion } from "./schema.ts";

// The files of a queue store as the file system shows them: what is there before it is opened, and whether it is still
// there while it is open.

/**
 * SQLite's file format, sections 1.3 and 4.1: the read and write versions of a database in WAL mode and its `user_version`, the
 * header of a log and what it begins with.
 */
const VERSIONS_AT = 18;
const IN_WAL_MODE = 0x0202;
const USER_VERSION_AT = 60;
const LOG_HEADER_OCTETS = 32;
const LOG_MAGIC: ReadonlySet<number> = new Set([0x377f0682, 0x377f0683]);

/** The write-ahead log of this database. */
export function logOf(file: string): string {
  return `${file}-wal`;
}

/**
 * `there`: a database with a schema, or a file that turns out to be none when it is opened. `new`: one without a schema. `no-file`: a
 * folder, or what else has a name.
 */
export type StoreStanding = "missing" | "no-file" | "empty" | "new" | "there";

/** How a store that nobody has open stands. Nothing is written. */
export function standingOf(file: string): StoreStanding {
  const found = fs.statSync(file, { throwIfNoEntry: false });
  if (found === undefined) return "missing";
  if (!found.isFile()) return "no-file";
  if (found.size === 0) return "empty";
  // A version in the file never goes down; that of a young store may stand in its log alone.
  if (numberAt(file, USER_VERSION_AT) !== 0) return "there";
  if (!hasLog(file)) return "new"; // opened, it would get an empty log, or be found in a journal's hands
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return schemaVersion(database) > 0 ? "there" : "new";
  } finally {
    database.close();
  }
}

/** Whether there is a log that may hold something. */
export function hasLog(file: string): boolean {
  return (fs.statSync(logOf(file), { throwIfNoEntry: false })?.size ?? 0) > LOG_HEADER_OCTETS;
}

/**
 * What is wrong with the log of a store that was not closed. SQLite opens the store all the same, as it stood before what the
 * log had. An empty log is none: that is how one looks after all of it was taken over. A database that was only being made has none.
 */
export function faultOfLog(file: string): "missing" | "garbled" | undefined {
  if (!fs.existsSync(logOf(file))) return hadLog(file) ? "missing" : undefined;
  return hasLog(file) && !LOG_MAGIC.has(numberAt(logOf(file), 0)) ? "garbled" : undefined;
}

/** A database gets its log when it is made, and while it is made it has a journal. */
function hadLog(file: string): boolean {
  return numberAt(file, VERSIONS_AT) >>> 16 === IN_WAL_MODE && !fs.existsSync(`${file}-journal`);
}

/**
 * Four octets, the highest first; 0 where the file is shorter. Only of a file that this process has not open: closing it ends the
 * locks that SQLite has on it.
 */
function numberAt(file: string, at: number): number {
  const octets = Buffer.alloc(4);
  const descriptor = fs.openSync(file, "r");
  try {
    fs.readSync(descriptor, octets, 0, octets.length, at);
  } finally {
    fs.closeSync(descriptor);
  }
  return octets.readUInt32BE();
}

/** Whether the files of a store that is open are still those at their paths: what is written into others is lost with the process. */
export class OpenStoreFiles {
  readonly #known: Map<string, string | undefined>;

  /** To be called when the store was opened; its log is there from the first look on, or some time later. */
  constructor(file: string) {
    this.#known = new Map([file, logOf(file)].map((path) => [path, identityOf(path)]));
  }

  /** The path of a file that is gone or another one; undefined where all are what they were. Two calls of the system. */
  look(): string | undefined {
    for (const [path, known] of this.#known) {
      const found = identityOf(path);
      if (known === undefined) this.#known.set(path, found);
      else if (found !== known) return path;
    }
    return undefined;
  }
}

function identityOf(path: string): string | undefined {
  const found = fs.statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
}
