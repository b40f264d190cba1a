import type { Instant } from "../base/time.ts";
import type { MessageId } from "../mail/message-id.ts";
import type { Lane } from "../routing/lane.ts";
import type { Priority } from "./priority.ts";

// What of a queue goes to another relay in a file (adapters/queue-file).

export interface ExportHead {
  readonly hostname: string;
  readonly exportedAt: Instant;
}

export interface ExportedDelivery {
  readonly recipient: string;
  /** DSN parameters as the store has them. */
  readonly options: string;
  /** Its next hop there; the routes where it is taken choose anew. */
  readonly lane: Lane;
  readonly attempts: number;
  readonly priority: Priority;
  readonly isHeld: boolean;
  /** An operator had ended its wait. */
  readonly isExpiring: boolean;
  /** The sender heard of the delay. */
  readonly isTold: boolean;
  /** Why it waited, as the store has it. */
  readonly last: string;
}

export interface ExportedMessage {
  readonly id: MessageId;
  readonly receivedAt: Instant;
  /** Octets of content. */
  readonly octets: number;
  /** `StoredEnvelope` as JSON. */
  readonly envelope: string;
  readonly deliveries: readonly ExportedDelivery[];
}

export interface ExportEnd {
  readonly messages: number;
  readonly deliveries: number;
  /** Of all octets before this line, in hexadecimal. */
  readonly sha256: string;
}
