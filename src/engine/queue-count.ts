import { STORE } from "../core/base/limits.ts";
import { type QueueAction, effectOf } from "../core/queue/action.ts";
import type { Selection } from "../core/queue/selection.ts";
import type { QueuedDelivery, QueueRecords } from "../ports/queue-records.ts";
import { messageRow } from "../ports/store.ts";
import type { CountPage } from "./operator.ts";
import { walk } from "./queue-walk.ts";

interface CountStep {
  readonly selection: Selection;
  readonly action: QueueAction | undefined;
  /** The row behind which to begin. */
  readonly after: number;
  /** The row of the last delivery that was counted before. */
  readonly counted: number | undefined;
}

/** Whether the action changes it. What is noted with a delivery in hand is the store's to know. */
export function isConcerned(action: QueueAction, { standing }: QueuedDelivery): boolean {
  return standing === "in-hand" || effectOf(action, standing, "none").kind !== "none";
}

/** Counts what is selected among the next `STORE.lookedThroughMax` deliveries. */
export function countPage(queue: QueueRecords, { selection, action, after, counted }: CountStep): CountPage {
  const page = walk(queue, {
    selection,
    after,
    limit: STORE.lookedThroughMax,
    ...(action === undefined ? {} : { concerns: (delivery) => isConcerned(action, delivery) }),
  });
  const lanes = new Map<string, number>();
  let messages = 0;
  let last = counted;
  for (const { row, lane } of page.found) {
    lanes.set(lane, (lanes.get(lane) ?? 0) + 1);
    if (last === undefined || messageRow(last) !== messageRow(row)) messages++;
    last = row;
  }
  return {
    deliveries: page.found.length,
    messages,
    lanes: [...lanes].map(([lane, deliveries]) => ({ lane, deliveries })),
    after: page.after === undefined ? undefined : String(page.after),
    counted: last === undefined ? undefined : String(last),
  };
}
