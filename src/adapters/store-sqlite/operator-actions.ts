import type { DatabaseSync, StatementSync } from "node:sqlite";
import { invariant } from "../../core/base/invariant.ts";
import { QUEUE } from "../../core/base/limits.ts";
import type { Instant } from "../../core/base/time.ts";
import { type StoredEnvelope, storeArrival } from "../../core/mail/stored.ts";
import {
  type Effect,
  type QueueAction,
  type Standing,
  type Wish,
  effectOf,
  effectOfWish,
} from "../../core/queue/action.ts";
import { lastWord, readLastWord } from "../../core/queue/reason.ts";
import type { Lane } from "../../core/routing/lane.ts";
import type { HistoryEntry } from "../../ports/history.ts";
import {
  type Acted,
  type DeliveryRow,
  type MessageRow,
  type Settlement,
  type WishInHand,
  messageRow,
  deliveryRow,
} from "../../ports/store.ts";
import { HELD, IN_HAND, PARKED, SERVED, STANDINGS } from "./schema.ts";

/** `delivery.wish`, by its place. */
const WISHES: readonly Wish[] = ["none", "hold", "cancel", "expire", "reroute", "route", "hold-unrouted"];
/** Added to a wish that a claim handed out: it is fulfilled when the delivery is parked, and stands after a crash. */
const HANDED_OUT = 10;

/** The number of a wish that a parked delivery has. */
export function codeOf(wish: WishInHand): number {
  return WISHES.indexOf(wish);
}

/** Takes a delivery into the hands of a mail thread, its wish with it. */
export const TAKE_DELIVERY = `UPDATE delivery SET state = ${IN_HAND}, wish = wish + ${HANDED_OUT} * (wish > 0) WHERE row = ?`;

/** Parks a delivery, unless an operator wanted something of it since it was claimed: then no row changes. */
export const PARK_DELIVERY = `
  UPDATE delivery SET state = ${PARKED}, wish = ?, lane = ?, due = ?, attempts = ?, last = ?, told = ?
  WHERE row = ? AND (wish = 0 OR wish > ${HANDED_OUT})`;

/** The wish of a parked delivery that is claimed. */
export function wishToHandOut(code: number): WishInHand {
  const wish = wishOf(code);
  invariant(
    wish !== "hold" && wish !== "hold-unrouted" && wish !== "cancel",
    "what is parked is neither to be held nor to be cancelled",
  );
  return wish;
}

export function wishOf(code: number): Wish {
  const wish = WISHES[code % HANDED_OUT];
  invariant(wish !== undefined, "a wish is one of seven");
  return wish;
}

interface Statements {
  readonly find: StatementSync;
  readonly remove: StatementSync;
  readonly note: StatementSync;
  readonly move: StatementSync;
  readonly settle: StatementSync;
  readonly message: StatementSync;
  readonly leaveLane: StatementSync;
  readonly dropLane: StatementSync;
}

function prepare(database: DatabaseSync): Statements {
  return {
    find: database.prepare("SELECT row, state, wish, lane, due, attempts, recipient, last FROM delivery WHERE row = ?"),
    remove: database.prepare("DELETE FROM delivery WHERE row = ?"),
    note: database.prepare("UPDATE delivery SET wish = ? WHERE row = ?"),
    move: database.prepare("UPDATE delivery SET state = ?, wish = ?, due = ?, last = ? WHERE row = ?"),
    settle: database.prepare("UPDATE delivery SET lane = ?, due = ?, attempts = ?, last = ?, told = ? WHERE row = ?"),
    message: database.prepare("SELECT id, received_at, octets, envelope FROM message WHERE row = ?"),
    leaveLane: database.prepare("UPDATE lane SET backlog = backlog - ? WHERE name = ?"),
    // One that is served is dropped by whoever serves it; one that is blocked has something to say.
    dropLane: database.prepare(
      `DELETE FROM lane WHERE name = ? AND backlog = 0 AND wake_at <> ${SERVED} AND blocked_until <= ?`,
    ),
  };
}

/** A delivery as an action finds it. */
interface Found {
  readonly row: DeliveryRow;
  readonly standing: Standing;
  readonly wish: Wish;
  readonly lane: Lane;
  readonly attempts: number;
  readonly recipient: string;
  readonly last: string;
}

function found(columns: Record<string, unknown>): Found {
  const standing = STANDINGS[columns["state"] as number];
  invariant(standing !== undefined, "a state is one of three");
  return {
    row: columns["row"] as number,
    standing,
    wish: wishOf(columns["wish"] as number),
    lane: columns["lane"] as Lane,
    attempts: columns["attempts"] as number,
    recipient: columns["recipient"] as string,
    last: columns["last"] as string,
  };
}

/** Parked deliveries that a lane gained, less those that it lost, and when the first of the gained is due. */
interface LaneChange {
  gained: number;
  due: Instant | undefined;
}

export interface ActionParts {
  /** `count` deliveries more wait in the lane, the first of them until `due`. */
  readonly wakeLane: (lane: Lane, due: Instant, count: number) => void;
  /** Ends the message where it has no delivery left. */
  readonly endMessage: (message: MessageRow) => void;
  /** To history. */
  readonly record: (entry: string) => void;
}

/** What an operator does to deliveries, and what is made of it when they come out of a mail thread's hands. */
export class OperatorActions {
  readonly #do: Statements;
  readonly #parts: ActionParts;

  constructor(database: DatabaseSync, parts: ActionParts) {
    this.#do = prepare(database);
    this.#parts = parts;
  }

  /** Part of a transaction. */
  act(action: QueueAction, rows: readonly DeliveryRow[], now: Instant): Acted {
    invariant(rows.length <= QUEUE.deliveriesPerAction, "an action goes in steps");
    const lanes = new Map<Lane, LaneChange>();
    let changed = 0;
    let inHand = 0;
    for (const row of rows) {
      const delivery = this.#find(row);
      if (delivery === undefined) continue; // it ended meanwhile
      const effect = effectOf(action, delivery.standing, delivery.wish);
      if (effect.kind === "note") this.#do.note.run(WISHES.indexOf(effect.wish), row);
      if (effect.kind === "note" || effect.kind === "under-way") inHand++;
      else if (effect.kind !== "none") {
        changed++;
        this.#apply(effect, delivery, now, lanes);
      }
    }
    return { changed, inHand, lanes: this.#settleLanes(lanes, now) };
  }

  /** It was to be parked, but an operator wanted something since it was claimed. */
  park(settlement: Extract<Settlement, { kind: "park" }>): void {
    const { row, lane, due, attempts, last, isTold } = settlement;
    this.#do.settle.run(lane, due, attempts, last, Number(isTold), row);
    this.fulfil(row, readLastWord(last)?.at ?? due);
  }

  /** Does what is noted with a delivery that is in no mail thread's hands any more. */
  fulfil(row: DeliveryRow, now: Instant): void {
    const delivery = this.#find(row);
    if (delivery === undefined || delivery.wish === "none") return;
    const lanes = new Map<Lane, LaneChange>();
    this.#apply(effectOfWish(delivery.wish), delivery, now, lanes);
    this.#settleLanes(lanes, now);
  }

  #find(row: DeliveryRow): Found | undefined {
    const columns = this.#do.find.get(row);
    return columns === undefined ? undefined : found(columns);
  }

  #apply(effect: Effect, delivery: Found, now: Instant, lanes: Map<Lane, LaneChange>): void {
    const { row, lane, last, standing } = delivery;
    if (standing === "parked") changeOf(lanes, lane).gained--;
    if (effect.kind === "end") return this.#end(delivery, now);
    const text = readLastWord(last)?.text ?? "";
    if (effect.kind === "hold") {
      this.#do.move.run(HELD, WISHES.indexOf(effect.wish), now, lastWord(effect.because, text, now), row);
    } else if (effect.kind === "wake") {
      const due = effect.isFirst ? 0 : now;
      this.#do.move.run(PARKED, WISHES.indexOf(effect.wish), due, lastWord(effect.because, text, now), row);
      const change = changeOf(lanes, lane);
      change.gained++;
      change.due = Math.min(change.due ?? due, due);
    }
  }

  #end({ row, lane, attempts, recipient }: Found, now: Instant): void {
    const message = messageRow(row);
    const columns = this.#do.message.get(message);
    invariant(columns !== undefined, "a delivery has a message");
    const envelope = JSON.parse(columns["envelope"] as string) as StoredEnvelope;
    const { from, identity, subject } = envelope;
    const entry: HistoryEntry = {
      at: now,
      id: columns["id"] as string,
      row,
      outcome: "cancelled",
      transcript: "",
      arrival: row === deliveryRow(message, 0) ? storeArrival(envelope) : "", // a million may be cancelled at once
      recipient,
      lane,
      host: "",
      attempts,
      reply: "",
      note: "by the operator, no DSN",
      from,
      identity,
      subject,
      octets: columns["octets"] as number,
      receivedAt: columns["received_at"] as number,
    };
    this.#parts.record(JSON.stringify(entry));
    this.#do.remove.run(row);
    this.#parts.endMessage(message);
  }

  /** Answers the lanes in which something is due. */
  #settleLanes(lanes: ReadonlyMap<Lane, LaneChange>, now: Instant): Lane[] {
    const due: Lane[] = [];
    for (const [lane, change] of lanes) {
      if (change.due === undefined) {
        this.#do.leaveLane.run(-change.gained, lane);
        this.#do.dropLane.run(lane, now);
      } else {
        this.#parts.wakeLane(lane, change.due, change.gained);
        due.push(lane);
      }
    }
    return due;
  }
}

function changeOf(lanes: Map<Lane, LaneChange>, lane: Lane): LaneChange {
  let change = lanes.get(lane);
  if (change === undefined) {
    change = { gained: 0, due: undefined };
    lanes.set(lane, change);
  }
  return change;
}
