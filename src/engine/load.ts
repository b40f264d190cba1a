import type { Priority } from "../core/queue/priority.ts";
import type { Lane } from "../core/routing/lane.ts";
import type { StoredEnvelope } from "../core/mail/stored.ts";
import type { MessageId } from "../core/mail/message-id.ts";
import type { Instant } from "../core/base/time.ts";
import type { DeliveryRow, WishInHand } from "../ports/store.ts";

/** A message that this mail thread has in hand. */
export interface MessageInHand {
  readonly id: MessageId;
  readonly receivedAt: Instant;
  readonly octets: number;
  readonly envelope: StoredEnvelope;
  /** Undefined: in the file of this id. */
  readonly content: Uint8Array | undefined;
  /** The lane that it was claimed from, for the queue counts what is out; undefined where it never left memory. */
  readonly claimedFrom: Lane | undefined;
  /** Deliveries of it that are still in hand. */
  left: number;
}

export interface DeliveryInHand {
  readonly row: DeliveryRow;
  readonly recipient: string;
  readonly options: string;
  readonly priority: Priority;
  attempts: number;
  /** Its sender was told that it is late, or that was decided against. */
  readonly isTold: boolean;
  /** What an operator wants of it before it is tried. */
  readonly wish: WishInHand;
  /** Steps of its route that cannot take it, whatever their state; forgotten when it leaves memory. */
  ruledOut?: Set<Lane>;
}

/** One transaction's worth: a message and recipients that share a lane. */
export interface Load {
  readonly message: MessageInHand;
  readonly lane: Lane;
  /** What its site's connections have to have in common to carry it: the order in which its servers are tried. */
  readonly order?: string;
  /** Of all its deliveries. */
  readonly priority: Priority;
  readonly deliveries: readonly DeliveryInHand[];
}

/** Puts a delivery to the others of its lane. */
export function group(groups: Map<Lane, DeliveryInHand[]>, lane: Lane, delivery: DeliveryInHand): void {
  const found = groups.get(lane);
  if (found === undefined) groups.set(lane, [delivery]);
  else found.push(delivery);
}
