import type { Instant } from "../base/time.ts";

/** Why a delivery is where it is (promise P9): the closed list, in the words an operator reads. */
export const REASONS = {
  "in-hand": "a mail thread has it: it is being sent, or waits for a connection to its next hop",
  "next-hop-refused": "the next hop said not now; it is tried again by schedule",
  "next-hop-named-a-time": "the next hop said not now, and when it may be tried again: it is tried then",
  "connection-lost": "the connection ended before the answer; it is tried again by schedule",
  "possible-duplicate":
    "the connection ended after the final dot, so that the next hop may have it already; it is tried again by schedule",
  "soft-bounce": "the next hop refused it for good, and `soft_bounce` is set: it is tried again by schedule",
  "content-unreadable": "its content could not be read from the data folder; it is tried again by schedule",
  "source-unusable":
    "the `source` to connect from is no address of this machine: change it, or give the machine that address; all mail that goes out from it waits",
  "lane-blocked": "the next hop cannot be reached or refuses us; all mail for it waits",
  "next-step": "this next hop did not take it for now; the route's next step is tried at once",
  "other-step":
    "this next hop cannot take it, and another step of its route may: it is blocked or paused, or put it off; it is tried again by schedule",
  unresolved: "no usable address was found for its domain; it is tried again by schedule",
  queued: "it was accepted, and goes as soon as its turn in the queue comes",
  "no-connection":
    "the connection to its next hop failed before it could begin; it goes over another one, or waits with its lane",
  "no-memory": "the mail threads have enough in hand; it waits in the queue",
  recovered: "it was in hand when the relay stopped; it is tried again as soon as the relay runs",
  rerouted: "its next hop is gone from the configuration; the routes chose another",
  "rerouted-by-operator": "an operator had the routes choose its next hop anew; it goes as soon as its turn comes",
  held: "an operator holds it, until it is released",
  released: "an operator released it; it goes as soon as its turn in the queue comes",
  retried: "an operator wants it tried again now",
  expiring: "an operator ends its wait: it fails, and its sender is told",
  imported:
    "it came from another relay's queue with `waypost queue import`; the routes choose its next hop, and it goes as soon as its turn comes",
  rerouting: "an operator wants the routes to choose its next hop anew",
  paused: "an operator paused its lane or all deliveries; it goes as soon as they are resumed",
  "no-route": "its next hop is gone from the configuration, and no route takes it",
} as const;

export type Reason = keyof typeof REASONS;

/** What the store keeps as the reason of a waiting delivery. `text` is what a next hop or the system said, if any. */
export interface LastWord {
  readonly because: Reason;
  readonly text: string;
  readonly at: Instant;
}

/** Undefined where nothing was said yet. */
export function readLastWord(last: string): LastWord | undefined {
  return last === "" ? undefined : (JSON.parse(last) as LastWord);
}

export function lastWord(because: Reason, text: string, at: Instant): string {
  return JSON.stringify({ because, text, at } satisfies LastWord);
}
