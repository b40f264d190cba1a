import fs from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { Instant } from "../../core/base/time.ts";
import type { HistoryEntry } from "../../ports/history.ts";
import { dayFile, dayOf, daysIn } from "./days.ts";

/** Looks things up in history. Writes nothing: whoever asks may be another user than the relay's. */
export class HistoryReader {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** All there is, oldest days first, so many entries at a time. A day that goes meanwhile ends where it is. */
  *pages(limit: number): Generator<HistoryEntry[]> {
    for (const name of daysIn(this.#folder)) {
      const file = dayFile(this.#folder, name);
      try {
        yield* pagesOf(file, limit);
      } catch (error) {
        if (fs.existsSync(file)) throw error;
      }
    }
  }

  /** All that is known of a message, oldest first. `since` is when it was received. */
  find(id: string, since: Instant): HistoryEntry[] {
    return daysIn(this.#folder)
      .filter((name) => name >= dayOf(since))
      .flatMap((name) => entriesOf(dayFile(this.#folder, name), id));
  }
}

/** All of a day, in short looks: its writer goes on meanwhile. */
function* pagesOf(file: string, limit: number): Generator<HistoryEntry[]> {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    database.exec("PRAGMA busy_timeout = 5000");
    const page = database.prepare(
      "SELECT * FROM attempt WHERE (id, row, at, outcome) > (?, ?, ?, ?) ORDER BY id, row, at, outcome LIMIT ?",
    );
    for (let last: HistoryEntry | undefined; ;) {
      const entries = page.all(last?.id ?? "", last?.row ?? 0, last?.at ?? 0, last?.outcome ?? "", limit).map(entryOf);
      if (entries.length > 0) yield entries;
      if (entries.length < limit) return;
      last = entries.at(-1);
    }
  } finally {
    database.close();
  }
}

function entriesOf(file: string, id: string): HistoryEntry[] {
  try {
    return readEntries(file, id);
  } catch (error) {
    if (fs.existsSync(file)) throw error;
    return []; // the day went meanwhile
  }
}

function readEntries(file: string, id: string): HistoryEntry[] {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    database.exec("PRAGMA busy_timeout = 5000");
    return database.prepare("SELECT * FROM attempt WHERE id = ? ORDER BY at").all(id).map(entryOf);
  } finally {
    database.close();
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
    transcript: (row["transcript"] as string | undefined) ?? "", // a day of an older version has none, nor the arrival
    arrival: (row["arrival"] as string | undefined) ?? "",
    from: row["sender"] as string,
    identity: row["identity"] as string,
    subject: row["subject"] as string,
    octets: row["octets"] as number,
    receivedAt: row["received_at"] as number,
  };
}
