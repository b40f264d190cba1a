import { type Duration, type Instant, day } from "../core/base/time.ts";
import type { StoredSession } from "../core/mail/stored.ts";
import type { ConfigChange } from "../core/config/diff.ts";
import type { QueueAction } from "../core/queue/action.ts";
import { REASONS, type Reason } from "../core/queue/reason.ts";
import type { SelectionTexts } from "../core/queue/selection.ts";
import type { SiteStanding } from "../core/queue/site-standing.ts";

// What the surfaces (command line, later HTTP API and console) may ask and say. They reach the engine through nothing else.

export interface LaneReport {
  readonly lane: string;
  readonly waiting: number;
  readonly wakeAt: Instant | undefined;
  readonly blockedUntil: Instant | undefined;
}

/** Of the last 10 seconds, and of the last minute. */
export interface TrafficReport {
  /** Messages that were accepted, and reports of ours. */
  readonly arrivedPerSecond: number;
  readonly deliveredPerSecond: number;
  readonly deferredPerSecond: number;
  readonly failedPerSecond: number;
  /** From acceptance to delivery: within what half of them were, and 95 of 100. Undefined where there was none. */
  readonly latency: { readonly half: Duration; readonly most: Duration } | undefined;
}

export interface StatusReport {
  readonly version: string;
  readonly hostname: string;
  readonly startedAt: Instant;
  /** A relay that stops takes no new mail, and ends when what is under way has ended. */
  readonly state: "running" | "stopping";
  readonly listeners: readonly string[];
  readonly waiting: number;
  readonly inHand: number;
  /** By an operator; not among those that wait. */
  readonly held: number;
  /** What an operator paused. */
  readonly paused: readonly PauseReport[];
  readonly oldest: Instant | undefined;
  /** Of the disk with the data folder; with less than `neededOctets` mail is refused with 452. */
  readonly freeOctets: number;
  readonly neededOctets: number;
  /** The queue's files were removed or replaced under the relay: mail is refused with 451, and what is queued ends with the process. */
  readonly isStoreReplaced?: true;
  /** At most 20: those that are blocked first, then those where most waits. */
  readonly lanes: readonly LaneReport[];
  readonly lanesLeftOut: number;
  /** Where mail waits for a limit of its site, at most 20, and those of the lanes that are blocked; undefined: not known. */
  readonly sites?: readonly SiteStanding[];
  readonly sitesLeftOut?: number;
  readonly traffic?: TrafficReport;
  /** Clients that are connected now. */
  readonly sessions?: number;
  /** Files that wait in the spool, of its first 1000 entries; `hasMore`: it has more entries. */
  readonly spool?: { readonly folder: string; readonly files: number; readonly hasMore: boolean };
  /** Files in the spool's folder `dead`, and when the oldest came there; of 1000 there may be more. */
  readonly dead?: { readonly folder: string; readonly files: number; readonly oldest: Instant | undefined };
}

export interface PauseReport {
  /** `inbound`, `outbound` or a lane. */
  readonly target: string;
  readonly since: Instant;
}

export interface DeliveryReport {
  readonly id: string;
  readonly recipient: string;
  readonly from: string;
  readonly lane: string;
  readonly state: "waiting" | "held" | "in hand" | "delivered" | "failed" | "cancelled" | "deferred";
  /** Those that count against the recipient: what a smart host refuses to all mail, also a connection, is none. */
  readonly attempts: number;
  /** When it is due, since when it is held, or when it ended. */
  readonly at: Instant;
  readonly receivedAt: Instant;
  readonly octets: number;
  readonly reason: string;
  /** The last that a next hop or the system said of it. */
  readonly text: string;
  /** Of an attempt: what was said, a line each; empty where there was none, or another recipient's entry has it. */
  readonly transcript: string;
  /** Of an attempt without one: the recipient of the same attempt whose entry has it. */
  readonly transcriptOf?: string;
  /** It was imported: `lane` is of the relay that it came from, and the routes here choose one when it goes. */
  readonly isUnrouted?: true;
  /** It waits, and goes when its lane, or all deliveries, are resumed. */
  readonly isPaused?: true;
}

export interface MessageReport {
  readonly id: string;
  readonly from: string;
  readonly identity: string;
  readonly client: string;
  readonly subject: string;
  readonly octets: number;
  readonly receivedAt: Instant;
  /** The session that it came in; undefined where there was none, or an older version took the message. */
  readonly session?: StoredSession;
  /** It is a report of ours, about the message of this id. */
  readonly about?: string;
  /** It was imported: its id in the relay that it came from. */
  readonly wasId?: string;
  /** Where each recipient stands now. */
  readonly deliveries: readonly DeliveryReport[];
  /** Attempts and ends, oldest first. */
  readonly history: readonly DeliveryReport[];
}

/** A page of the queue, which may be empty; `after` names where the next one begins, and is absent on the last. */
export interface QueuePage {
  readonly deliveries: readonly DeliveryReport[];
  readonly after: string | undefined;
}

export interface QueueQuery {
  readonly limit: number;
  readonly after: string | undefined;
  /** Only what this selects. */
  readonly filter: SelectionTexts;
}

export interface CountQuery {
  readonly filter: SelectionTexts;
  /** Only what this would change. */
  readonly action: QueueAction | undefined;
  /** Where to go on: what the page before said. */
  readonly after: string | undefined;
  /** The last that the page before counted, so that a message that two pages have is counted once. */
  readonly counted: string | undefined;
}

/** How much is like that among the next of the queue; `after` names where the next page begins, and is absent on the last. */
export interface CountPage {
  readonly deliveries: number;
  readonly messages: number;
  readonly lanes: readonly { readonly lane: string; readonly deliveries: number }[];
  readonly after: string | undefined;
  readonly counted: string | undefined;
}

/** What was asked for is not done, and why. */
export interface Refusal {
  /**
   * The request is wrong, there is nothing that it could be about, the store failed and may not do so later, or the
   * configuration is not valid.
   */
  readonly kind: "wrong" | "nothing" | "failed" | "invalid";
  readonly refused: string;
}

export interface ActionRequest {
  readonly action: QueueAction;
  readonly selection: SelectionTexts;
  /** Only what was received until then: what was counted, and nothing that came since. */
  readonly until?: Instant | undefined;
  /** Where to go on, and whether something was found so far, as the report before said. */
  readonly after?: string | undefined;
  readonly hasMatch?: boolean;
}

export interface ActionReport {
  /** Deliveries that were changed at once. */
  readonly changed: number;
  /** Deliveries in hand of a mail thread: it is noted for when they would wait again, or they are tried already. */
  readonly inHand: number;
  /** Whether anything in the queue is meant, changed or not. */
  readonly hasMatch: boolean;
  /** A lane with mail that may have been meant, where nothing is. */
  readonly nearest?: string;
  /** Set where there is more: ask again with it. */
  readonly after: string | undefined;
}

export interface PauseRequest {
  /** `inbound`, `outbound` or a lane. */
  readonly target: string;
  readonly isPaused: boolean;
}

export interface PauseChange extends PauseRequest {
  /** False where it was so already. */
  readonly isChange: boolean;
}

/** To remove days of history: those older than this, or where it is not given what the configuration says. */
export interface PruneRequest {
  readonly olderThan?: Duration | undefined;
}

/** Days in UTC that went, oldest first, and what is left. */
export interface PruneReport {
  readonly days: readonly string[];
  readonly octets: number;
  readonly daysLeft: number;
  readonly octetsLeft: number;
}

/** What was taken of another relay's queue. */
export interface ImportReport {
  readonly messages: number;
  readonly deliveries: number;
  /** Messages that came before, and were not taken again. */
  readonly known: number;
}

/** A request as it came. */
export function pruneRequest(text: unknown): PruneRequest | Refusal {
  const { olderThan } = (typeof text === "object" && text !== null ? text : {}) as Record<string, unknown>;
  if (olderThan !== undefined && !(typeof olderThan === "number" && olderThan >= day))
    return { kind: "wrong", refused: "to prune history takes an age of a day at least, in milliseconds" };
  return { olderThan };
}

/** To go by the configuration as it is now; or only to say what that would change. */
export interface ReloadRequest {
  readonly isDryRun: boolean;
  /** Another file than the relay was started with, as an absolute path; for a dry run only. */
  readonly file?: string;
}

/** What a reload did, or would do. */
export interface ReloadReport {
  /** The file, or `WAYPOST_RELAYHOST`. */
  readonly source: string;
  readonly changes: readonly ConfigChange[];
  /** Files of certificates that hold others than before; absent where it was not done. */
  readonly renewed?: readonly string[];
  /** What is permitted and probably not meant. */
  readonly warnings: readonly string[];
}

/** `refused`: it is not valid, or something that it asks for is not to be had; nothing was changed. */
export type ReloadAnswer = ReloadReport | Refusal;

/** A request as it came. */
export function reloadRequest(text: unknown): ReloadRequest | Refusal {
  const { isDryRun, file } = (typeof text === "object" && text !== null ? text : {}) as Record<string, unknown>;
  if (typeof isDryRun !== "boolean" || (file !== undefined && typeof file !== "string"))
    return { kind: "wrong", refused: "a reload takes isDryRun, and the file for a dry run" };
  return file === undefined ? { isDryRun } : { isDryRun, file };
}

/** What can be asked of the stores, whether the relay runs or not. */
export interface Operator {
  status(): StatusReport;
  list(query: QueueQuery): QueuePage | Refusal;
  count(query: CountQuery): CountPage | Refusal;
  show(id: string): MessageReport | undefined;
}

export function reasonText(because: Reason | undefined): string {
  return because === undefined ? "" : `${because}: ${REASONS[because]}`;
}
