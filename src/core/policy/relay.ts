import { unreachable } from "../base/invariant.ts";
import type { ForwardPath, ReversePath } from "../mail/path.ts";
import { type Reply, permfail } from "../smtp/reply.ts";
import { matches, subjectOf } from "./address-pattern.ts";
import type { Identity } from "./identity.ts";

/** Why MAIL or RCPT was refused: a closed list, for logs and for people. */
export type RefusalReason =
  | "tls-required"
  | "authentication-required"
  | "revoked"
  | "relay-denied"
  | "sender-not-permitted"
  | "address-literal"
  | "no-postmaster"
  | "no-route";

export interface Refusal {
  readonly kind: "refuse";
  readonly reason: RefusalReason;
  readonly reply: Reply;
}

export type Verdict = { readonly kind: "accept" } | Refusal;

/** What the rules have to know of the session besides who it is. */
export interface SessionFacts {
  readonly isTls: boolean;
  /** `listeners[].require_tls` */
  readonly isTlsRequired: boolean;
  /** Whether this listener takes passwords: never, at once, or only once TLS stands. */
  readonly auth: "unavailable" | "available" | "after-tls";
}

const ACCEPT: Verdict = { kind: "accept" };

function refuse(reason: RefusalReason, reply: Reply): Refusal {
  return { kind: "refuse", reason, reply };
}

// RFC 3207 section 4 and RFC 4954 section 6 give the words.
const TLS_REQUIRED = refuse("tls-required", permfail(530, "5.7.0", "Must issue a STARTTLS command first"));
const AUTHENTICATION_REQUIRED = refuse("authentication-required", permfail(530, "5.7.0", "Authentication required"));
const AUTHENTICATION_AFTER_TLS = refuse("authentication-required", TLS_REQUIRED.reply);
// RFC 4954 section 6: what the client logged in with is not valid any more.
const REVOKED = refuse("revoked", permfail(535, "5.7.8", "What let you in is not valid any more"));
const SENDER_NOT_PERMITTED = refuse(
  "sender-not-permitted",
  permfail(550, "5.7.1", "You may not use this sender address"),
);
const RELAY_DENIED = refuse("relay-denied", permfail(550, "5.7.1", "Relay access denied"));
const NO_POSTMASTER = refuse(
  "no-postmaster",
  permfail(550, "5.1.1", "No mailboxes here; write to postmaster@ and the domain that you mean"),
);
const ADDRESS_LITERAL = refuse("address-literal", permfail(550, "5.1.2", "Address literals are not routed"));
const NO_ROUTE = refuse("no-route", permfail(550, "5.7.1", "There is no route to this recipient"));

function strangerVerdict(facts: SessionFacts): Verdict {
  switch (facts.auth) {
    case "available":
      return AUTHENTICATION_REQUIRED;
    case "after-tls":
      return AUTHENTICATION_AFTER_TLS;
    case "unavailable":
      return ACCEPT; // no password would help: RCPT says so (recipientVerdict)
    default:
      return unreachable(facts.auth);
  }
}

/** The answer to MAIL. Whoever may relay may do so from some addresses: a credential's own, or those of all trusted networks, which local users share. */
export function senderVerdict(identity: Identity, reversePath: ReversePath, facts: SessionFacts): Verdict {
  if (facts.isTlsRequired && !facts.isTls) return TLS_REQUIRED;
  switch (identity.kind) {
    case "none":
      return identity.wasRevoked === true ? REVOKED : strangerVerdict(facts);
    case "network":
    case "local":
    case "credential": {
      const subject = subjectOf(reversePath);
      return identity.senders.some((pattern) => matches(pattern, subject)) ? ACCEPT : SENDER_NOT_PERMITTED;
    }
    default:
      return unreachable(identity);
  }
}

/** What the rules about a recipient have to know besides who asks. */
export interface RecipientFacts {
  /** Some route takes it. */
  readonly hasRoute: boolean;
  /** `delivery.address_literals` */
  readonly permitsLiterals: boolean;
}

/**
 * The answer to RCPT. The identity comes first, in every state of the session (promise P4): a stranger learns nothing
 * about routes.
 */
export function recipientVerdict(identity: Identity, forwardPath: ForwardPath, facts: RecipientFacts): Verdict {
  if (identity.kind === "none") return RELAY_DENIED;
  if (forwardPath.kind === "postmaster") return NO_POSTMASTER;
  if (forwardPath.domain.kind === "literal" && !facts.permitsLiterals) return ADDRESS_LITERAL;
  return facts.hasRoute ? ACCEPT : NO_ROUTE;
}
