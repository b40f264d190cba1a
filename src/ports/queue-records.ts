import type { MessageId } from "../core/mail/message-id.ts";
import type { Standing } from "../core/queue/action.ts";
import type { Pause } from "../core/queue/pause.ts";
import type { Origin } from "../core/queue/selection.ts";

export interface QueuedDelivery {
  readonly row: number;
  readonly standing: Standing;
  readonly lane: string;
  readonly due: number;
  readonly attempts: number;
  readonly recipient: string;
  readonly last: string;
  /** It was imported, and is in a lane of the relay that it came from until its routes here are looked up. */
  readonly isUnrouted: boolean;
}

export interface QueuedMessage {
  readonly row: number;
  readonly id: string;
  readonly receivedAt: number;
  readonly octets: number;
  readonly envelope: string;
}

export interface QueuedLane {
  readonly lane: string;
  readonly backlog: number;
  /** Undefined where it does not wake: somebody serves it, or it is paused. */
  readonly wakeAt: number | undefined;
  readonly blockedUntil: number;
}

/** A look into the queue store while its writer goes on. */
export interface QueueRecords {
  /** Deliveries in the order in which their messages came, from the one after `row` on. */
  deliveries(row: number, limit: number): readonly QueuedDelivery[];
  /** The same of those that are held, or in hand. */
  standingDeliveries(standing: "held" | "in-hand", row: number, limit: number): readonly QueuedDelivery[];
  /** Those of one message. */
  deliveriesOf(row: number): readonly QueuedDelivery[];
  message(row: number): QueuedMessage | undefined;
  /** Also by the id that it had in the relay that it was imported from. */
  messageById(id: MessageId): QueuedMessage | undefined;
  /** The id of a message here, which is another one where it was imported. */
  ownId(id: MessageId): MessageId;
  /** The envelope sender of a message, and when it came; undefined where that ended meanwhile. */
  originOf(row: number): Origin | undefined;
  hasLane(lane: string): boolean;
  laneCount(): number;
  /** Those that are blocked at `now` first, then those where most waits. */
  lanes(now: number, limit: number): readonly QueuedLane[];
  pauses(): readonly Pause[];
  heldCount(): number;
  depth(): { readonly waiting: number; readonly inHand: number; readonly oldest: number | undefined };
}
