import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { NextHops } from "./next-hops.ts";

// What a relay recorded, read from its files behind its back.

export interface Ends {
  /** Recipients of which an end is recorded. */
  readonly ended: ReadonlySet<string>;
  readonly failed: ReadonlySet<string>;
  /** By a next hop, by the DNS, or by age. */
  readonly refused: ReadonlySet<string>;
  /** Recorded as failed, and neither refused by a next hop, nor without a server by the DNS, nor tried for as long as it may be. */
  readonly wronglyFailed: readonly string[];
  /** Recorded as failed because the DNS says that there is nobody, and because their time was over. */
  readonly failedByDns: number;
  readonly expired: number;
}

/** Ends of the history below `data`, and failures with whether they had to be. */
export function endsIn(data: string, hops: NextHops, refusedByHops: ReadonlySet<string>): Ends {
  const ended = new Set<string>();
  const failed = new Set<string>();
  const refused = new Set(refusedByHops);
  const wronglyFailed: string[] = [];
  const byReason = { dns: 0, time: 0 };
  for (const row of historyRows(data)) {
    const recipient = String(row["recipient"]);
    ended.add(recipient);
    if (row["outcome"] !== "failed") continue;
    failed.add(recipient);
    const hasNobody = hops.isNowhere(recipient.slice(recipient.indexOf("@") + 1));
    const isExpired = String(row["note"]).startsWith("expired");
    const isNowhere = hasNobody && !isExpired; // which is certain at once, and nothing to wait for
    const isOver = isExpired && !hasNobody && Number(row["age"]) >= hops.expireMs;
    if (isNowhere) byReason.dns++;
    if (isOver) byReason.time++;
    if (isNowhere || isOver) refused.add(recipient);
    if (!refused.has(recipient)) wronglyFailed.push(recipient);
  }
  return { ended, failed, refused, wronglyFailed, failedByDns: byReason.dns, expired: byReason.time };
}

function historyRows(data: string): Record<string, unknown>[] {
  const folder = path.join(data, "history");
  const days = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".db")) : [];
  return days.flatMap((name) =>
    read(
      path.join(folder, name),
      "SELECT recipient, outcome, note, at - received_at AS age FROM attempt WHERE outcome IN ('delivered', 'failed')",
    ),
  );
}

/** Deliveries in the queue. */
export function queuedIn(data: string): number {
  return Number(read(path.join(data, "queue.db"), "SELECT count(*) AS n FROM delivery")[0]?.["n"]);
}

/** Content files. */
export function filesIn(data: string): number {
  const folder = path.join(data, "content");
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;
}

/** Turns the clock, as it were: on a store that no relay has open, what waits for a time waits no longer. */
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
