import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { BACKUP } from "../../core/base/limits.ts";
import { PRIORITIES } from "../../core/queue/priority.ts";
import type { ExportedDelivery, ExportedMessage } from "../../core/queue/exported.ts";
import { DELIVERY_SPAN, deliveryRow } from "../../ports/store.ts";
import { wishOf } from "./operator-actions.ts";
import { HELD, knownVersion } from "./schema.ts";

type Row = Record<string, SQLInputValue>;

export interface ExportableMessage extends ExportedMessage {
  readonly row: number;
  /** Undefined: in the file of this id. */
  readonly content: Uint8Array | undefined;
}

export interface ExportStep {
  /** Those of which something is left; may be none although more follow. */
  readonly messages: readonly ExportableMessage[];
  /** All that there were, with those of which nothing is left. */
  readonly looked: number;
  readonly isLast: boolean;
}

/** Reads a queue store, of this version or an older one, message by message in short looks. */
export class QueueExport {
  readonly #database: DatabaseSync;
  #last = 0;

  /** Throws `SchemaTooNewError` where the store is of a newer Waypost. */
  constructor(file: string) {
    this.#database = new DatabaseSync(file, { readOnly: true });
    this.#database.exec("PRAGMA busy_timeout = 5000");
    knownVersion(this.#database);
  }

  /** How many messages there are now. */
  total(): number {
    return this.#database.prepare("SELECT count(*) AS n FROM message").get()!["n"] as number;
  }

  step(): ExportStep {
    const rows = this.#database.prepare("SELECT * FROM message WHERE row > ? ORDER BY row");
    const messages: ExportableMessage[] = [];
    let [looked, deliveries, octets] = [0, 0, 0];
    let isLast = true;
    this.#database.exec("BEGIN");
    try {
      for (const row of rows.iterate(this.#last)) {
        const message = this.#message(row);
        this.#last = message.row;
        looked++;
        if (message.deliveries.length > 0) messages.push(message);
        deliveries += message.deliveries.length;
        octets += message.content?.length ?? 0;
        if (
          looked === BACKUP.messagesPerStep ||
          deliveries + octets / BACKUP.octetsPerDelivery > BACKUP.deliveriesPerStep
        ) {
          isLast = false;
          break;
        }
      }
    } finally {
      this.#database.exec("COMMIT");
    }
    return { messages, looked, isLast };
  }

  /** Whether the message is there still. */
  isQueued(row: number): boolean {
    return this.#database.prepare("SELECT 1 FROM message WHERE row = ?").get(row) !== undefined;
  }

  close(): void {
    this.#database.close();
  }

  #message(columns: Row): ExportableMessage {
    const row = columns["row"] as number;
    const first = deliveryRow(row, 0);
    const deliveries = this.#database
      .prepare("SELECT * FROM delivery WHERE row BETWEEN ? AND ? ORDER BY row")
      .all(first, first + DELIVERY_SPAN - 1);
    return {
      row,
      id: columns["id"] as string,
      receivedAt: columns["received_at"] as number,
      octets: columns["octets"] as number,
      envelope: columns["envelope"] as string,
      content: (columns["content"] as Uint8Array | null) ?? undefined,
      // What an operator cancelled in a mail thread's hands is cancelled.
      deliveries: deliveries.filter((delivery) => wish(delivery) !== "cancel").map(exported),
    };
  }
}

/** An older version's have none of the columns that came later. */
function wish(delivery: Row): ReturnType<typeof wishOf> {
  return wishOf((delivery["wish"] as number | undefined) ?? 0);
}

function exported(delivery: Row): ExportedDelivery {
  return {
    recipient: delivery["recipient"] as string,
    options: delivery["options"] as string,
    lane: delivery["lane"] as string,
    attempts: delivery["attempts"] as number,
    priority: PRIORITIES[(delivery["priority"] as number | undefined) ?? 1]!,
    isHeld: delivery["state"] === HELD || wish(delivery) === "hold" || wish(delivery) === "hold-unrouted",
    isExpiring: wish(delivery) === "expire",
    isTold: delivery["told"] === 1,
    last: delivery["last"] as string,
  };
}
