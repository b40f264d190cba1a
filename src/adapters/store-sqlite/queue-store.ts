import { DatabaseSync, type StatementSync } from "node:sqlite";
import { invariant } from "../../core/base/invariant.ts";
import { QUEUE, STORE } from "../../core/base/limits.ts";
import type { Duration, Instant } from "../../core/base/time.ts";
import type { QueueAction } from "../../core/queue/action.ts";
import { type Pause, type PauseTarget, pausesOf } from "../../core/queue/pause.ts";
import { PRIORITIES } from "../../core/queue/priority.ts";
import type { Lane } from "../../core/routing/lane.ts";
import { StorageError } from "../../ports/content.ts";
import {
  type Acted,
  type Arrival,
  type Commit,
  type DeliveryRow,
  type ImportedArrival,
  type LaneClaim,
  type MessageRow,
  type OverduePlace,
  type QueueStore,
  type Senders,
  type Settlement,
  DELIVERY_SPAN,
  deliveryRow,
  messageRow,
} from "../../ports/store.ts";
import { isDiskFull, isWriteRefused, mayPass } from "../disk-full.ts";
import { shortenLog } from "../sqlite-log.ts";
import { Imports } from "./import.ts";
import { Lanes } from "./lanes.ts";
import { OperatorActions, PARK_DELIVERY, codeOf } from "./operator-actions.ts";
import { readPauses, settingOf } from "./pauses.ts";
import { IN_HAND, PARKED, migrate, setUp } from "./schema.ts";
import { Spooled } from "./spooled.ts";

/**
 * A full disk and a write that the system refuses pass, and are values. Whatever else fails, fsync above all, leaves a
 * file that is not to be trusted any more: that ends the process, and the next start reads what is there.
 */
function storageError(error: unknown): unknown {
  if (error instanceof StorageError) return error;
  const reason = isDiskFull(error) ? "full" : isWriteRefused(error) ? "failed" : undefined;
  if (reason === undefined) return error;
  return new StorageError(reason, `queue store: ${error instanceof Error ? error.message : String(error)}`, error);
}

interface Statements {
  readonly insertMessage: StatementSync;
  readonly insertDelivery: StatementSync;
  readonly insertUpload: StatementSync;
  readonly insertOutbox: StatementSync;
  readonly finishDelivery: StatementSync;
  readonly parkDelivery: StatementSync;
  readonly moveDelivery: StatementSync;
  readonly anyDelivery: StatementSync;
  readonly deleteMessage: StatementSync;
  readonly deleteUpload: StatementSync;
}

function prepare(database: DatabaseSync): Statements {
  return {
    insertMessage: database.prepare(
      "INSERT INTO message (row, id, received_at, octets, envelope, content) VALUES (?, ?, ?, ?, ?, ?)",
    ),
    insertDelivery: database.prepare(
      "INSERT INTO delivery (row, state, lane, due, attempts, recipient, options, last, priority) VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?)",
    ),
    insertUpload: database.prepare("INSERT INTO upload (id, message) VALUES (?, ?)"),
    insertOutbox: database.prepare("INSERT INTO outbox (entries) VALUES (?)"),
    finishDelivery: database.prepare("DELETE FROM delivery WHERE row = ?"),
    parkDelivery: database.prepare(PARK_DELIVERY),
    moveDelivery: database.prepare(`UPDATE delivery SET lane = ? WHERE row = ? AND state = ${IN_HAND}`),
    anyDelivery: database.prepare("SELECT 1 FROM delivery WHERE row BETWEEN ? AND ? LIMIT 1"),
    deleteMessage: database.prepare("DELETE FROM message WHERE row = ? RETURNING id, content IS NULL AS is_file"),
    deleteUpload: database.prepare("DELETE FROM upload WHERE id = ?"),
  };
}

interface Parking {
  due: Instant;
  count: number;
}

/**
 * The queue store in SQLite (DESIGN section 5). One instance writes; it is synchronous and lives on a thread of its own.
 * What is in hand of a mail thread has no entry in the schedule's index: mail that goes at once costs none.
 */
export class SqliteQueueStore implements QueueStore {
  readonly #database: DatabaseSync;
  readonly #do: Statements;
  readonly #lanes: Lanes;
  readonly #removeFile: (id: string) => void;
  readonly #actions: OperatorActions;
  readonly #imports: Imports;
  readonly #spooled: Spooled;
  #nextMessage: MessageRow;
  /** What goes to history with the transaction at hand. */
  #entries: string[] = [];
  /** Messages that end with the transaction at hand and whose content is a file. */
  #ended: string[] = [];

  /** `removeFile` is called after the commit that ended a message whose content is a file. */
  constructor(file: string, removeFile: (id: string) => void) {
    this.#database = new DatabaseSync(file);
    setUp(this.#database);
    migrate(this.#database);
    this.#do = prepare(this.#database);
    this.#lanes = new Lanes(this.#database);
    this.#removeFile = removeFile;
    this.#actions = new OperatorActions(this.#database, {
      wakeLane: (lane, due, count) => this.#lanes.wake(lane, due, count),
      endMessage: (message) => this.#endMessage(message),
      record: (entry) => this.#entries.push(entry),
    });
    this.#imports = new Imports(this.#database);
    this.#spooled = new Spooled(this.#database);
    // A message whose deliveries are all gone is gone too, so what is above the newest is free.
    const newest = this.#database.prepare("SELECT max(row) AS row FROM message").get();
    this.#nextMessage = Number(newest?.["row"] ?? 0) + 1;
  }

  close(): void {
    this.#database.close();
  }

  together<Result>(work: () => Result): Result {
    return this.#transaction(work);
  }

  commit(commits: readonly Commit[]): MessageRow[] {
    return this.#transaction(() => {
      const rows: MessageRow[] = [];
      const parking = new Map<Lane, Parking>();
      const touched = new Set<MessageRow>();
      for (const { arrivals, settlements } of commits) {
        for (const { arrival, isInHand } of arrivals) rows.push(this.#arrive(arrival, isInHand, parking));
        for (const settlement of settlements) this.#settle(settlement, parking, touched);
      }
      for (const message of touched) this.#endMessage(message);
      for (const [lane, { due, count }] of parking) this.#lanes.wake(lane, due, count);
      return rows;
    });
  }

  markOf(name: string): string | undefined {
    return this.#transaction(() => this.#spooled.markOf(name));
  }

  import(arrivals: readonly ImportedArrival[], now: Instant): boolean[] {
    return this.#transaction(() => {
      const parking = new Map<Lane, Parking>();
      const isNew = arrivals.map((arrival) => {
        if (!this.#imports.isNew(arrival, now)) return false;
        checkCount(arrival.deliveries.length);
        const message = this.#insertMessage(arrival, this.#imports.insertMessage);
        this.#imports.insert(message, arrival, now, (lane) => park(parking, lane, now));
        return true;
      });
      for (const [lane, { due, count }] of parking) this.#lanes.wake(lane, due, count);
      return isNew;
    });
  }

  /** Some of what came from other relays so long ago that it need not be known any more. */
  forgetImports(now: Instant): void {
    try {
      if (this.#imports.hasOld(now)) this.#transaction(() => this.#imports.forget(now));
    } catch (error) {
      if (!mayPass(error) && !(error instanceof StorageError)) throw error;
      // It is tried again.
    }
  }

  claimDue(now: Instant, lanesMax: number, perLane: number): LaneClaim[] {
    return this.#transaction(() => this.#lanes.claimDue(now, lanesMax, perLane));
  }

  claimLane(lane: Lane, now: Instant, perLane: number): LaneClaim {
    return this.#transaction(() => this.#lanes.claim(lane, now, perLane));
  }

  rest(lane: Lane, blockedUntil: Instant): void {
    this.#transaction(() => this.#lanes.rest(lane, blockedUntil));
  }

  act(action: QueueAction, rows: readonly DeliveryRow[], now: Instant): Acted {
    return this.#transaction(() => this.#actions.act(action, rows, now));
  }

  wakeOverdue(before: Instant, senders: Senders, after: OverduePlace, now: Instant): OverduePlace | undefined {
    return this.#transaction(() => this.#lanes.wakeOverdue(before, senders, after, now));
  }

  pullIn(after: Lane, now: Instant, longestWait: Duration): Lane | undefined {
    return this.#transaction(() => this.#lanes.pullIn(after, now, longestWait));
  }

  unblock(lane: Lane, now: Instant): boolean {
    return this.#transaction(() => this.#lanes.unblock(lane, now));
  }

  pauses(): Pause[] {
    return readPauses(this.#database);
  }

  pause(target: PauseTarget, now: Instant | undefined): boolean {
    return this.#transaction(() => {
      const name = settingOf(target);
      const { changes } =
        now === undefined
          ? this.#database.prepare("DELETE FROM setting WHERE name = ?").run(name)
          : this.#database
              .prepare("INSERT OR IGNORE INTO setting (name, value) VALUES (?, ?)")
              .run(name, new Date(now).toISOString());
      if (changes === 1 && target.kind === "lane") this.#lanes.pause(target.lane, now !== undefined);
      return changes === 1;
    });
  }

  nextWake(): Instant | undefined {
    return this.#lanes.nextWake();
  }

  recover(now: Instant, last: string): number {
    let recovered = 0;
    const select = this.#database.prepare(
      `SELECT row, lane, wish FROM delivery WHERE state = ${IN_HAND} LIMIT ${STORE.rowsPerStatementMax}`,
    );
    const park = this.#database.prepare(`UPDATE delivery SET state = ${PARKED}, due = ?, last = ? WHERE row = ?`);
    this.#lanes.takeBack(now, pausesOf(this.pauses()).lanes);
    for (;;) {
      const found = select.all();
      if (found.length === 0) return recovered;
      this.#transaction(() => {
        const lanes = new Map<Lane, number>();
        for (const row of found) {
          park.run(now, last, row["row"]!);
          const lane = row["lane"] as Lane;
          lanes.set(lane, (lanes.get(lane) ?? 0) + 1);
        }
        for (const [lane, count] of lanes) this.#lanes.wake(lane, now, count);
        for (const row of found) if (row["wish"] !== 0) this.#actions.fulfil(row["row"] as DeliveryRow, now);
      });
      recovered += found.length;
    }
  }

  /**
   * Gives free pages at the end of the file back to the system, at most so many: moving them takes time and log. The file
   * is shorter once the log is. Answers how many it gave.
   */
  shrink(pagesMax: number): number {
    try {
      const free = Number(this.#database.prepare("PRAGMA freelist_count").get()?.["freelist_count"]);
      if (free <= STORE.freePagesKept) return 0;
      const given = Math.min(pagesMax, free - STORE.freePagesKept);
      this.#database.exec(`PRAGMA incremental_vacuum(${given})`);
      return given;
    } catch (error) {
      if (!mayPass(error)) throw error;
      return 0; // it is tried again
    }
  }

  shortenLog(): void {
    shortenLog(this.#database);
  }

  /** The value of a PRAGMA, as the database has it now. */
  setting(name: "synchronous" | "journal_mode"): unknown {
    return Object.values(this.#database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  }

  /** Ids of all messages whose content is a file. */
  files(): Set<string> {
    return new Set(
      this.#database
        .prepare("SELECT id FROM upload")
        .all()
        .map((row) => row["id"] as string),
    );
  }

  read(rowsMax: number): { readonly row: number; readonly entries: string }[] {
    const rows = this.#database.prepare("SELECT row, entries FROM outbox ORDER BY row LIMIT ?").all(rowsMax);
    return rows.map((row) => ({ row: row["row"] as number, entries: row["entries"] as string }));
  }

  /** History has these: everything up to and including `row`. */
  forget(row: number): void {
    this.#transaction(() => this.#database.prepare("DELETE FROM outbox WHERE row <= ?").run(row));
  }

  #arrive(arrival: Arrival, isInHand: boolean, parking: Map<Lane, Parking>): MessageRow {
    const { deliveries } = arrival;
    checkCount(deliveries.length);
    const known = arrival.spooled === undefined ? undefined : this.#spooled.take(arrival.spooled);
    if (known !== undefined) return known;
    const message = this.#insertMessage(arrival);
    let row: DeliveryRow = deliveryRow(message, 0);
    for (const { lane, recipient, options, due, last, priority } of deliveries) {
      const state = isInHand ? IN_HAND : PARKED;
      this.#do.insertDelivery.run(row++, state, lane, due, recipient, options, last, PRIORITIES.indexOf(priority));
      if (!isInHand) park(parking, lane, due);
    }
    return message;
  }

  #insertMessage(
    { id, receivedAt, octets, envelope, content }: Omit<Arrival, "deliveries">,
    insert = this.#do.insertMessage,
  ): MessageRow {
    const message = this.#nextMessage++;
    insert.run(message, id, receivedAt, octets, envelope, content ?? null);
    if (content === undefined) this.#do.insertUpload.run(id, message);
    return message;
  }

  #settle(settlement: Settlement, parking: Map<Lane, Parking>, touched: Set<MessageRow>): void {
    if (settlement.entry !== "") this.#entries.push(settlement.entry);
    if (settlement.kind === "note") return;
    if (settlement.kind === "spool") return this.#spooled.keepOnly(settlement.names);
    if (settlement.kind === "forget") return this.#spooled.forget(settlement.names);
    if (settlement.kind === "move") return void this.#do.moveDelivery.run(settlement.lane, settlement.row);
    if (settlement.kind === "finish") {
      this.#do.finishDelivery.run(settlement.row);
      touched.add(messageRow(settlement.row));
      return;
    }
    const { lane, due, attempts, last, row, isTold, isUnrouted } = settlement;
    const { changes } = this.#do.parkDelivery.run(
      codeOf(isUnrouted === true ? "route" : "none"),
      lane,
      due,
      attempts,
      last,
      Number(isTold),
      row,
    );
    if (changes === 1) park(parking, lane, due);
    else this.#actions.park(settlement);
  }

  #endMessage(message: MessageRow): void {
    const first = deliveryRow(message, 0);
    if (this.#do.anyDelivery.get(first, first + DELIVERY_SPAN - 1) !== undefined) return;
    const deleted = this.#do.deleteMessage.get(message);
    if (deleted?.["is_file"] !== 1) return;
    const id = deleted["id"] as string;
    this.#do.deleteUpload.run(id);
    this.#ended.push(id);
  }

  /** Part of the one that is open, or one of its own. */
  #transaction<Result>(work: () => Result): Result {
    if (this.#database.isTransaction) return work();
    const before = this.#nextMessage;
    this.#ended = [];
    this.#entries = [];
    let result: Result;
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      result = work();
      if (this.#entries.length > 0) this.#do.insertOutbox.run(`[${this.#entries.join(",")}]`);
      this.#database.exec("COMMIT");
    } catch (error) {
      this.#nextMessage = before;
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw storageError(error);
    }
    for (const id of this.#ended) this.#removeFile(id);
    return result;
  }
}

function checkCount(deliveries: number): void {
  invariant(deliveries > 0 && deliveries <= QUEUE.deliveriesPerMessageMax, "a message has 1 to 4096 deliveries");
}

function park(parking: Map<Lane, Parking>, lane: Lane, due: Instant): void {
  const parked = parking.get(lane);
  if (parked === undefined) parking.set(lane, { due, count: 1 });
  else {
    parked.count++;
    parked.due = Math.min(parked.due, due);
  }
}
