import type { DatabaseSync, StatementSync } from "node:sqlite";
import { invariant } from "../../core/base/invariant.ts";
import { QUEUE } from "../../core/base/limits.ts";
import type { Duration, Instant } from "../../core/base/time.ts";
import { SITE_BLOCK_MAX } from "../../core/queue/backoff.ts";
import { PRIORITIES, TURNS } from "../../core/queue/priority.ts";
import type { Lane } from "../../core/routing/lane.ts";
import {
  type Claimed,
  type ClaimedDelivery,
  type DeliveryRow,
  type LaneClaim,
  type MessageRow,
  type OverduePlace,
  type Senders,
  DELIVERY_SPAN,
  deliveryRow,
  messageRow,
} from "../../ports/store.ts";
import { TAKE_DELIVERY, wishToHandOut } from "./operator-actions.ts";
import { settingOf } from "./pauses.ts";
import { PARKED, SERVED } from "./schema.ts";

type Row = ReturnType<StatementSync["all"]>[number];

const TURNS_ALL = PRIORITIES.reduce((sum, priority) => sum + TURNS[priority], 0);
/** Of a claim, by priority. */
const TURN_SHARES = PRIORITIES.map((priority) => TURNS[priority] / TURNS_ALL);

interface Statements {
  readonly wakeLane: StatementSync;
  readonly lanesBehind: StatementSync;
  readonly pullIn: StatementSync;
  readonly shortenBlock: StatementSync;
  readonly dueLanes: StatementSync;
  readonly dueDeliveries: StatementSync;
  readonly takeDelivery: StatementSync;
  readonly message: StatementSync;
  readonly serveLane: StatementSync;
  readonly firstDue: StatementSync;
  readonly restLane: StatementSync;
  readonly dropLane: StatementSync;
  readonly unblockLane: StatementSync;
  readonly freezeLane: StatementSync;
  readonly thawLane: StatementSync;
  readonly isPaused: StatementSync;
  readonly nextWake: StatementSync;
  readonly oldest: StatementSync;
  readonly oldestOfNobody: StatementSync;
  readonly oldestImported: StatementSync;
  readonly dueLanesOf: StatementSync;
  readonly hastenLane: StatementSync;
}

function prepare(database: DatabaseSync): Statements {
  return {
    // A lane that is served keeps its far wake time; it is looked at again when it is given back.
    wakeLane: database.prepare(
      `INSERT INTO lane (name, wake_at, blocked_until, backlog) VALUES (?1, ?2, 0, ?3)
       ON CONFLICT (name) DO UPDATE SET backlog = backlog + ?3,
         wake_at = CASE wake_at WHEN ${SERVED} THEN ${SERVED} ELSE max(blocked_until, min(wake_at, ?2)) END`,
    ),
    lanesBehind: database.prepare("SELECT name, blocked_until FROM lane WHERE name > ? ORDER BY name LIMIT ?"),
    // What was put off together does not come back together: it is spread over the last quarter of the wait.
    pullIn: database.prepare(
      `UPDATE delivery SET due = ?1 - row * 7919 % ?2 WHERE row IN (
         SELECT row FROM delivery WHERE state = ${PARKED} AND lane = ?3 AND priority = ?4 AND due > ?1 LIMIT ?5)`,
    ),
    shortenBlock: database.prepare(
      `UPDATE lane SET blocked_until = min(blocked_until, ?1),
         wake_at = CASE wake_at WHEN ${SERVED} THEN ${SERVED} ELSE max(min(blocked_until, ?1), ?2) END
       WHERE name = ?3`,
    ),
    dueLanes: database.prepare("SELECT name FROM lane WHERE wake_at <= ? ORDER BY wake_at LIMIT ?"),
    dueDeliveries: database.prepare(
      `SELECT row, recipient, options, attempts, told, wish, priority FROM delivery WHERE state = ${PARKED} AND lane = ? AND priority = ? AND due <= ? ORDER BY due LIMIT ?`,
    ),
    takeDelivery: database.prepare(TAKE_DELIVERY),
    message: database.prepare("SELECT row, id, received_at, octets, envelope, content FROM message WHERE row = ?"),
    serveLane: database.prepare(
      "UPDATE lane SET backlog = backlog - ?, wake_at = max(blocked_until, ?) WHERE name = ?",
    ),
    firstDue: database.prepare(
      `SELECT min(due) AS due FROM delivery WHERE state = ${PARKED} AND lane = ? AND priority = ?`,
    ),
    // What is in hand when a lane is blocked is parked a moment later, so the row has to know already.
    restLane: database.prepare(
      `INSERT INTO lane (name, wake_at, blocked_until, backlog) VALUES (?3, max(?1, ?2), ?1, 0)
       ON CONFLICT (name) DO UPDATE SET blocked_until = ?1, wake_at = max(?1, ?2)`,
    ),
    unblockLane: database.prepare(
      `UPDATE lane SET blocked_until = 0, wake_at = CASE wake_at WHEN ${SERVED} THEN ${SERVED} ELSE ?1 END
       WHERE name = ?2 AND blocked_until > ?1`,
    ),
    // A lane that is paused looks like one that is served: it does not wake, whatever arrives for it.
    freezeLane: database.prepare(
      `INSERT INTO lane (name, wake_at, blocked_until, backlog) VALUES (?, ${SERVED}, 0, 0)
       ON CONFLICT (name) DO UPDATE SET wake_at = ${SERVED}`,
    ),
    thawLane: database.prepare("UPDATE lane SET wake_at = max(blocked_until, ?) WHERE name = ?"),
    isPaused: database.prepare("SELECT 1 FROM setting WHERE name = ?"),
    dropLane: database.prepare("DELETE FROM lane WHERE name = ?"),
    nextWake: database.prepare("SELECT min(wake_at) AS wake_at FROM lane"),
    oldest: database.prepare("SELECT row, received_at FROM message WHERE row > ? ORDER BY row LIMIT ?"),
    // Only of the rows that are looked at: an index of senders would cost every arrival.
    oldestOfNobody: database.prepare(
      "SELECT row, received_at, envelope ->> '$.from' <> '' AS is_other FROM message WHERE row > ? ORDER BY row LIMIT ?",
    ),
    oldestImported: database.prepare(
      `SELECT row, received_at, envelope ->> '$.from' <> '' AS is_other FROM message
       WHERE imported = 1 AND received_at <= ?1 AND (received_at, row) > (?2, ?3) ORDER BY received_at, row LIMIT ?4`,
    ),
    dueLanesOf: database.prepare(
      `SELECT DISTINCT lane FROM delivery WHERE row BETWEEN ? AND ? AND state = ${PARKED} AND due <= ?`,
    ),
    // One that is served, or paused, has a wake time that never comes, and keeps it.
    hastenLane: database.prepare(`UPDATE lane SET wake_at = min(wake_at, ?) WHERE name = ? AND wake_at <> ${SERVED}`),
  };
}

interface Overdue {
  readonly row: MessageRow;
  readonly receivedAt: Instant;
  /** Of the null sender, where that was asked. */
  readonly isOfNobody: boolean;
}

/** The schedule of the queue store: which lanes are due, and what of them is handed out. Each call is part of a transaction. */
export class Lanes {
  readonly #database: DatabaseSync;
  readonly #do: Statements;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#do = prepare(database);
  }

  /** `count` deliveries more wait in the lane, the first of them until `due`. */
  wake(lane: Lane, due: Instant, count: number): void {
    this.#do.wakeLane.run(lane, due, count);
  }

  claimDue(now: Instant, lanesMax: number, perLane: number): LaneClaim[] {
    const claims: LaneClaim[] = [];
    let octets = 0;
    let count = 0;
    for (const found of this.#do.dueLanes.all(now, lanesMax)) {
      const claim = this.claim(found["name"] as Lane, now, perLane);
      if (claim.count > 0) claims.push(claim);
      for (const { message } of claim.claimed) octets += message.content?.length ?? 0;
      count += claim.count;
      if (octets > QUEUE.claimOctetsMax || count >= QUEUE.deliveriesPerClaim) break;
    }
    return claims;
  }

  rest(lane: Lane, blockedUntil: Instant): void {
    this.#do.restLane.run(blockedUntil, this.#firstDue(lane) ?? blockedUntil, lane);
    if (this.#isPaused(lane)) this.#do.freezeLane.run(lane);
  }

  wakeOverdue(before: Instant, senders: Senders, after: OverduePlace, now: Instant): OverduePlace | undefined {
    const found = this.#overdue(before, senders, after);
    const lanes = new Set<Lane>();
    for (const { row, isOfNobody } of found) {
      if (senders === "null" && !isOfNobody) continue;
      const first = deliveryRow(row, 0);
      for (const { lane } of this.#do.dueLanesOf.all(first, first + DELIVERY_SPAN - 1, now)) lanes.add(lane as Lane);
    }
    for (const lane of lanes) this.#do.hastenLane.run(now, lane);
    const last = found.at(-1);
    if (after.receivedAt === undefined) return last && { receivedAt: undefined, row: last.row };
    return found.length === QUEUE.overduePerStep && last !== undefined ? last : { receivedAt: undefined, row: 0 };
  }

  /** Of the messages of one step those that are so old. */
  #overdue(before: Instant, senders: Senders, { receivedAt, row }: OverduePlace): Overdue[] {
    const { oldest, oldestOfNobody, oldestImported } = this.#do;
    const found =
      receivedAt === undefined
        ? (senders === "all" ? oldest : oldestOfNobody).all(row, QUEUE.overduePerStep)
        : oldestImported.all(before, receivedAt, row, QUEUE.overduePerStep);
    return found
      .map((each) => ({
        row: each["row"] as MessageRow,
        receivedAt: each["received_at"] as Instant,
        isOfNobody: each["is_other"] === 0,
      }))
      .filter((each) => each.receivedAt <= before); // clocks jump: behind a younger one an older one may stand
  }

  pullIn(after: Lane, now: Instant, longestWait: Duration): Lane | undefined {
    const [latest, spread] = [now + longestWait, Math.ceil(longestWait / 4)];
    const lanes = this.#do.lanesBehind.all(after, QUEUE.lanesPerPullIn);
    let [left, last] = [QUEUE.deliveriesPerPullIn, after];
    for (const { name, blocked_until: blockedUntil } of lanes) {
      let count = 0;
      for (const priority of PRIORITIES.keys())
        count += Number(this.#do.pullIn.run(latest, spread, name!, priority, left - count).changes);
      if (count > 0 || Number(blockedUntil) > now + SITE_BLOCK_MAX)
        this.#do.shortenBlock.run(now + SITE_BLOCK_MAX, this.#firstDue(name as Lane) ?? 0, name!);
      left -= count;
      if (left === 0) return last; // of this lane there may be more
      last = name as Lane;
    }
    return lanes.length === QUEUE.lanesPerPullIn ? last : undefined;
  }

  unblock(lane: Lane, now: Instant): boolean {
    return this.#do.unblockLane.run(now, lane).changes === 1;
  }

  nextWake(): Instant | undefined {
    const wake = this.#do.nextWake.get()?.["wake_at"];
    return typeof wake === "number" && wake !== SERVED ? wake : undefined;
  }

  /** Nobody serves a lane any more; those that are paused stay so. */
  takeBack(now: Instant, paused: readonly Lane[]): void {
    this.#database.prepare(`UPDATE lane SET wake_at = ? WHERE wake_at = ${SERVED}`).run(now);
    for (const lane of paused) this.#do.freezeLane.run(lane);
  }

  pause(lane: Lane, isPaused: boolean): void {
    if (isPaused) return void this.#do.freezeLane.run(lane);
    const due = this.#firstDue(lane);
    if (due === undefined) this.#do.dropLane.run(lane);
    else this.#do.thawLane.run(due, lane);
  }

  #firstDue(lane: Lane): Instant | undefined {
    const dues = PRIORITIES.map((_, priority) => this.#do.firstDue.get(lane, priority)?.["due"]);
    const found = dues.filter((due) => typeof due === "number");
    return found.length === 0 ? undefined : Math.min(...found);
  }

  /** Of each priority its share, and of what one has no use for the others, the higher first. */
  #dueOf(lane: Lane, now: Instant, perLane: number): { readonly rows: readonly Row[]; readonly isAll: boolean } {
    const due = PRIORITIES.map((_, priority) => this.#do.dueDeliveries.all(lane, priority, now, perLane));
    const taken = due.map((rows, at) => Math.min(rows.length, Math.ceil(perLane * TURN_SHARES[at]!)));
    let left = perLane - taken.reduce((sum, count) => sum + count, 0);
    for (const [at, rows] of due.entries()) {
      const more = Math.min(rows.length - taken[at]!, left);
      taken[at]! += more;
      left -= more;
    }
    const rows = due.flatMap((found, at) => found.slice(0, taken[at]));
    return { rows, isAll: due.every((found, at) => found.length === taken[at] && found.length < perLane) };
  }

  /** Takes what is due of one lane. A lane without more rests by itself; one with more stays with the caller. */
  claim(lane: Lane, now: Instant, perLane: number): LaneClaim {
    const { rows, isAll } = this.#dueOf(lane, now, perLane);
    const messages = new Map<MessageRow, { message: Claimed["message"]; deliveries: ClaimedDelivery[] }>();
    let octets = 0;
    let count = 0;
    for (const found of rows) {
      const row = found["row"] as DeliveryRow;
      const number = messageRow(row);
      let claimed = messages.get(number);
      if (claimed === undefined) {
        if (octets > QUEUE.claimOctetsMax) break;
        claimed = { message: this.#message(number), deliveries: [] };
        octets += claimed.message.content?.length ?? 0;
        messages.set(number, claimed);
      }
      this.#do.takeDelivery.run(row);
      claimed.deliveries.push({
        row,
        lane,
        recipient: found["recipient"] as string,
        options: found["options"] as string,
        attempts: found["attempts"] as number,
        priority: PRIORITIES[found["priority"] as number]!,
        isTold: found["told"] === 1,
        wish: wishToHandOut(found["wish"] as number),
      });
      count++;
    }
    const hasMore = count > 0 && (count < rows.length || !isAll);
    const wake = hasMore || this.#isPaused(lane) ? SERVED : this.#firstDue(lane);
    if (wake === undefined) this.#do.dropLane.run(lane);
    else this.#do.serveLane.run(count, wake, lane);
    return { lane, claimed: [...messages.values()], count, hasMore };
  }

  #message(row: MessageRow): Claimed["message"] {
    const found = this.#do.message.get(row);
    invariant(found !== undefined, "a delivery has a message");
    return {
      row,
      id: found["id"] as string,
      receivedAt: found["received_at"] as number,
      octets: found["octets"] as number,
      envelope: found["envelope"] as string,
      content: (found["content"] as Uint8Array | null) ?? undefined,
    };
  }

  #isPaused(lane: Lane): boolean {
    return this.#do.isPaused.get(settingOf({ kind: "lane", lane })) !== undefined;
  }
}
