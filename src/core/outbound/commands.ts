import { invariant } from "../base/invariant.ts";
import type { Notify } from "../mail/envelope.ts";
import type { Features } from "./features.ts";

export interface TransactionRecipient {
  /** As it stands between the brackets. */
  readonly forwardPath: string;
  readonly notify?: Notify | undefined;
  /** `rfc822;user@example.com`, in xtext. */
  readonly originalRecipient?: string | undefined;
}

/** One message to some recipients, as the next hop has to hear of it. */
export interface Transaction {
  /** As it stands between the brackets; empty for the null reverse-path. */
  readonly reversePath: string;
  /** At least one. */
  readonly recipients: readonly TransactionRecipient[];
  /** Octets of the content before dot-stuffing (RFC 1870 section 6). */
  readonly octets: number;
  /** The content has octets above 0x7F. */
  readonly isEightBit: boolean;
  /** Envelope or header have non-ASCII text (RFC 6531). */
  readonly needsSmtpUtf8: boolean;
  readonly ret?: "full" | "hdrs" | undefined;
  /** In xtext. */
  readonly envelopeId?: string | undefined;
}

/** Everything in it was parsed by us; a line end in it would be a command that nobody gave. */
function line(text: string): string {
  invariant(!text.includes("\n") && !text.includes("\r"), "a command is one line");
  return `${text}\r\n`;
}

/** RFC 5321 section 4.1.1.2, with the parameters that the server offers and this transaction has a use for. */
export function mailCommand(transaction: Transaction, features: Features): string {
  let text = `MAIL FROM:<${transaction.reversePath}>`;
  if (features.size !== undefined) text += ` SIZE=${transaction.octets}`;
  if (transaction.isEightBit && features.eightBitMime) text += " BODY=8BITMIME";
  if (transaction.needsSmtpUtf8 && features.smtpUtf8) text += " SMTPUTF8";
  if (features.dsn) {
    if (transaction.ret !== undefined) text += ` RET=${transaction.ret.toUpperCase()}`;
    if (transaction.envelopeId !== undefined) text += ` ENVID=${transaction.envelopeId}`;
  }
  return line(text);
}

function notifyText(notify: Notify): string {
  return notify === "never" ? "NEVER" : notify.join(",").toUpperCase();
}

/** RFC 5321 section 4.1.1.3, RFC 3461 section 4. */
export function rcptCommand(recipient: TransactionRecipient, features: Features): string {
  let text = `RCPT TO:<${recipient.forwardPath}>`;
  if (features.dsn) {
    if (recipient.notify !== undefined) text += ` NOTIFY=${notifyText(recipient.notify)}`;
    if (recipient.originalRecipient !== undefined) text += ` ORCPT=${recipient.originalRecipient}`;
  }
  return line(text);
}

export const DATA_COMMAND = "DATA\r\n";
export const RSET_COMMAND = "RSET\r\n";
export const QUIT_COMMAND = "QUIT\r\n";
export const STARTTLS_COMMAND = "STARTTLS\r\n";

export function helloCommand(verb: "EHLO" | "HELO", name: string): string {
  return line(`${verb} ${name}`);
}
