import type { MessagePort } from "node:worker_threads";
import type { Config, ListenAddress } from "../core/config/config.ts";
import type { ReloadAnswer, ReloadRequest } from "../engine/operator.ts";
import type { PemPair } from "../adapters/net/tls-context.ts";
import type { SharedSessions } from "./session-count.ts";

/** What every thread is told at its start. Plain data. */
export interface RelayPlan {
  readonly version: string;
  readonly startedAt: number;
  readonly config: Config;
  readonly mailThreads: number;
  /** What each listener shows, in the order of the configuration; nothing without TLS. */
  readonly certificates: readonly (readonly PemPair[])[];
  /** PEM texts by smart host's name. */
  readonly authorities: Readonly<Record<string, readonly string[]>>;
  /** Tickets of one listener are good on all mail threads, and nowhere else. */
  readonly ticketSecret: Uint8Array;
  readonly isTerminal: boolean;
  /** Addresses in the log are hashed by it; undefined where they are not. */
  readonly logKey: Uint8Array | undefined;
}

/** Of a listener, in the order of the configuration. */
export interface ListeningPlace {
  /** Its port is settled once a mail thread listens there. */
  readonly address: ListenAddress;
  /** A socket that was handed over; one thread listens on it. */
  readonly descriptor?: number;
  /** Its number among the counts that the mail threads share: its own, also when the order changes. */
  readonly place: number;
}

export interface MailThreadData {
  readonly plan: RelayPlan;
  readonly sessions: SharedSessions;
  readonly index: number;
  readonly listening: readonly ListeningPlace[];
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
  /** The process before this one did not end by itself, so that nobody closed the store. */
  readonly wasKilled: boolean;
}

export interface ControlThreadData {
  readonly plan: RelayPlan;
  /** Looked at only. */
  readonly sessions: SharedSessions;
  readonly store: MessagePort;
  readonly queue: MessagePort;
}

/** What a thread tells the main thread. */
export type ThreadReport =
  | { readonly kind: "log"; readonly lines: string }
  /** Its modules are loaded: it begins when it is told to. */
  | { readonly kind: "loaded" }
  /** The store thread: deliveries that were in hand. A mail thread listens at the first `prepare`. */
  | { readonly kind: "ready"; readonly recovered?: number }
  | { readonly kind: "failed"; readonly text: string; readonly isDiskFull?: boolean }
  | { readonly kind: "stopped" }
  | ThreadAnswer
  /** The control thread: somebody asks for a reload, or what one would change. */
  | { readonly kind: "asked"; readonly number: number; readonly request: ReloadRequest };

/** The answer to a `prepare` or `adopt`, in their order. */
export type ThreadAnswer =
  | { readonly kind: "prepared"; readonly ports: readonly number[] }
  | { readonly kind: "not-prepared"; readonly text: string }
  | { readonly kind: "adopted" };

/** What the main thread tells a thread. */
export type ThreadOrder =
  /** The first that does anything: it is this thread's turn in the start of the relay. `data` is of its kind. */
  | { readonly kind: "begin"; readonly data: object }
  | { readonly kind: "stop" }
  /** The control thread: the relay stops, and what is under way ends first. */
  | { readonly kind: "stopping" }
  /** A mail thread: be ready to go by another plan. Nothing changes yet. */
  | { readonly kind: "prepare"; readonly plan: RelayPlan; readonly listening: readonly ListeningPlace[] }
  /** Another thread cannot: what was prepared is dropped. */
  | { readonly kind: "abandon" }
  /** Go by this plan from now on. `changedHosts`: smart hosts that are not what they were. */
  | { readonly kind: "adopt"; readonly plan: RelayPlan; readonly changedHosts: readonly string[] }
  /** The control thread: what became of a request. */
  | { readonly kind: "answer"; readonly number: number; readonly answer: ReloadAnswer };

/** Paths in the data folder. */
export function dataPaths(data: string): {
  readonly queue: string;
  readonly content: string;
  readonly history: string;
  readonly socket: string;
  readonly reserve: string;
  readonly pid: string;
  readonly logKey: string;
} {
  return {
    queue: `${data}/queue.db`,
    content: `${data}/content`,
    history: `${data}/history`,
    socket: `${data}/control.sock`,
    reserve: `${data}/reserve`,
    pid: `${data}/waypost.pid`,
    logKey: `${data}/log.key`,
  };
}
