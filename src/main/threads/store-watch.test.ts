import { expect, test } from "vitest";
import type { Event } from "../../core/events.ts";
import { StoreWatch } from "./store-watch.ts";

test("one word when a file goes, whatever goes after it, and one when all are back", () => {
  const events: Event[] = [];
  let gone: string | undefined;
  const watch = new StoreWatch({ look: () => gone }, { record: (event) => void events.push(event) });
  const look = (file: string | undefined): boolean => {
    gone = file;
    return watch.isReplaced();
  };
  expect([undefined, undefined].map(look)).toEqual([false, false]);
  expect(events).toEqual([]);
  expect(["queue.db-wal", "queue.db-wal", "queue.db"].map(look)).toEqual([true, true, true]);
  expect(events).toEqual([{ event: "store.replaced", file: "queue.db-wal" }]);
  expect([undefined, undefined].map(look)).toEqual([false, false]);
  expect(events.slice(1)).toEqual([{ event: "store.restored", file: "queue.db" }]);
});
