import type { Notify } from "./envelope.ts";
import type { MessageId } from "./message-id.ts";

/** What is kept with a message for its deliveries and for people; JSON in the store. */
export interface StoredEnvelope {
  /** As between the brackets of MAIL; `""` is the null reverse-path. */
  readonly from: string;
  /** Whose message it is: `user NAME` or `network CIDR`; `mailer-daemon` where we wrote it. */
  readonly identity: string;
  /** Address of the client; empty where there was none. */
  readonly client: string;
  /** Header fields that we put before the content, trace first, with CR LF. */
  readonly prefix: string;
  readonly isEightBit: boolean;
  /** Envelope or header have non-ASCII text. */
  readonly isUtf8: boolean;
  readonly subject: string;
  readonly ret?: "full" | "hdrs";
  readonly envelopeId?: string;
  /** It tells postmaster of a report that failed: nobody is told where it fails too. */
  readonly isNotice?: true;
  /** It is a report of ours, about this. */
  readonly about?: ReportedMessage;
  /** Undefined where there was none: we wrote it. */
  readonly session?: StoredSession;
  /** It came from another relay's queue, where it had this id. */
  readonly wasId?: MessageId;
}

/** The session that a message came in, for whoever asks later why it was taken. */
export interface StoredSession {
  readonly listener: string;
  /** What the client called itself, cut to what a name may have. */
  readonly hello: string;
  /** RFC 3848. */
  readonly protocol: string;
  /** `TLSv1.3 TLS_AES_256_GCM_SHA384`; empty without. */
  readonly tls: string;
  /** Which of `credentials[].senders` or `access.senders` its sender is like; empty where any sender may be used. */
  readonly senderRule: string;
}

/** What history keeps of how a message came; JSON in the store, where the envelope is gone. */
export interface StoredArrival {
  readonly client: string;
  readonly session?: StoredSession;
  /** The message that a report is about. */
  readonly about?: MessageId;
  readonly wasId?: MessageId;
}

export function arrivalOf({ client, session, about, wasId }: StoredEnvelope): StoredArrival {
  return {
    client,
    ...(session === undefined ? {} : { session }),
    ...(about === undefined ? {} : { about: about.id }),
    ...(wasId === undefined ? {} : { wasId }),
  };
}

export function storeArrival(envelope: StoredEnvelope): string {
  return JSON.stringify(arrivalOf(envelope));
}

/** Undefined for the text of an older version, which kept none. */
export function readArrival(text: string): StoredArrival | undefined {
  return text === "" ? undefined : (JSON.parse(text) as StoredArrival);
}

/** What is kept of a message with a report about it: enough to find it, where the report cannot be delivered. */
export interface ReportedMessage {
  readonly id: MessageId;
  readonly action: "failed" | "delayed" | "relayed";
  readonly subject: string;
  /** The first of them. */
  readonly recipients: readonly string[];
  /** How many the report is about. */
  readonly count: number;
}

/** The identity of what we wrote ourselves. */
export const MAILER_DAEMON = "mailer-daemon";

/** DSN parameters of one recipient; `""` in the store where there are none. */
export interface StoredOptions {
  readonly notify?: Notify;
  readonly originalRecipient?: string;
}

export function storeOptions(options: StoredOptions): string {
  return options.notify === undefined && options.originalRecipient === undefined ? "" : JSON.stringify(options);
}

const NO_OPTIONS: StoredOptions = {};

export function readOptions(text: string): StoredOptions {
  return text === "" ? NO_OPTIONS : (JSON.parse(text) as StoredOptions);
}
