import type { Instant } from "../core/base/time.ts";
import type { Lane } from "../core/routing/lane.ts";
import type { DeliveryRow } from "./store.ts";

/** What history keeps of an attempt or an end. Mail threads write it as JSON, the store carries it without a look inside. */
export interface HistoryEntry {
  readonly at: Instant;
  readonly id: string;
  readonly row: DeliveryRow;
  readonly outcome: string;
  readonly recipient: string;
  readonly lane: Lane;
  readonly host: string;
  readonly attempts: number;
  readonly reply: string;
  /** The reason of a retry; for a refusal, whether its sender was told. */
  readonly note: string;
  /** What was said in the attempt, a line each (core/outbound/transcript); empty where another recipient's entry has it. */
  readonly transcript: string;
  /** How the message came (core/mail/stored), with the transcript; empty as that is. */
  readonly arrival: string;
  readonly from: string;
  readonly identity: string;
  readonly subject: string;
  readonly octets: number;
  readonly receivedAt: Instant;
}
