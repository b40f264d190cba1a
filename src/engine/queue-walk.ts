import { STORE } from "../core/base/limits.ts";
import { type Origin, type Selection, selects } from "../core/queue/selection.ts";
import type { QueuedDelivery, QueueRecords } from "../ports/queue-records.ts";
import { messageRow } from "../ports/store.ts";

export interface WalkQuery {
  readonly selection: Selection;
  /** The row behind which to begin. */
  readonly after: number;
  /** Deliveries found. */
  readonly limit: number;
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
      if (!isFound(delivery)) continue;
      hasMatch = true;
      if (!concerns(delivery)) continue;
      found.push(delivery);
      if (found.length === limit) return { found, hasMatch, after: last };
    }
    if (rows.length < wanted) return { found, hasMatch, after: undefined };
    looked += rows.length;
  }
  return { found, hasMatch, after: last };
}

function read(queue: QueueRecords, { selection }: WalkQuery, after: number, limit: number): readonly QueuedDelivery[] {
  if (selection.id !== undefined) {
    const message = queue.messageById(selection.id);
    const deliveries = message === undefined ? [] : queue.deliveriesOf(message.row);
    return deliveries.filter(({ row }) => row > after).slice(0, limit);
  }
  const { standing } = selection;
  // What waits is in no index of its own: it is most of the queue.
  return standing === undefined || standing === "parked"
    ? queue.deliveries(after, limit)
    : queue.standingDeliveries(standing, after, limit);
}

/** Senders and ages stand with messages, which are read only where somebody asks for one. */
function finder(queue: QueueRecords, selection: Selection): (delivery: QueuedDelivery) => boolean {
  let last: { readonly row: number; readonly origin: Origin | undefined } | undefined;
  const originOf = (row: number): Origin | undefined => {
    if (last?.row !== row) last = { row, origin: queue.originOf(row) }; // deliveries of a message stand together
    return last.origin;
  };
  return (delivery) => selects(selection, delivery, () => originOf(messageRow(delivery.row)));
}
