import { QUEUE } from "../base/limits.ts";

/** How many connections a site gets: more while it takes mail, fewer when it does not (FIELD: 5 to 20). */
export interface Window {
  readonly limit: number;
  /** Deliveries since the limit last grew. */
  readonly credit: number;
  /** Deliveries for each connection that it takes to grow by one: more after a site refused one. */
  readonly price: number;
}

const PRICE_MAX = 64;

/** Of a site that nothing is known of; `most` is its bound of connections. */
export function freshWindow(most: number): Window {
  return { limit: Math.min(QUEUE.windowStart, most), credit: 0, price: 1 };
}
/** After a block: one connection finds out. */
export const PROBE_WINDOW: Window = { limit: 1, credit: 0, price: 1 };

/** Another bound of connections: what is open beyond it goes as it ends. */
export function bounded(window: Window, most: number): Window {
  return window.limit > most ? { ...window, limit: most } : window;
}

/** One more connection for every full round of deliveries, or for many rounds where the site refused one before. */
export function widened(window: Window, deliveries: number, most: number): Window {
  let { limit, price } = window;
  let credit = window.credit + deliveries;
  while (credit >= limit * price && limit < most) {
    credit -= limit * price;
    limit++;
    price = Math.max(1, price / 2);
  }
  return { limit, credit: limit === most ? 0 : credit, price };
}

/**
 * A connection failed beside `standing` others: that many work. A site that allows two and gets a third is asked again
 * after a while, and after a longer one each time.
 */
export function narrowed(window: Window, standing: number): Window {
  return {
    limit: Math.max(1, Math.min(window.limit, standing)),
    credit: 0,
    price: Math.min(window.price * 2, PRICE_MAX),
  };
}
