import { existsSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";

// What a relay recorded, read from its files behind its back.

export interface Ends {
  /** Recipients of which an end is recorded. */
  readonly ended: ReadonlySet<string>;
  /** Those that failed: whether because their time was over. */
  readonly failed: ReadonlyMap<string, boolean>;
}

/** Ends of the history below `data`. */
export function endsIn(data: string): Ends {
  const ended = new Set<string>();
  const failed = new Map<string, boolean>();
  for (const row of historyRows(data)) {
    const recipient = String(row["recipient"]);
    ended.add(recipient);
    if (row["outcome"] === "failed") failed.set(recipient, String(row["note"]).startsWith("expired"));
  }
  return { ended, failed };
}

function historyRows(data: string): Record<string, unknown>[] {
  const folder = path.join(data, "history");
  const days = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".db")) : [];
  return days.flatMap((name) =>
    read(
      path.join(folder, name),
      "SELECT recipient, outcome, note FROM attempt WHERE outcome IN ('delivered', 'failed')",
    ),
  );
}

/** A delivery's row has its message's in front: so many rows are of one message. */
const DELIVERIES_OF_A_MESSAGE = 4096;

/** Deliveries in the queue. */
export function queuedIn(data: string): number {
  return Number(read(path.join(data, "queue.db"), "SELECT count(*) AS n FROM delivery")[0]?.["n"]);
}

/**
 * Recipients of the deliveries in the queue whose content is there, as long as it was accepted; of reports these are senders. One
 * whose content went waits too, and nothing will ever come of it.
 */
export function recipientsIn(data: string): ReadonlySet<string> {
  const rows = read(
    path.join(data, "queue.db"),
    `SELECT d.recipient, m.id, m.octets, m.content IS NULL AS is_file
     FROM delivery d JOIN message m ON m.row = d.row / ${DELIVERIES_OF_A_MESSAGE}`,
  );
  const sizes = new Map(contentFiles(data).map((file) => [path.basename(file), statSync(file).size]));
  const whole = rows.filter(({ id, octets, is_file: isFile }) => isFile === 0 || sizes.get(String(id)) === octets);
  return new Set(whole.map(({ recipient }) => String(recipient)));
}

/** Deliveries that are in hand, or that are due. */
export function dueIn(data: string): number {
  const sql = `SELECT count(*) AS n FROM delivery WHERE state = 1 OR due < ${Date.now()}`;
  return Number(read(path.join(data, "queue.db"), sql)[0]?.["n"]);
}

/** Content files, but for those that no message has and that were put aside. */
export function filesIn(data: string): number {
  return contentFiles(data).length;
}

function contentFiles(data: string): string[] {
  const folder = path.join(data, "content");
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files
    .filter(({ parentPath }) => path.basename(parentPath) !== "orphans")
    .map(({ parentPath, name }) => path.join(parentPath, name));
}

/** `lane.wake_at` of a lane that a relay serves. */
const SERVED = Number.MAX_SAFE_INTEGER;
/** What no wait is longer than: of a delivery, and of a site that does not answer, each with the jitter. */
const LONGEST_WAIT_MS = 1.15 * 4 * 3_600_000;
const LONGEST_BLOCK_MS = 1.15 * 5 * 60_000;

export interface Schedule {
  /** Deliveries that wait for their time. */
  readonly waiting: number;
  /** Lanes of them that would wake too late, or never, or that are miscounted, with what is wrong. */
  readonly asleep: readonly string[];
}

/** Whether what waits will wake: by the store as it stands, at any commit. */
export function scheduleIn(data: string): Schedule {
  const lanes = read(
    path.join(data, "queue.db"),
    `SELECT d.lane, min(d.due) AS first, max(d.due) AS last, count(*) AS n, l.wake_at, l.blocked_until, l.backlog
     FROM delivery d LEFT JOIN lane l ON l.name = d.lane WHERE d.state = 0 GROUP BY d.lane`,
  );
  const now = Date.now();
  return {
    waiting: lanes.reduce((sum, { n }) => sum + Number(n), 0),
    asleep: lanes.flatMap((row) => {
      const [first, last, wake, blocked] = ["first", "last", "wake_at", "blocked_until"].map((key) => Number(row[key]));
      const faults = [
        ...(row["wake_at"] === null ? ["has no wake time"] : []),
        // Who serves a lane has more of it to take, which is due.
        ...(wake === SERVED && first! > now ? ["is served, and nothing of it is due"] : []),
        ...(wake !== SERVED && wake! > Math.max(first!, blocked!) ? [`wakes ${wake! - first!} ms late`] : []),
        ...(blocked! > now + LONGEST_BLOCK_MS ? [`is blocked for ${blocked! - now} ms`] : []),
        ...(last! > now + LONGEST_WAIT_MS ? [`has mail that waits for ${last! - now} ms`] : []),
        ...(row["wake_at"] !== null && row["backlog"] !== row["n"]
          ? [`counts ${Number(row["backlog"])} of ${Number(row["n"])}`]
          : []),
      ];
      return faults.map((fault) => `${String(row["lane"])} ${fault}`);
    }),
  };
}

/**
 * Turns the clock, as it were: on a store that no relay has open, what waits for a time waits no longer. It heals wake times
 * that were lost: look at `scheduleIn` before.
 */
export function makeAllDue(data: string): void {
  const database = new DatabaseSync(path.join(data, "queue.db"));
  const now = Date.now();
  database.prepare("UPDATE delivery SET due = min(due, ?) WHERE state = 0").run(now);
  database.prepare("UPDATE lane SET wake_at = ?, blocked_until = 0").run(now);
  database.close();
}

function read(file: string, sql: string): Record<string, unknown>[] {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    database.exec("PRAGMA busy_timeout = 5000");
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}
