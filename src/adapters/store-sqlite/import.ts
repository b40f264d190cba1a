import type { DatabaseSync, StatementSync } from "node:sqlite";
import { IMPORT, STORE } from "../../core/base/limits.ts";
import type { Instant } from "../../core/base/time.ts";
import { PRIORITIES } from "../../core/queue/priority.ts";
import type { Lane } from "../../core/routing/lane.ts";
import { type ImportedArrival, type MessageRow, deliveryRow } from "../../ports/store.ts";
import { codeOf } from "./operator-actions.ts";
import { HELD, PARKED } from "./schema.ts";

interface Statements {
  readonly remember: StatementSync;
  readonly anyOld: StatementSync;
  readonly forget: StatementSync;
  readonly delivery: StatementSync;
}

function prepare(database: DatabaseSync): Statements {
  return {
    // What came so long ago is not known any more, forgotten already or not.
    remember: database.prepare(
      `INSERT INTO imported (was, id, at) VALUES (?, ?, ?)
       ON CONFLICT (was) DO UPDATE SET id = excluded.id, at = excluded.at WHERE at < ?`,
    ),
    anyOld: database.prepare("SELECT 1 FROM imported WHERE at < ? LIMIT 1"),
    forget: database.prepare(
      `DELETE FROM imported WHERE was IN
         (SELECT was FROM imported WHERE at < ? ORDER BY at LIMIT ${STORE.rowsPerStatementMax})`,
    ),
    delivery: database.prepare(
      `INSERT INTO delivery (row, state, lane, due, attempts, recipient, options, last, priority, wish, told)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
  };
}

/** What comes from other relays' queues, and what came from there before. */
export class Imports {
  readonly #do: Statements;
  /** As of any message; it may have been received before those that stand before it. */
  readonly insertMessage: StatementSync;

  constructor(database: DatabaseSync) {
    this.#do = prepare(database);
    this.insertMessage = database.prepare(
      "INSERT INTO message (row, id, received_at, octets, envelope, content, imported) VALUES (?, ?, ?, ?, ?, ?, 1)",
    );
  }

  /** Whether something is remembered for longer than it has to be. Waits for no lock. */
  hasOld(now: Instant): boolean {
    return this.#do.anyOld.get(now - IMPORT.knownFor) !== undefined;
  }

  /** Some of it, oldest first. */
  forget(now: Instant): void {
    this.#do.forget.run(now - IMPORT.knownFor);
  }

  /** False where it came before. */
  isNew({ was, id }: ImportedArrival, now: Instant): boolean {
    return this.#do.remember.run(was, id, now, now - IMPORT.knownFor).changes === 1;
  }

  /** `parked` hears of each delivery that waits in a lane. */
  insert(message: MessageRow, { deliveries }: ImportedArrival, now: Instant, parked: (lane: Lane) => void): void {
    let row = deliveryRow(message, 0);
    for (const { lane, attempts, recipient, options, last, priority, isHeld, isExpiring, isTold } of deliveries) {
      const wish = isExpiring && !isHeld ? "expire" : "route";
      this.#do.delivery.run(
        row++,
        isHeld ? HELD : PARKED,
        lane,
        now,
        attempts,
        recipient,
        options,
        last,
        PRIORITIES.indexOf(priority),
        codeOf(wish),
        Number(isTold),
      );
      if (!isHeld) parked(lane);
    }
  }
}
