import { DatabaseSync, type StatementSync } from "node:sqlite";
import { STORE } from "../../core/base/limits.ts";
import type { MessageId } from "../../core/mail/message-id.ts";
import type { Pause } from "../../core/queue/pause.ts";
import type { Origin } from "../../core/queue/selection.ts";
import type { QueuedDelivery, QueuedLane, QueuedMessage, QueueRecords } from "../../ports/queue-records.ts";
import { DELIVERY_SPAN, deliveryRow } from "../../ports/store.ts";
import { wishOf } from "./operator-actions.ts";
import { readPauses } from "./pauses.ts";
import { HELD, IN_HAND, SERVED, STANDINGS, knownVersion } from "./schema.ts";

const DELIVERY_COLUMNS = "row, state, lane, due, attempts, recipient, last";
const MESSAGE = "SELECT row, id, received_at, octets, envelope FROM message";

// Rows from a place on, or backwards from it, and so many at most.
const BEHIND = "SELECT row, id FROM message WHERE row >= ? ORDER BY row LIMIT ?";
const BEFORE = "SELECT row, id FROM message WHERE row < ? ORDER BY row DESC LIMIT ?";
const PROBED_ROWS = 16;

function delivery(found: Record<string, unknown>): QueuedDelivery {
  return {
    row: found["row"] as number,
    standing: STANDINGS[found["state"] as number]!,
    lane: found["lane"] as string,
    due: found["due"] as number,
    attempts: found["attempts"] as number,
    recipient: found["recipient"] as string,
    last: found["last"] as string,
    isUnrouted: found["state"] !== IN_HAND && wishOf((found["wish"] as number | undefined) ?? 0) === "route",
  };
}

function message(found: Record<string, unknown>): QueuedMessage {
  return {
    row: found["row"] as number,
    id: found["id"] as string,
    receivedAt: found["received_at"] as number,
    octets: found["octets"] as number,
    envelope: found["envelope"] as string,
  };
}

/** Reads the queue store on a connection of its own, in short transactions, while the writer goes on. */
export class QueueReader implements QueueRecords {
  readonly #database: DatabaseSync;
  readonly #message: StatementSync;
  readonly #origin: StatementSync;
  readonly #deliveries: string;
  /** Undefined in the store of an older version. */
  readonly #imported: StatementSync | undefined;
  /** It knows which messages do not stand in the order in which they were received; not in an older version's. */
  readonly #hasOrder: boolean;

  /** Throws `SchemaTooNewError` where the store is of a newer Waypost. */
  constructor(file: string) {
    this.#database = new DatabaseSync(file, { readOnly: true });
    this.#database.exec("PRAGMA busy_timeout = 5000");
    knownVersion(this.#database);
    this.#message = this.#database.prepare(`${MESSAGE} WHERE row = ?`);
    this.#origin = this.#database.prepare(
      "SELECT received_at AS at, envelope ->> '$.from' AS sender FROM message WHERE row = ?",
    );
    this.#hasOrder = this.#number("SELECT 1 AS n FROM sqlite_master WHERE name = 'message_imported'") !== undefined;
    const hasImports = this.#number("SELECT 1 AS n FROM sqlite_master WHERE name = 'imported'") !== undefined;
    this.#deliveries = `SELECT ${DELIVERY_COLUMNS}${hasImports ? ", wish" : ""} FROM delivery`;
    if (hasImports) this.#imported = this.#database.prepare("SELECT id FROM imported WHERE was = ?");
  }

  close(): void {
    this.#database.close();
  }

  deliveries(row: number, limit: number): QueuedDelivery[] {
    return this.#database
      .prepare(`${this.#deliveries} WHERE row > ? ORDER BY row LIMIT ?`)
      .all(row, limit)
      .map(delivery);
  }

  standingDeliveries(standing: "held" | "in-hand", row: number, limit: number): QueuedDelivery[] {
    return this.#database
      .prepare(
        `${this.#deliveries} WHERE state = ${standing === "held" ? HELD : IN_HAND} AND row > ? ORDER BY row LIMIT ?`,
      )
      .all(row, limit)
      .map(delivery);
  }

  deliveriesOf(row: number): QueuedDelivery[] {
    const first = deliveryRow(row, 0);
    return this.#database
      .prepare(`${this.#deliveries} WHERE row BETWEEN ? AND ? ORDER BY row`)
      .all(first, first + DELIVERY_SPAN - 1)
      .map(delivery);
  }

  message(row: number): QueuedMessage | undefined {
    const found = this.#message.get(row);
    return found === undefined ? undefined : message(found);
  }

  originOf(row: number): Origin | undefined {
    const found = this.#origin.get(row);
    if (found === undefined) return undefined;
    const sender = found["sender"];
    return { from: typeof sender === "string" ? sender : "", receivedAt: found["at"] as number };
  }

  /**
   * By public id, without an index that the schedule would pay for. A content in a file has its id in an index of its own.
   * For the others some twenty probes find the place: an id begins with its time, and rows are in the order of their
   * commits. A message is committed later than its time by what its session took, so it is looked for behind that place,
   * and before it for a clock that was set back; farther off than `STORE.lookedThroughMax` rows it is not found.
   */
  messageById(given: MessageId): QueuedMessage | undefined {
    const id = this.ownId(given);
    const start = this.#firstSince(id);
    const row =
      this.#number("SELECT message AS n FROM upload WHERE id = ?", id) ??
      this.#number(`SELECT row AS n FROM (${BEHIND}) WHERE id = ?`, start, STORE.lookedThroughMax, id) ??
      this.#number(`SELECT row AS n FROM (${BEFORE}) WHERE id = ?`, start, STORE.lookedThroughMax, id);
    return row === undefined ? undefined : this.message(row);
  }

  ownId(id: MessageId): MessageId {
    const found = this.#imported?.get(id)?.["id"];
    return typeof found === "string" ? found : id;
  }

  /** Rows of messages count up while a relay runs. */
  newestMessage(): number {
    return this.#number("SELECT max(row) AS n FROM message") ?? 0;
  }

  hasLane(lane: string): boolean {
    return this.#number("SELECT 1 AS n FROM lane WHERE name = ?", lane) !== undefined;
  }

  pauses(): Pause[] {
    return readPauses(this.#database);
  }

  heldCount(): number {
    return this.#number(`SELECT count(*) AS n FROM delivery WHERE state = ${HELD}`) ?? 0;
  }

  laneCount(): number {
    return this.#number("SELECT count(*) AS n FROM lane") ?? 0;
  }

  lanes(now: number, limit: number): QueuedLane[] {
    const rows = this.#database
      .prepare(
        "SELECT name, backlog, wake_at, blocked_until FROM lane ORDER BY blocked_until > ? DESC, backlog DESC LIMIT ?",
      )
      .all(now, limit);
    return rows.map((row) => ({
      lane: row["name"] as string,
      backlog: row["backlog"] as number,
      wakeAt: row["wake_at"] === SERVED ? undefined : (row["wake_at"] as number),
      blockedUntil: row["blocked_until"] as number,
    }));
  }

  depth(): { readonly waiting: number; readonly inHand: number; readonly oldest: number | undefined } {
    const waiting = this.#number("SELECT coalesce(sum(backlog), 0) AS n FROM lane") ?? 0;
    const inHand = this.#number(`SELECT count(*) AS n FROM delivery WHERE state = ${IN_HAND}`) ?? 0;
    const first = this.#number("SELECT received_at AS n FROM message ORDER BY row LIMIT 1");
    const imported = this.#hasOrder
      ? this.#number("SELECT min(received_at) AS n FROM message WHERE imported = 1")
      : undefined;
    return { waiting, inHand, oldest: first === undefined ? undefined : Math.min(first, imported ?? first) };
  }

  #number(sql: string, ...values: readonly (number | string)[]): number | undefined {
    const found = this.#database.prepare(sql).get(...values)?.["n"];
    return typeof found === "number" ? found : undefined;
  }

  /**
   * The first row whose id was made when this one was or later, or one shortly before it. Each probe looks at some rows,
   * since one that took long may stand behind younger ones. Ids order as their texts do.
   */
  #firstSince(id: MessageId): number {
    const probe = this.#database.prepare(`SELECT max(row) AS last, max(id) AS newest FROM (${BEHIND})`);
    let low = this.#number("SELECT min(row) AS n FROM message") ?? 0;
    let high = (this.#number("SELECT max(row) AS n FROM message") ?? 0) + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const found = probe.get(middle, PROBED_ROWS);
      const newest = found?.["newest"];
      if (typeof newest !== "string" || newest >= id) high = middle;
      else low = (found!["last"] as number) + 1;
    }
    return low;
  }
}
