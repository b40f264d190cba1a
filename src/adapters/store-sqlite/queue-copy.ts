import fs from "node:fs";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { BACKUP } from "../../core/base/limits.ts";
import { DELIVERY_SPAN, deliveryRow } from "../../ports/store.ts";
import { PARKED, knownVersion, migrate, schemaVersion, setUp } from "./schema.ts";

type Row = Record<string, SQLInputValue>;

/** A message of the copy whose content is a file. */
export interface CopiedFile {
  readonly row: number;
  readonly id: string;
  readonly octets: number;
}

export interface CopyStep {
  readonly messages: number;
  readonly deliveries: number;
  readonly files: readonly CopiedFile[];
  readonly isLast: boolean;
}

/**
 * Copies a queue store while its writer goes on, message by message in the order in which they came. A copy as of one
 * moment would be one long look at the store, during which its log only grows; so each step is a look of its own. What was
 * queued when the copy began is in it, or has ended by the time it is done: a report comes behind the message that it is
 * about, and so do, in `finish`, the outbox and its entries.
 */
export class QueueCopy {
  readonly #source: DatabaseSync;
  readonly #target: DatabaseSync;
  readonly #deliveries: StatementSync;
  readonly #uploads: StatementSync;
  readonly #inserts = new Map<string, StatementSync>();
  #last = 0;

  /** `target` is a file that is not there yet. Throws where the source is of a newer Waypost. */
  constructor(source: string, target: string) {
    this.#source = new DatabaseSync(source, { readOnly: true });
    this.#source.exec("PRAGMA busy_timeout = 5000");
    const version = knownVersion(this.#source);
    this.#target = new DatabaseSync(target);
    fs.chmodSync(target, 0o600);
    setUp(this.#target);
    migrate(this.#target, version);
    this.#target.exec("PRAGMA synchronous = OFF"); // whoever asked makes the file durable when it is whole
    this.#copyNames();
    this.#deliveries = this.#source.prepare("SELECT * FROM delivery WHERE row BETWEEN ? AND ?");
    this.#uploads = this.#source.prepare("SELECT * FROM upload WHERE id = ?");
  }

  /**
   * Files of the spool and messages of other queues that were taken, so that they are not taken again. Before the messages: a name
   * whose message came behind the last one that is copied would keep its file from being taken at all.
   */
  #copyNames(): void {
    const version = schemaVersion(this.#target);
    this.#target.exec("BEGIN IMMEDIATE");
    if (version > 2) this.#copyTable("spooled", "name");
    if (version > 3) this.#copyTable("imported", "*");
    this.#target.exec("COMMIT");
  }

  #copyTable(table: string, columns: string): void {
    for (const row of this.#source.prepare(`SELECT ${columns} FROM ${table}`).iterate()) this.#insert(table, row);
  }

  /** How many messages there are now. */
  total(): number {
    return this.#source.prepare("SELECT count(*) AS n FROM message").get()!["n"] as number;
  }

  /** The next messages with all that is theirs: so many that the look is a short one. */
  step(): CopyStep {
    const messages = this.#source.prepare("SELECT * FROM message WHERE row > ? ORDER BY row");
    const files: CopiedFile[] = [];
    let [count, deliveries, octets, isLast] = [0, 0, 0, true];
    this.#source.exec("BEGIN");
    this.#target.exec("BEGIN IMMEDIATE");
    for (const message of messages.iterate(this.#last)) {
      if (
        count === BACKUP.messagesPerStep ||
        deliveries + octets / BACKUP.octetsPerDelivery > BACKUP.deliveriesPerStep
      ) {
        isLast = false;
        break;
      }
      this.#last = message["row"] as number;
      count++;
      deliveries += this.#copy(message);
      const content = message["content"] as Uint8Array | null;
      octets += content?.length ?? 0;
      if (content === null)
        files.push({ row: this.#last, id: message["id"] as string, octets: message["octets"] as number });
    }
    this.#target.exec("COMMIT");
    this.#source.exec("COMMIT");
    return { messages: count, deliveries, files, isLast };
  }

  /** Answers how many deliveries it has. */
  #copy(message: Row): number {
    const first = deliveryRow(message["row"] as number, 0);
    const deliveries = this.#deliveries.all(first, first + DELIVERY_SPAN - 1);
    this.#insert("message", message);
    for (const delivery of deliveries) this.#insert("delivery", delivery);
    if (message["content"] === null)
      for (const upload of this.#uploads.all(message["id"]!)) this.#insert("upload", upload);
    return deliveries.length;
  }

  /** Whether the relay has it still. */
  isQueued({ row, id }: CopiedFile): boolean {
    return this.#source.prepare("SELECT 1 FROM message WHERE row = ? AND id = ?").get(row, id) !== undefined;
  }

  /** It ended meanwhile, and its content is gone. Answers how many deliveries that were. */
  drop({ row, id }: CopiedFile): number {
    const first = deliveryRow(row, 0);
    this.#target.prepare("DELETE FROM message WHERE row = ?").run(row);
    this.#target.prepare("DELETE FROM upload WHERE id = ?").run(id);
    const gone = this.#target
      .prepare("DELETE FROM delivery WHERE row BETWEEN ? AND ?")
      .run(first, first + DELIVERY_SPAN - 1);
    return Number(gone.changes);
  }

  /** What is not a message's: ends on their way to history, pauses; and the lanes, by what waits in them. */
  finish(): void {
    this.#target.exec("BEGIN IMMEDIATE");
    this.#copyTable("outbox", "*");
    if (schemaVersion(this.#target) > 1) this.#copyTable("setting", "*");
    this.#target.exec(
      `INSERT INTO lane (name, wake_at, blocked_until, backlog)
         SELECT lane, min(due), 0, count(*) FROM delivery WHERE state = ${PARKED} GROUP BY lane;
       COMMIT`,
    );
  }

  close(): void {
    this.#source.close();
    this.#target.close();
  }

  #insert(table: string, row: Row): void {
    let insert = this.#inserts.get(table);
    if (insert === undefined) {
      const names = Object.keys(row);
      const places = names.map(() => "?").join(", ");
      insert = this.#target.prepare(`INSERT INTO ${table} (${names.join(", ")}) VALUES (${places})`);
      this.#inserts.set(table, insert);
    }
    insert.run(...Object.values(row));
  }
}
