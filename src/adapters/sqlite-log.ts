import type { DatabaseSync } from "node:sqlite";
import { mayPass } from "./disk-full.ts";

// What the databases of the data folder have in common beside a full disk: locks of others, and a log that gives its room back.

/** How long a statement waits for another program's lock. */
export const BUSY_TIMEOUT_MS = 5000;

/** Empties the WAL into the database and gives its room back, as far as readers let it: none is waited for. */
export function shortenLog(database: DatabaseSync): void {
  try {
    database.exec("PRAGMA busy_timeout = 0; PRAGMA wal_checkpoint(TRUNCATE)");
  } catch (error) {
    if (!mayPass(error)) throw error; // there is no room even for this
  } finally {
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  }
}
