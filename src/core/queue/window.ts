import { QUEUE } from "../base/limits.ts";

/** How many connections a site gets: more while it takes mail, fewer when it does not (FIELD: 5 to 20). */
export interface Window {
  readonly limit: number;
  /** Deliveries since the limit last grew. */
  readonly credit: number;
}

export const FRESH_WINDOW: Window = { limit: QUEUE.windowStart, credit: 0 };
/** After a block: one connection finds out. */
export const PROBE_WINDOW: Window = { limit: 1, credit: 0 };

/** One more connection for every full round of deliveries. */
export function widened(window: Window, deliveries: number): Window {
  let { limit } = window;
  let credit = window.credit + deliveries;
  while (credit >= limit && limit < QUEUE.windowMax) {
    credit -= limit;
    limit++;
  }
  return { limit, credit: limit === QUEUE.windowMax ? 0 : credit };
}

export function narrowed(window: Window): Window {
  return { limit: Math.max(1, Math.floor(window.limit / 2)), credit: 0 };
}
