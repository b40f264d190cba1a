import type { Instant } from "../core/base/time.ts";
import type { Lane } from "../core/routing/lane.ts";
import type { Block, Site, SiteReport } from "../ports/queue.ts";
import type { Claimed, Commit, MessageRow, SpaceReport } from "../ports/store.ts";

// What the threads say to each other. Commits of a mail thread are answered in their order, so that an answer needs no
// number.

export type MailToStore = { readonly kind: "commit"; readonly commit: Commit };

export type StoreToMail =
  | { readonly kind: "committed"; readonly rows: readonly MessageRow[] }
  | { readonly kind: "not-committed"; readonly reason: "full" | "failed"; readonly text: string }
  | { readonly kind: "claimed"; readonly claimed: readonly Claimed[] }
  | { readonly kind: "space"; readonly report: SpaceReport };

export type MailToQueue =
  | { readonly kind: "demand"; readonly site: Site; readonly connections: number }
  | { readonly kind: "release"; readonly site: Site; readonly report: SiteReport }
  | { readonly kind: "progress"; readonly site: Site; readonly deliveries: number }
  | { readonly kind: "sited"; readonly lane: Lane; readonly site: Site }
  | { readonly kind: "consumed"; readonly lane: Lane; readonly deliveries: number; readonly octets: number };

export type QueueToMail =
  | { readonly kind: "granted"; readonly site: Site; readonly slots: number }
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
  | { readonly kind: "space"; readonly report: SpaceReport };

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
