import type { OUTBOUND_TIME } from "../base/limits.ts";
import type { ServerReply } from "../smtp/reply-decoder.ts";
import type { Status } from "../smtp/reply.ts";
import { standingOf } from "./standing.ts";

/** What a session waits for; its deadline is `OUTBOUND_TIME[phase]`. */
export type Phase = keyof typeof OUTBOUND_TIME;

/**
 * How far a failure reaches: this recipient, this message (all its recipients), this connection (another address of
 * the site may do better), the whole site (no other message will fare better there), or our egress source.
 */
export type Scope = "recipient" | "message" | "session" | "site" | "source";

// Why, from a closed list; each with the subject and detail of RFC 3463 that stand where the server gave none.
const CAUSES = {
  /** The name of the site has no address, or nobody could be asked. */
  unresolved: "4.3",
  /** The domain does not exist, or has no server. */
  "domain-unknown": "1.2",
  /** The domain says that it takes no mail (RFC 7505). */
  "null-mx": "1.10",
  /** Its servers have no address that mail may go to. */
  unreachable: "4.4",
  /** Its servers are ourselves. */
  loop: "4.6",
  /** The egress source cannot be used: its address is not ours. */
  "source-unusable": "3.5",
  "connect-failed": "4.1",
  "connection-lost": "4.2",
  "timed-out": "4.2",
  /** What came is not SMTP, or answers nothing that was asked. */
  "protocol-error": "5.0",
  /** The server said 421 (RFC 5321 section 3.8). */
  "service-closing": "3.2",
  /** The server says that it is us: mail would come back. */
  ourselves: "3.5",
  "greeting-refused": "3.0",
  "ehlo-refused": "5.0",
  "tls-unavailable": "7.4",
  "tls-failed": "7.5",
  /** Octets in clear after the answer to STARTTLS: somebody put them there (CVE-2021-38371 and its kin). */
  "tls-injection": "7.5",
  "auth-unavailable": "7.4",
  "auth-refused": "7.8",
  /** The server wants a login that we do not have: 530 and its kin, at any point. */
  "auth-required": "7.0",
  /** A smart host does not relay for us; our quota there is used up; our account there is closed (standing.ts). */
  "relay-denied": "7.1",
  "quota-exceeded": "4.5",
  "account-paused": "7.0",
  "mail-refused": "0.0",
  "rcpt-refused": "0.0",
  /** The rest of the recipients belongs into a new transaction, at once (RFC 5321 section 4.5.3.1.10). */
  "too-many-recipients": "5.3",
  "data-refused": "0.0",
  "content-refused": "0.0",
  "too-big": "3.4",
  "needs-8bitmime": "6.3",
  /** An address; and the header alone (RFC 6531 section 3.2's codes 6.7 and 6.9). */
  "needs-smtputf8": "6.7",
  "header-needs-smtputf8": "6.9",
  /** We stopped or could not go on: shutdown, a lease that ran out. */
  "stopped-here": "3.0",
  /** Our disk does not give the message's content back. */
  "content-unreadable": "3.0",
} as const;

export type Cause = keyof typeof CAUSES;

/** What a driver can say of a connection that is gone. */
export type LossCause =
  | "unresolved"
  | "source-unusable"
  | "connect-failed"
  | "connection-lost"
  | "tls-failed"
  | "stopped-here"
  | "content-unreadable";

export interface Delivered {
  readonly kind: "delivered";
  /** The answer to the final dot. */
  readonly reply: ServerReply;
  /** The server offers DSN and has what the sender asked for: reports of success are its business. */
  readonly isDsnPassedOn: boolean;
}

interface Failed {
  readonly cause: Cause;
  readonly phase: Phase;
  /** What the server said, verbatim; undefined where it said nothing. */
  readonly reply: ServerReply | undefined;
  /** Our, the system's or the TLS library's words where there is no reply. May quote the peer: escape before display. */
  readonly detail: string;
}

export interface Transient extends Failed {
  readonly kind: "transient";
  readonly scope: Scope;
  readonly status: Status<4>;
  /** The final dot was sent and its answer is not known (promise P3): only the normal retry may follow. */
  readonly isPossibleDuplicate: boolean;
}

/** Never about us: what a server has against our login, name, address or certificate is transient (promise P5). */
export interface Permanent extends Failed {
  readonly kind: "permanent";
  readonly scope: "recipient" | "message";
  readonly status: Status<5>;
}

export type Failure = Transient | Permanent;
export type Outcome = Delivered | Failure;

/** The server's enhanced code in the class of the outcome, else the cause's own. */
function statusOf<Class extends 4 | 5>(kind: Class, cause: Cause, reply: ServerReply | undefined): Status<Class> {
  const detail = reply?.status === undefined ? CAUSES[cause] : reply.status.slice(2);
  return `${kind}.${detail}` as Status<Class>;
}

function transientReply(phase: Phase, cause: Cause, scope: Scope, reply: ServerReply): Transient {
  const status = statusOf(4, cause, reply);
  return { kind: "transient", scope, cause, phase, status, reply, detail: "", isPossibleDuplicate: false };
}

/** Trouble without a reply. */
export function trouble(
  phase: Phase,
  cause: Cause,
  scope: Scope,
  detail: string,
  isPossibleDuplicate = false,
): Transient {
  const status = statusOf(4, cause, undefined);
  return { kind: "transient", scope, cause, phase, status, reply: undefined, detail, isPossibleDuplicate };
}

const LOSS_SCOPES: Readonly<Record<LossCause, Scope>> = {
  unresolved: "site",
  "source-unusable": "source",
  "connect-failed": "session",
  "connection-lost": "session",
  "tls-failed": "site", // a bad certificate is about the smart host, never about the recipient
  "stopped-here": "session",
  "content-unreadable": "message", // says nothing of the site
};

export function loss(phase: Phase, cause: LossCause, detail: string, isPossibleDuplicate = false): Transient {
  return trouble(phase, cause, LOSS_SCOPES[cause], detail, isPossibleDuplicate);
}

export function delivered(reply: ServerReply, isDsnPassedOn: boolean): Delivered {
  return { kind: "delivered", reply, isDsnPassedOn };
}

/** 421: the server is going, whatever was asked. After the final dot that is no answer to it (ATTACKS row 17). */
export function closing(phase: Phase, reply: ServerReply, isPossibleDuplicate = false): Transient {
  return { ...transientReply(phase, "service-closing", "session", reply), isPossibleDuplicate };
}

/** A refusal of the session (greeting, EHLO, STARTTLS, AUTH): 5yz is about us and the whole site, 4yz about this connection. */
export function refusedSession(phase: Phase, cause: Cause, reply: ServerReply): Transient {
  return transientReply(phase, cause, reply.code >= 500 ? "site" : "session", reply);
}

/** A reply that answers nothing that was asked: not success, not failure, the end of the session. */
export function astray(phase: Phase, reply: ServerReply, isPossibleDuplicate: boolean): Transient {
  return { ...transientReply(phase, "protocol-error", "session", reply), isPossibleDuplicate };
}

/** RFC 4954 section 6: codes that are about who we are, wherever they come. */
function isAboutLogin(code: number): boolean {
  return code === 530 || code === 534 || code === 535 || code === 538;
}

/** A refusal (4yz or 5yz) of something in a transaction. `isOurRelay`: by a smart host, of which we are a client. */
export function refused(
  phase: Phase,
  cause: Cause,
  scope: "recipient" | "message",
  reply: ServerReply,
  isOurRelay: boolean,
): Failure {
  if (isAboutLogin(reply.code)) return transientReply(phase, "auth-required", "site", reply);
  const standing = isOurRelay ? standingOf(reply, phase) : undefined;
  if (standing !== undefined) return transientReply(phase, standing, "site", reply);
  if (reply.code < 500) return transientReply(phase, cause, scope, reply);
  return { kind: "permanent", scope, cause, phase, status: statusOf(5, cause, reply), reply, detail: "" };
}

const TOO_MANY = /\btoo many (?:recipients|rcpts?)\b/i;

/** RFC 5321 section 4.5.3.1.10: 452, and from old servers 552 and others, for recipients beyond what one transaction takes. */
export function refusedRecipient(reply: ServerReply, isFirst: boolean, isOurRelay: boolean): Failure {
  const isSaid = reply.status?.endsWith(".5.3") === true || TOO_MANY.test(reply.lines.join(" "));
  const isTooMany = isSaid || isPlain452(reply);
  if (!isTooMany) return refused("rcpt", "rcpt-refused", "recipient", reply, isOurRelay);
  // Where none was accepted before it, a new transaction with the same recipients would end here again: it waits.
  if (isFirst) return transientReply("rcpt", "rcpt-refused", "recipient", reply);
  return transientReply("rcpt", "too-many-recipients", "recipient", reply);
}

function isPlain452(reply: ServerReply): boolean {
  return reply.code === 452 && reply.status === undefined;
}

/** The server does not offer what this message needs. */
export function unsuited(
  cause: "too-big" | "needs-8bitmime" | "needs-smtputf8" | "header-needs-smtputf8",
  detail: string,
): Permanent {
  const status = statusOf(5, cause, undefined);
  return { kind: "permanent", scope: "message", cause, phase: "mail", status, reply: undefined, detail };
}

const UNROUTABLE = { "5.1.2": "domain-unknown", "5.1.10": "null-mx", "5.4.4": "unreachable", "5.4.6": "loop" } as const;

/** The DNS says for certain that there is nobody to send to. */
export function unroutable(status: keyof typeof UNROUTABLE, detail: string): Permanent {
  const cause = UNROUTABLE[status];
  return { kind: "permanent", scope: "recipient", cause, phase: "connect", status, reply: undefined, detail };
}
