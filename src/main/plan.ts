import type { MessagePort } from "node:worker_threads";
import type { Config, ListenAddress } from "../core/config/config.ts";
import type { SharedSessions } from "./session-count.ts";

/** What every thread is told at its start. Plain data. */
export interface RelayPlan {
  readonly version: string;
  readonly startedAt: number;
  readonly config: Config;
  readonly mailThreads: number;
  /** PEM texts. */
  readonly tls: { readonly certificate: string; readonly key: string } | undefined;
  /** PEM texts by smart host's name. */
  readonly authorities: Readonly<Record<string, readonly string[]>>;
  /** Tickets of one listener are good on all mail threads, and nowhere else. */
  readonly ticketSecret: Uint8Array;
  readonly isTerminal: boolean;
}

export interface MailThreadData {
  readonly plan: RelayPlan;
  readonly sessions: SharedSessions;
  readonly index: number;
  /** Where to listen, in the order of the configuration; ports are settled. */
  readonly addresses: readonly ListenAddress[];
  readonly store: MessagePort;
  readonly queue: MessagePort;
}

export interface QueueThreadData {
  readonly plan: RelayPlan;
  readonly mails: readonly MessagePort[];
  readonly store: MessagePort;
  readonly control: MessagePort;
}

export interface StoreThreadData {
  readonly plan: RelayPlan;
  readonly mails: readonly MessagePort[];
  readonly queue: MessagePort;
  readonly control: MessagePort;
}

export interface ControlThreadData {
  readonly plan: RelayPlan;
  readonly store: MessagePort;
  readonly queue: MessagePort;
}

/** What a thread tells the main thread. */
export type ThreadReport =
  | { readonly kind: "log"; readonly lines: string }
  /** A mail thread: the ports it listens on; the store thread: deliveries that were in hand. */
  | { readonly kind: "ready"; readonly ports?: readonly number[]; readonly recovered?: number }
  | { readonly kind: "failed"; readonly text: string; readonly isDiskFull?: boolean }
  | { readonly kind: "stopped" };

/** What the main thread tells a thread. */
export type ThreadOrder = { readonly kind: "stop" };

/** Paths in the data folder. */
export function dataPaths(data: string): {
  readonly queue: string;
  readonly content: string;
  readonly history: string;
  readonly socket: string;
  readonly reserve: string;
} {
  return {
    queue: `${data}/queue.db`,
    content: `${data}/content`,
    history: `${data}/history`,
    socket: `${data}/control.sock`,
    reserve: `${data}/reserve`,
  };
}
