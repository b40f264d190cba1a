import type { QueueAction, Wish } from "../core/queue/action.ts";
import type { Pause, PauseTarget } from "../core/queue/pause.ts";
import type { Priority } from "../core/queue/priority.ts";
import type { Lane } from "../core/routing/lane.ts";
import type { Duration, Instant } from "../core/base/time.ts";
import type { MessageId } from "../core/mail/message-id.ts";

/** The store's own number of a message; never shown. */
export type MessageRow = number;

/** The store's own number of a delivery: it contains the message's. */
export type DeliveryRow = number;

/** Ordinals of one message in `DeliveryRow`: `message * span + ordinal`. */
export const DELIVERY_SPAN = 4096;

export function deliveryRow(message: MessageRow, ordinal: number): DeliveryRow {
  return message * DELIVERY_SPAN + ordinal;
}

export function messageRow(delivery: DeliveryRow): MessageRow {
  return Math.floor(delivery / DELIVERY_SPAN);
}

/** One message with its deliveries, to be committed. */
export interface Arrival {
  readonly id: MessageId;
  readonly receivedAt: Instant;
  /** Octets of content. */
  readonly octets: number;
  /** What the mail threads need to know of it, as JSON; the store does not look inside. */
  readonly envelope: string;
  /** The content, or undefined where it is in the file of this id. */
  readonly content: Uint8Array | undefined;
  readonly deliveries: readonly NewDelivery[];
  /** Names what it was made of in the spool. What that name was committed for before is not committed again. */
  readonly spooled?: string;
}

/** The row of an arrival whose `spooled` was committed before. */
export const KNOWN: MessageRow = 0;

/** The row of one whose file was committed before for others of its recipients. */
export const KNOWN_OTHERWISE: MessageRow = -1;

export interface NewDelivery {
  readonly lane: Lane;
  readonly recipient: string;
  /** DSN parameters as JSON; `""` where there are none. */
  readonly options: string;
  readonly priority: Priority;
  /** Where it is parked: not before this. */
  readonly due: Instant;
  /** Where it is parked: why, as JSON. */
  readonly last: string;
}

/** What became of a delivery that a mail thread has in hand, or what it met so far. */
export type Settlement =
  /** It ended: the row goes, `entry` goes to history. */
  | { readonly kind: "finish"; readonly row: DeliveryRow; readonly entry: string }
  /** It waits for `due` in its lane. `last` is why, as JSON; `entry` goes to history unless empty. */
  | {
      readonly kind: "park";
      readonly row: DeliveryRow;
      readonly lane: Lane;
      readonly due: Instant;
      readonly attempts: number;
      readonly last: string;
      readonly entry: string;
      /** The sender heard of the delay. */
      readonly isTold: boolean;
      /** No route takes it, and its lane is the one of the relay that it came from: nothing of it may go there. */
      readonly isUnrouted?: boolean;
    }
  /** These files are in the spool: of others it need not be known any more that they were committed. */
  | { readonly kind: "spool"; readonly names: readonly string[]; readonly entry: "" }
  /** These files are in the spool no more, and need not be known any more. */
  | { readonly kind: "forget"; readonly names: readonly string[]; readonly entry: "" }
  /** It stays in hand; `entry` goes to history. */
  | { readonly kind: "note"; readonly entry: string }
  /** It stays in hand, and is tried in this lane next: also after a crash, because there it may have arrived (promise P3). */
  | { readonly kind: "move"; readonly row: DeliveryRow; readonly lane: Lane; readonly entry: string };

export interface Commit {
  /** True: the deliveries stay with the thread that brought them; false: they wait in their lanes. One flag an arrival. */
  readonly arrivals: readonly { readonly arrival: Arrival; readonly isInHand: boolean }[];
  readonly settlements: readonly Settlement[];
}

/** A delivery with all that is needed to attempt it. */
export interface Claimed {
  readonly message: ClaimedMessage;
  readonly deliveries: readonly ClaimedDelivery[];
}

export interface ClaimedMessage {
  readonly row: MessageRow;
  readonly id: MessageId;
  readonly receivedAt: Instant;
  readonly octets: number;
  readonly envelope: string;
  /** Undefined: in the file of this id. */
  readonly content: Uint8Array | undefined;
}

export interface ClaimedDelivery {
  readonly row: DeliveryRow;
  readonly lane: Lane;
  readonly recipient: string;
  readonly options: string;
  readonly attempts: number;
  readonly priority: Priority;
  /** The sender heard of the delay. */
  readonly isTold: boolean;
  /** What an operator wants of it before it is tried; parking it fulfils the wish. */
  readonly wish: WishInHand;
}

/** A wish that takes a mail thread: the others the store fulfils itself. */
export type WishInHand = Exclude<Wish, "hold" | "hold-unrouted" | "cancel">;

export interface LaneClaim {
  readonly lane: Lane;
  readonly claimed: readonly Claimed[];
  /** Deliveries in `claimed`. */
  readonly count: number;
  /** True: more are due, and the lane stays with whoever claimed until `rest`. */
  readonly hasMore: boolean;
}

/** A message from another relay's queue. */
export interface ImportedArrival extends Omit<Arrival, "deliveries" | "spooled"> {
  /** Its id there: what came here with that id is not taken again. */
  readonly was: MessageId;
  readonly deliveries: readonly ImportedDelivery[];
}

/** It waits for the routes to choose its next hop, or is held. */
export interface ImportedDelivery {
  readonly lane: Lane;
  readonly recipient: string;
  readonly options: string;
  readonly priority: Priority;
  readonly attempts: number;
  readonly last: string;
  readonly isHeld: boolean;
  readonly isExpiring: boolean;
  readonly isTold: boolean;
}

/** What an operator's action did. */
export interface Acted {
  /** Deliveries that it changed at once. */
  readonly changed: number;
  /** Deliveries in hand of a mail thread: it is noted for when they would be parked, or they are tried already. */
  readonly inHand: number;
  /** Lanes in which something is due now. */
  readonly lanes: readonly Lane[];
}

/**
 * Where a look for what is too old goes on. First comes what was imported, by when it was received: it may stand behind what is
 * younger. Then all messages by their rows, which stand in the order in which they were received.
 */
export interface OverduePlace {
  /** Of the last that was imported; undefined where those are done with. */
  readonly receivedAt: Instant | undefined;
  readonly row: MessageRow;
}

export const FROM_THE_OLDEST: OverduePlace = { receivedAt: Number.MIN_SAFE_INTEGER, row: 0 };

/** The null sender's mail has a shorter life than that of others. */
export type Senders = "all" | "null";

/**
 * The queue store: unfinished mail only. Synchronous as an embedded store is; one writer. Failures are `StorageError`.
 */
export interface QueueStore {
  /** The mark of the message that was made of a file of the spool; undefined where none was. Throws `StorageError`. */
  markOf(name: string): string | undefined;
  /** Whatever `work` asks of the store is one transaction, all of it or nothing. */
  together<Result>(work: () => Result): Result;
  /** One transaction on stable storage (promise P1). Answers the row of each arrival, in order. */
  commit(commits: readonly Commit[]): MessageRow[];
  /**
   * The lanes that are due, earliest first, at most `lanesMax`, with at most `perLane` deliveries of each; lanes that would
   * make it much more than `QUEUE.deliveriesPerClaim` stay due.
   */
  claimDue(now: Instant, lanesMax: number, perLane: number): LaneClaim[];
  /** More of a lane that stayed with the caller. */
  claimLane(lane: Lane, now: Instant, perLane: number): LaneClaim;
  /** Gives a lane back: it wakes when its next delivery is due, but not before `blockedUntil`. */
  rest(lane: Lane, blockedUntil: Instant): void;
  /**
   * Some of the messages behind `after` that were received at `before` or earlier, of these senders: lanes in which
   * something of them is due wake now, blocked or not, for a mail thread to end it: a retry is never planned beyond an end.
   * Answers the place to go on behind; undefined where nothing more is so old.
   */
  wakeOverdue(before: Instant, senders: Senders, after: OverduePlace, now: Instant): OverduePlace | undefined;
  /**
   * Some of the lanes behind `after`, in the order of their names: what is parked there waits no longer than `longestWait`
   * from now on, and the lane no longer than a block may last: later times are of a clock that was ahead. Answers the lane to
   * go on behind; undefined at the end.
   */
  pullIn(after: Lane, now: Instant, longestWait: Duration): Lane | undefined;
  /** History has these: everything in the outbox up to and including `row`. */
  forget(row: number): void;
  /** When the first lane wakes; undefined where none will. */
  nextWake(): Instant | undefined;
  /** What an operator does to these deliveries, at most `QUEUE.deliveriesPerAction`; those that are gone are left out. */
  act(action: QueueAction, rows: readonly DeliveryRow[], now: Instant): Acted;
  /** Takes what another relay had in its queue: whether each is new here, in order. */
  import(arrivals: readonly ImportedArrival[], now: Instant): boolean[];
  /** The lane may wake at once. False where it was not blocked. */
  unblock(lane: Lane, now: Instant): boolean;
  /** All that an operator paused. */
  pauses(): Pause[];
  /** Pauses since `now`, or resumes: undefined. False where it was so already. A paused lane does not wake. */
  pause(target: PauseTarget, now: Instant | undefined): boolean;
  /** After a start: what was in hand waits again, with `last` as its reason. Answers how many deliveries that were. */
  recover(now: Instant, last: string): number;
}

export interface SpaceReport {
  readonly freeOctets: number;
  readonly mayAccept: boolean;
  /** False: not even the end of a delivery could be recorded, so that none may begin. */
  readonly mayDeliver: boolean;
  /** The files that the store has open are not those at their paths any more, so that what is written is lost with the process. */
  readonly isStoreReplaced?: true;
}
