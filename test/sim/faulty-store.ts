import fs from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { SqliteQueueStore } from "../../src/adapters/store-sqlite/queue-store.ts";
import type { Instant } from "../../src/core/base/time.ts";
import type { QueueAction } from "../../src/core/queue/action.ts";
import type { Pause, PauseTarget } from "../../src/core/queue/pause.ts";
import type { Lane } from "../../src/core/routing/lane.ts";
import { StorageError } from "../../src/ports/content.ts";
import type { HistoryEntry } from "../../src/ports/history.ts";
import type {
  Acted,
  Commit,
  DeliveryRow,
  ImportedArrival,
  LaneClaim,
  MessageRow,
  OverduePlace,
  QueueStore,
  Senders,
  Settlement,
} from "../../src/ports/store.ts";
import type { Dice } from "./dice.ts";
import type { Disk } from "./disk.ts";
import type { Faults } from "./faults.ts";
import type { Committed, Ledger } from "./oracle/ledger.ts";

/** The process ends here, in the middle of what it does. */
export class Crash extends Error {}

/** What is wrong with transactions now, as probabilities of each. */
export interface StoreTrouble {
  readonly refused: number;
  /** Somebody else fills the disk for a moment. */
  readonly full: number;
  readonly failsAtCommit: number;
  readonly crashBefore: number;
  readonly crashAfter: number;
  /** Between the commit of what was in the spool and its removal there. */
  readonly crashAfterSpooled: number;
  /** Before the commit by which a message with a file of its own is over. */
  readonly crashAsUploadEnds: number;
}

export const RELIABLE: StoreTrouble = {
  refused: 0,
  full: 0,
  failsAtCommit: 0,
  crashBefore: 0,
  crashAfter: 0,
  crashAfterSpooled: 0,
  crashAsUploadEnds: 0,
};

export interface FaultyStoreParts {
  readonly file: string;
  readonly dice: Dice;
  readonly disk: Disk;
  readonly faults: Faults;
  readonly ledger: Ledger;
  /** As it is now. */
  readonly trouble: () => StoreTrouble;
  /** A transaction came to nothing. */
  readonly refused: () => void;
  /** History has more to take. */
  readonly recorded: () => void;
}

interface Seen {
  readonly commit: Commit;
  readonly rows: readonly MessageRow[];
}

/** In the envelope of what was in the spool. */
const LOCAL = '"identity":"local ';
const SPAN = 4096;
const FULL_SYNC = 2;

/** The shipped queue store, with a disk under it that has moods, and an eye on what is committed. */
export class FaultyStore implements QueueStore {
  readonly inner: SqliteQueueStore;
  readonly #parts: FaultyStoreParts;
  readonly #eye: DatabaseSync;
  readonly #inHand: StatementSync;
  /** Of the transaction that is open. */
  #seen: Seen[] = [];
  #imported = false;
  #acted: { readonly action: QueueAction; readonly row: number; readonly isInHand: boolean }[] | undefined;
  #isOpen = false;
  readonly isSynced: boolean;

  constructor(parts: FaultyStoreParts) {
    this.#parts = parts;
    this.inner = new SqliteQueueStore(parts.file, (id) => parts.disk.remove(id));
    this.#eye = new DatabaseSync(parts.file, { readOnly: true });
    this.#inHand = this.#eye.prepare("SELECT count(*) AS n FROM delivery WHERE state = 1");
    this.isSynced = this.inner.setting("synchronous") === FULL_SYNC;
    if (!this.isSynced) copyStore(parts.file, syncedCopy(parts.file));
  }

  close(): void {
    this.#eye.close();
    this.inner.close();
  }

  /** Rows of all deliveries that are not over. */
  rows(): Set<number> {
    return new Set(
      this.#eye
        .prepare("SELECT row FROM delivery")
        .all()
        .map((found) => Number(found["row"])),
    );
  }

  /** Why each delivery is where it is. */
  look(): void {
    const found = this.#eye.prepare("SELECT DISTINCT state = 1 AS is_in_hand, last FROM delivery").all();
    for (const one of found)
      this.#parts.ledger.reasons.given(one["is_in_hand"] === 1 ? "in-hand" : reasonIn(String(one["last"])));
  }

  /** How many mail threads have. */
  #judgeInHand(): void {
    const found = this.#inHand.get()?.["n"];
    this.#parts.ledger.inHand(Number(found));
  }

  /** What is held or in hand, or waits, for the operator's eye and for the end. */
  count(): number {
    return Number(this.#eye.prepare("SELECT count(*) AS n FROM delivery").get()?.["n"]);
  }

  together<Result>(work: () => Result): Result {
    if (this.#isOpen) return work();
    this.#seen = [];
    this.#imported = false;
    this.#acted = undefined;
    this.#isOpen = true;
    try {
      const result = this.#judged(work);
      this.#tell();
      this.#judgeInHand();
      if (!this.isSynced && this.#parts.dice.happens(0.02)) copyStore(this.#parts.file, syncedCopy(this.#parts.file));
      if (this.#hasSpooled() && this.#happens("crashAfterSpooled")) throw new Crash("before the file is removed");
      if (this.#happens("crashAfter")) throw new Crash("after the commit, before its answer");
      return result;
    } finally {
      this.#isOpen = false;
    }
  }

  #hasSpooled(): boolean {
    return this.#seen.some(({ commit }) => commit.arrivals.some(({ arrival }) => arrival.envelope.includes(LOCAL)));
  }

  #judged<Result>(work: () => Result): Result {
    try {
      return this.#transaction(work);
    } catch (error) {
      if (error instanceof StorageError) this.#parts.refused();
      throw error;
    }
  }

  #transaction<Result>(work: () => Result): Result {
    const { disk, faults } = this.#parts;
    if (disk.trouble.space === "exhausted") {
      faults.count("store-full");
      throw new StorageError("full", "queue store: database or disk is full");
    }
    if (this.#happens("full")) throw new StorageError("full", "queue store: database or disk is full");
    if (this.#happens("refused")) throw new StorageError("failed", "queue store: database is locked");
    const crashes = this.#happens("crashBefore");
    const fails = this.#happens("failsAtCommit");
    const uploads = this.#parts.trouble().crashAsUploadEnds > 0 ? this.inner.files() : new Set<string>();
    return this.inner.together(() => {
      const result = work();
      if (this.#lacksOne(uploads) && this.#happens("crashAsUploadEnds"))
        throw new Crash("before the commit of an upload's end");
      // All of it is written, and none of it is committed; what the work did beside the store is done.
      if (crashes) throw new Crash("before the commit");
      if (fails) throw new StorageError("failed", "queue store: disk I/O error at COMMIT");
      return result;
    });
  }

  #lacksOne(uploads: ReadonlySet<string>): boolean {
    const now = uploads.size === 0 ? uploads : this.inner.files();
    return [...uploads].some((id) => !now.has(id));
  }

  #happens(what: keyof StoreTrouble): boolean {
    const happens = this.#parts.dice.happens(this.#parts.trouble()[what]);
    if (happens) this.#parts.faults.count(`store-${what}`);
    return happens;
  }

  commit(commits: readonly Commit[]): MessageRow[] {
    return this.together(() => {
      const rows = this.inner.commit(commits);
      let at = 0;
      for (const commit of commits) {
        this.#seen.push({ commit, rows: rows.slice(at, at + commit.arrivals.length) });
        at += commit.arrivals.length;
      }
      return rows;
    });
  }

  /** What was committed goes to the accounts. */
  #tell(): void {
    const { ledger, recorded } = this.#parts;
    const seen = this.#seen;
    const reports = reportsIn(seen.flatMap(({ commit }) => commit.settlements));
    const arrivals = seen.flatMap(({ commit, rows }) => this.#arrivals(commit, rows, reports));
    const ends = seen.flatMap(({ commit }) => commit.settlements.flatMap((settlement) => endOf(settlement)));
    const parked = seen.flatMap(({ commit }) =>
      commit.settlements.flatMap((settlement) => (settlement.kind === "park" ? [parkedBy(settlement)] : [])),
    );
    const moved = seen.flatMap(({ commit }) =>
      commit.settlements.flatMap((settlement) => (settlement.kind === "move" ? [settlement.row] : [])),
    );
    if (this.#imported) arrivals.push(...this.#newImports());
    ledger.committed({ arrivals, ends, parked, moved, acted: this.#acted ?? [] });
    if (this.#acted !== undefined) this.look();
    if (seen.some(({ commit }) => commit.settlements.some(({ entry }) => entry !== ""))) recorded();
  }

  #arrivals(
    { arrivals, settlements }: Commit,
    rows: readonly MessageRow[],
    reports: ReadonlyMap<string, string>,
  ): Committed["arrivals"][number][] {
    for (const settlement of settlements)
      if (settlement.kind === "park") this.#parts.ledger.reasons.given(reasonIn(settlement.last));
    return arrivals.flatMap(({ arrival }, at) => {
      const row = rows[at]!;
      if (row <= 0) return []; // it was known
      for (const { last } of arrival.deliveries) if (last !== "") this.#parts.ledger.reasons.given(reasonIn(last));
      return [this.#arrival(row, arrival, arrival.content === undefined, reports.get(arrival.id))];
    });
  }

  #arrival(
    row: MessageRow,
    { id, envelope }: { readonly id: string; readonly envelope: string },
    isFile: boolean,
    about: string | undefined,
  ): Committed["arrivals"][number] {
    const { from, identity } = JSON.parse(envelope) as { readonly from: string; readonly identity: string };
    const found = this.#eye
      .prepare("SELECT row, recipient FROM delivery WHERE row BETWEEN ? AND ? ORDER BY row")
      .all(row * SPAN, row * SPAN + SPAN - 1);
    const isReport = about !== undefined || identity === "mailer-daemon";
    return {
      id,
      from,
      report: isReport ? { about: about ?? "", content: this.#content(row, id) } : undefined,
      deliveries: found.map((one) => ({ row: Number(one["row"]), address: String(one["recipient"]) })),
      isWhole: !isFile || this.#parts.disk.has(id),
    };
  }

  #content(row: MessageRow, id: string): Buffer {
    const found = this.#eye.prepare("SELECT content FROM message WHERE row = ?").get(row)?.["content"];
    return found instanceof Uint8Array ? Buffer.from(found) : this.#parts.disk.contentOf(id);
  }

  #newImports(): Committed["arrivals"][number][] {
    return this.#eye
      .prepare("SELECT row, id, envelope, content IS NULL AS is_file FROM message WHERE imported = 1")
      .all()
      .map((one) => {
        const message = { id: String(one["id"]), envelope: String(one["envelope"]) };
        return this.#arrival(Number(one["row"]), message, one["is_file"] === 1, undefined);
      })
      .filter(({ id }) => !this.#parts.ledger.knows(id));
  }

  /** What a power cut leaves: all that was committed, where each commit waits for the disk; else what the system wrote before. */
  cutPower(): void {
    if (!this.isSynced) copyStore(syncedCopy(this.#parts.file), this.#parts.file);
  }

  import(arrivals: readonly ImportedArrival[], now: Instant): boolean[] {
    return this.together(() => {
      this.#imported = true;
      return this.inner.import(arrivals, now);
    });
  }

  markOf(name: string): string | undefined {
    return this.inner.markOf(name);
  }

  claimDue(now: Instant, lanesMax: number, perLane: number): LaneClaim[] {
    return this.together(() => this.inner.claimDue(now, lanesMax, perLane));
  }

  claimLane(lane: Lane, now: Instant, perLane: number): LaneClaim {
    return this.together(() => this.inner.claimLane(lane, now, perLane));
  }

  rest(lane: Lane, blockedUntil: Instant): void {
    this.together(() => this.inner.rest(lane, blockedUntil));
  }

  pullIn(after: Lane, now: Instant, longestWait: number): Lane | undefined {
    return this.together(() => this.inner.pullIn(after, now, longestWait));
  }

  wakeOverdue(before: Instant, senders: Senders, after: OverduePlace, now: Instant): OverduePlace | undefined {
    return this.together(() => this.inner.wakeOverdue(before, senders, after, now));
  }

  forget(row: number): void {
    this.together(() => this.inner.forget(row));
  }

  nextWake(): Instant | undefined {
    return this.inner.nextWake();
  }

  act(action: QueueAction, rows: readonly DeliveryRow[], now: Instant): Acted {
    this.#parts.recorded(); // it may end some
    return this.together(() => {
      this.#acted = [...(this.#acted ?? []), ...rows.map((row) => ({ action, row, isInHand: this.#isInHand(row) }))];
      return this.inner.act(action, rows, now);
    });
  }

  /** By what is committed. */
  #isInHand(row: DeliveryRow): boolean {
    return (
      this.#eye.prepare("SELECT state = 1 AS is_in_hand FROM delivery WHERE row = ?").get(row)?.["is_in_hand"] === 1
    );
  }

  unblock(lane: Lane, now: Instant): boolean {
    return this.together(() => this.inner.unblock(lane, now));
  }

  pauses(): Pause[] {
    return this.inner.pauses();
  }

  pause(target: PauseTarget, now: Instant | undefined): boolean {
    return this.together(() => this.inner.pause(target, now));
  }

  recover(now: Instant, last: string): number {
    const recovered = this.inner.recover(now, last);
    if (recovered > 0) this.#parts.ledger.reasons.given(reasonIn(last));
    return recovered;
  }
}

function parkedBy({ row, last }: Extract<Settlement, { kind: "park" }>): Committed["parked"][number] {
  return { row, because: reasonIn(last) };
}

function endOf(settlement: Settlement): Committed["ends"][number][] {
  if (settlement.kind !== "finish") return [];
  const { outcome, note, reply } = JSON.parse(settlement.entry) as Pick<HistoryEntry, "note" | "reply"> & {
    readonly outcome: "delivered" | "failed";
  };
  return [{ row: settlement.row, outcome, note, reply }];
}

const REPORT = / told in report ([0-9A-Za-z]+)/;

/** What an operator reads of the reason that the store has. */
function reasonIn(last: string): string {
  return (JSON.parse(last) as { readonly because: string }).because;
}

/** Ids of reports that are told of here, each with the id of the message that it is about. */
function reportsIn(settlements: readonly Settlement[]): ReadonlyMap<string, string> {
  const reports = new Map<string, string>();
  for (const { entry } of settlements) {
    if (!entry.includes(" told in report ")) continue;
    const { id, note } = JSON.parse(entry) as { readonly id: string; readonly note: string };
    const report = REPORT.exec(note)?.[1];
    if (report !== undefined) reports.set(report, id);
  }
  return reports;
}

/** Where a store that does not wait for the disk has what the system wrote by itself. */
function syncedCopy(file: string): string {
  return `${file}.synced`;
}

/** The files of a store as they are now. */
function copyStore(from: string, to: string): void {
  for (const suffix of ["", "-wal", "-shm"]) {
    fs.rmSync(`${to}${suffix}`, { force: true });
    if (fs.existsSync(`${from}${suffix}`)) fs.copyFileSync(`${from}${suffix}`, `${to}${suffix}`);
  }
}
