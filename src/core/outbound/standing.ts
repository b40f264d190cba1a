import type { ServerReply } from "../smtp/reply-decoder.ts";
import type { Phase } from "./outcome.ts";

/** What a smart host has against us, as opposed to a recipient or a message. */
export type Standing = "relay-denied" | "quota-exceeded" | "account-paused";

const RELAYING =
  /\brelay(?:ing)?(?: access)?(?: is)? (?:denied|prohibited|not (?:permitted|allowed))|\bunable to relay|\bnot (?:permitted|allowed) to relay|\bwe do not relay/i;
const QUOTA =
  /\b(?:daily|hourly|monthly|user) (?:user )?(?:sending|message|mail|e-?mail) (?:limit|quota)|\bsending (?:limit|quota|rate)|\bmaximum send(?:ing)? rate|\bmessages? per (?:second|minute|hour|day)/i;
const PAUSED =
  /\bsending (?:is |has been )?(?:paused|disabled|suspended|blocked)|\b(?:your|this) account (?:is|has been|was) (?:temporarily )?(?:suspended|disabled|paused|locked|blocked)/i;

/**
 * What a refusal by a smart host says about ourselves: that it does not relay for us, that our quota is used up, that our
 * account is closed. Undefined where it is about a recipient or a message. Such a code may be permanent to the one who
 * wrote it, and it is never the sender's fault (promise P5). Replies of Gmail, Amazon SES, Postfix, Exim and Exchange.
 */
export function standingOf(reply: ServerReply, phase: Phase): Standing | undefined {
  const subject = reply.status?.split(".")[1];
  // An address (X.1.Z) or a mailbox (X.2.Z) that is blocked or full is not ours.
  if (phase === "rcpt" && (subject === "1" || subject === "2")) return undefined;
  const text = reply.lines.join(" ");
  if (reply.status?.slice(1) === ".4.5" || QUOTA.test(text)) return "quota-exceeded";
  if (PAUSED.test(text)) return "account-paused";
  return RELAYING.test(text) ? "relay-denied" : undefined;
}
