import type { Instant } from "../core/base/time.ts";
import { REASONS, type Reason } from "../core/queue/reason.ts";

// What the surfaces (command line, later HTTP API and console) may ask and say. They reach the engine through nothing else.

export interface LaneReport {
  readonly lane: string;
  readonly waiting: number;
  readonly wakeAt: Instant | undefined;
  readonly blockedUntil: Instant | undefined;
}

export interface StatusReport {
  readonly version: string;
  readonly hostname: string;
  readonly startedAt: Instant;
  readonly listeners: readonly string[];
  readonly waiting: number;
  readonly inHand: number;
  readonly oldest: Instant | undefined;
  /** Of the disk with the data folder; with less than `neededOctets` mail is refused with 452. */
  readonly freeOctets: number;
  readonly neededOctets: number;
  /** At most 20: those that are blocked first, then those where most waits. */
  readonly lanes: readonly LaneReport[];
  readonly lanesLeftOut: number;
}

export interface DeliveryReport {
  readonly id: string;
  readonly recipient: string;
  readonly from: string;
  readonly lane: string;
  readonly state: "waiting" | "in hand" | "delivered" | "failed" | "deferred";
  readonly attempts: number;
  /** When it is due, or when it ended. */
  readonly at: Instant;
  readonly receivedAt: Instant;
  readonly octets: number;
  readonly reason: string;
  /** The last that a next hop or the system said of it. */
  readonly text: string;
}

export interface MessageReport {
  readonly id: string;
  readonly from: string;
  readonly identity: string;
  readonly client: string;
  readonly subject: string;
  readonly octets: number;
  readonly receivedAt: Instant;
  /** Where each recipient stands now. */
  readonly deliveries: readonly DeliveryReport[];
  /** Attempts and ends, oldest first. */
  readonly history: readonly DeliveryReport[];
}

/** A page of the queue; `after` names where the next one begins, and is absent on the last. */
export interface QueuePage {
  readonly deliveries: readonly DeliveryReport[];
  readonly after: string | undefined;
}

export interface QueueQuery {
  readonly limit: number;
  readonly after: string | undefined;
}

export interface Operator {
  status(): StatusReport;
  list(query: QueueQuery): QueuePage;
  show(id: string): MessageReport | undefined;
}

export function reasonText(because: Reason | undefined): string {
  return because === undefined ? "" : `${because}: ${REASONS[because]}`;
}
