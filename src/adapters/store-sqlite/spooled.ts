import type { DatabaseSync, StatementSync } from "node:sqlite";
import { KNOWN, KNOWN_OTHERWISE, type MessageRow } from "../../ports/store.ts";

/** What was taken from the spool, by the names of its files with what was made of each (`core/submission/spooled`). */
export class Spooled {
  readonly #insert: StatementSync;
  readonly #message: StatementSync;
  readonly #forget: StatementSync;
  readonly #keepOnly: StatementSync;

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare("INSERT OR IGNORE INTO spooled (name) VALUES (?)");
    // A name is 41 characters; behind it stand the recipients that were refused ("/!"), or the number of a report ("/0").
    this.#message = database.prepare(
      "SELECT name FROM spooled WHERE name BETWEEN substr(?1, 1, 41) AND substr(?1, 1, 41) || '/\"' LIMIT 1",
    );
    this.#forget = database.prepare("DELETE FROM spooled WHERE name BETWEEN ?1 AND ?1 || '0'");
    this.#keepOnly = database.prepare("DELETE FROM spooled WHERE file NOT IN (SELECT value FROM json_each(?))");
  }

  /** Undefined: it is new, and known from now on. */
  take(mark: string): MessageRow | undefined {
    if (isMessage(mark)) {
      const found = this.#message.get(mark);
      if (found !== undefined) return found["name"] === mark ? KNOWN : KNOWN_OTHERWISE;
    }
    return this.#insert.run(mark).changes === 0 ? KNOWN : undefined;
  }

  /** Of the message that was made of the file, if there is one. */
  markOf(name: string): string | undefined {
    return this.#message.get(name)?.["name"] as string | undefined;
  }

  forget(names: readonly string[]): void {
    for (const name of names) this.#forget.run(name);
  }

  keepOnly(names: readonly string[]): void {
    this.#keepOnly.run(JSON.stringify(names));
  }
}

function isMessage(mark: string): boolean {
  return !mark.includes("/") || mark.includes("/!");
}
