import type { Instant } from "../core/base/time.ts";
import type { QueueAction } from "../core/queue/action.ts";
import type { Pauses, PauseTarget } from "../core/queue/pause.ts";
import type { SiteStanding } from "../core/queue/site-standing.ts";
import type { Lane } from "../core/routing/lane.ts";
import type { Block, Rated, Site, SiteReport } from "../ports/queue.ts";
import type { Claimed, Commit, DeliveryRow, ImportedArrival, MessageRow, SpaceReport } from "../ports/store.ts";

// What the threads say to each other. Commits of a mail thread are answered in their order, so that an answer needs no
// number.

export type MailToStore =
  | { readonly kind: "commit"; readonly commit: Commit }
  /** The answer to `hear`. */
  | { readonly kind: "heard"; readonly number: number }
  /** What is known of a file of the spool? `spooled` is the answer. */
  | SpooledQuestion;

export type StoreToMail =
  | { readonly kind: "committed"; readonly rows: readonly MessageRow[] }
  | { readonly kind: "not-committed"; readonly reason: "full" | "failed"; readonly text: string }
  | { readonly kind: "claimed"; readonly claimed: readonly Claimed[] }
  | { readonly kind: "space"; readonly report: SpaceReport }
  | PausesMessage
  /** To be answered once all is in the store, or refused, that was taken before this was heard. */
  | { readonly kind: "hear"; readonly number: number }
  | SpooledAnswer
  | UnblockMessage
  /** An operator wants something of these, which this thread may have in hand. */
  | { readonly kind: "wanted"; readonly rows: readonly DeliveryRow[] };

export interface SpooledQuestion {
  readonly kind: "spooled?";
  readonly number: number;
  readonly name: string;
}

/** `mark`: of the message that was made of the file; undefined where none was. `failure` where the store could not look. */
export interface SpooledAnswer {
  readonly kind: "spooled";
  readonly number: number;
  readonly mark: string | undefined;
  readonly failure?: string;
}

/** What an operator paused: at the start, before all else, and at each change. */
export type PausesMessage = { readonly kind: "pauses" } & Pauses;

/** An operator wants the lane tried now, blocked or not. */
export interface UnblockMessage {
  readonly kind: "unblock";
  readonly lane: Lane;
}

export type MailToQueue =
  | { readonly kind: "demand"; readonly site: Site; readonly connections: number }
  | { readonly kind: "release"; readonly site: Site; readonly report: SiteReport }
  | { readonly kind: "progress"; readonly site: Site; readonly deliveries: number }
  | { readonly kind: "unblock"; readonly site: Site }
  /** Something wants to begin at a site where it has a rate; `isFirst` is the first transaction of a connection that asks. */
  | { readonly kind: "permit"; readonly site: Site; readonly what: Rated; readonly isFirst: boolean }
  /** One that asked is gone. */
  | { readonly kind: "withdraw"; readonly site: Site; readonly what: Rated }
  | { readonly kind: "sited"; readonly lane: Lane; readonly site: Site }
  | { readonly kind: "consumed"; readonly lane: Lane; readonly deliveries: number; readonly octets: number };

export type QueueToMail =
  | { readonly kind: "granted"; readonly site: Site; readonly slots: number }
  /**
   * Other mail threads have no connection there and want one: of its own it keeps at most so many once their turns are over.
   * That holds until the next word, so that nothing has to be taken back where one ends by itself; Infinity: all of them.
   */
  | { readonly kind: "keep"; readonly site: Site; readonly slots: number }
  | { readonly kind: "permitted"; readonly site: Site; readonly what: Rated }
  | { readonly kind: "blocked"; readonly site: Site; readonly block: Block };

export type QueueToStore =
  /** Deliveries of lanes that are due go to mail thread `mailThread`, at most `lanesMax` lanes. */
  | { readonly kind: "claim-due"; readonly now: Instant; readonly lanesMax: number; readonly mailThread: number }
  | { readonly kind: "claim-lane"; readonly lane: Lane; readonly now: Instant; readonly mailThread: number }
  | { readonly kind: "rest"; readonly lane: Lane; readonly blockedUntil: Instant };

export type StoreToQueue =
  | {
      readonly kind: "claimed";
      /** The answer to `claim-due`, or to `claim-lane`. */
      readonly isDue: boolean;
      readonly lanes: readonly ClaimedLane[];
    }
  | { readonly kind: "wake"; readonly at: Instant | undefined }
  | { readonly kind: "space"; readonly report: SpaceReport }
  | PausesMessage
  | UnblockMessage;

/** What the control thread asks of the store; an answer bears the number of its question. */
export type ControlToStore =
  /** History has everything up to this row of the outbox. */
  | { readonly kind: "forget"; readonly row: number }
  /** One step of an operator's action. */
  | {
      readonly kind: "act";
      readonly number: number;
      readonly action: QueueAction;
      readonly rows: readonly DeliveryRow[];
    }
  | { readonly kind: "pause"; readonly number: number; readonly target: PauseTarget; readonly isPaused: boolean }
  /** How the room on the disk is, for one that begins: what changes is told anyway. */
  | { readonly kind: "space?" }
  /** Mail of another relay's queue. */
  | { readonly kind: "import"; readonly number: number; readonly arrivals: readonly ImportedArrival[] };

export type StoreToControl =
  | { readonly kind: "acted"; readonly number: number; readonly changed: number; readonly inHand: number }
  /** `isChange` is false where it was so already. Where new mail is paused nothing more comes into the store. */
  | { readonly kind: "paused"; readonly number: number; readonly isChange: boolean }
  /** Whether each is new here. */
  | { readonly kind: "imported"; readonly number: number; readonly isNew: readonly boolean[] }
  | { readonly kind: "not-done"; readonly number: number; readonly reason: "full" | "failed"; readonly text: string }
  | { readonly kind: "space"; readonly report: SpaceReport };

/** What the control thread asks of the queue: where these lanes stand, and which sites hold most mail back, or have mail. */
export interface ControlToQueue {
  readonly kind: "standings";
  readonly number: number;
  readonly lanes: readonly Lane[];
  /** Sites at most. */
  readonly busiest: number;
  /** Also those that hold nothing back. */
  readonly hasActive: boolean;
}

export interface QueueToControl {
  readonly kind: "standings";
  readonly number: number;
  /** Those of the lanes that the queue knows something of. */
  readonly lanes: readonly LaneStanding[];
  /** Sites where mail waits for a limit, those that want most connections first. */
  readonly busiest: readonly SiteStanding[];
  readonly leftOut: number;
}

export interface LaneStanding {
  readonly lane: Lane;
  /** Undefined while the lane's servers are being looked up. */
  readonly site: SiteStanding | undefined;
}

export interface ClaimedLane {
  readonly lane: Lane;
  /** Deliveries, and octets of content in memory. */
  readonly count: number;
  readonly octets: number;
  readonly hasMore: boolean;
}

/** One direction to another thread. Messages said in one turn travel together. */
export interface Outlet<Message> {
  say(message: Message): void;
}
