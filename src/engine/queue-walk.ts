import { STORE } from "../core/base/limits.ts";
import { type Selection, selects } from "../core/queue/selection.ts";
import type { QueuedDelivery, QueueRecords } from "../ports/queue-records.ts";
import { messageRow } from "../ports/store.ts";

export interface WalkQuery {
  readonly selection: Selection;
  /** The row behind which to begin. */
  readonly after: number;
  /** Deliveries found. */
  readonly limit: number;
  readonly isHeld?: boolean;
  /** What else has to hold. */
  readonly concerns?: (delivery: QueuedDelivery) => boolean;
}

export interface WalkPage {
  readonly found: readonly QueuedDelivery[];
  /** Something was selected, whatever else has to hold. */
  readonly hasMatch: boolean;
  /** Where to go on; undefined at the end of the queue. */
  readonly after: number | undefined;
}

/**
 * Deliveries that are selected, in the order in which their messages came. One page looks at `STORE.lookedThroughMax`
 * rows at most, whatever it found.
 */
export function walk(queue: QueueRecords, query: WalkQuery): WalkPage {
  const { selection, after, limit, concerns = () => true } = query;
  const isFound = finder(queue, selection);
  const found: QueuedDelivery[] = [];
  let last = after;
  let hasMatch = false;
  for (let looked = 0; looked < STORE.lookedThroughMax;) {
    // What is not filtered is read as it is wanted.
    const wanted = Math.min(Math.max(limit - found.length, 100), STORE.rowsPerStatementMax);
    const rows = read(queue, query, last, wanted);
    for (const delivery of rows) {
      last = delivery.row;
      const isConcerned = concerns(delivery);
      if ((!isConcerned && hasMatch) || !isFound(delivery)) continue;
      hasMatch = true;
      if (!isConcerned) continue;
      found.push(delivery);
      if (found.length === limit) return { found, hasMatch, after: last };
    }
    if (rows.length < wanted) return { found, hasMatch, after: undefined };
    looked += rows.length;
  }
  return { found, hasMatch, after: last };
}

function read(
  queue: QueueRecords,
  { selection, isHeld }: WalkQuery,
  after: number,
  limit: number,
): readonly QueuedDelivery[] {
  if (selection.id !== undefined) {
    const message = queue.messageById(selection.id);
    const deliveries = message === undefined ? [] : queue.deliveriesOf(message.row);
    return deliveries
      .filter(({ row, standing }) => row > after && (isHeld !== true || standing === "held"))
      .slice(0, limit);
  }
  return isHeld === true ? queue.heldDeliveries(after, limit) : queue.deliveries(after, limit);
}

/** Senders stand with messages, which are read only where somebody asks for one. */
function finder(queue: QueueRecords, selection: Selection): (delivery: QueuedDelivery) => boolean {
  const senders = new Map<number, string>();
  const senderOf = (row: number): string => {
    let from = senders.get(row);
    if (from === undefined) {
      from = queue.senderOf(row);
      senders.set(row, from);
    }
    return from;
  };
  return ({ row, lane, recipient }) => {
    if (selection.sender === undefined) return selects(selection, { lane, recipient, from: "" });
    return selects(selection, { lane, recipient, from: senderOf(messageRow(row)) });
  };
}
