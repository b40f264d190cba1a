import { DatabaseSync, type StatementSync } from "node:sqlite";

/** Reads finished outcomes from the queue store on a connection of its own; the writer deletes them when told. */
export class OutboxReader {
  readonly #read: StatementSync;
  readonly #database: DatabaseSync;

  constructor(file: string) {
    this.#database = new DatabaseSync(file, { readOnly: true });
    this.#database.exec("PRAGMA busy_timeout = 5000");
    this.#read = this.#database.prepare("SELECT row, entries FROM outbox WHERE row > ? ORDER BY row LIMIT ?");
  }

  close(): void {
    this.#database.close();
  }

  /** The oldest rows after `row`: JSON arrays of entries. */
  read(row: number, limit: number): { readonly row: number; readonly entries: string }[] {
    return this.#read
      .all(row, limit)
      .map((found) => ({ row: found["row"] as number, entries: found["entries"] as string }));
  }
}
