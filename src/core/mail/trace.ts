import { type Instant, dateTime } from "../base/time.ts";
import { isIpv6, parseDomain } from "./domain.ts";
import type { MessageId } from "./message-id.ts";

/** Of three octets each at most, so that the line has not more than 998 (RFC 5321 section 4.5.3.1.6). */
const FOR_CHARACTERS_MAX = 320;

/** What a `Received` field says of one hop. */
export interface Hop {
  /** What the client called itself. */
  readonly hello: string;
  readonly isExtended: boolean;
  readonly clientAddress: string;
  readonly hostname: string;
  readonly tls: { readonly version: string; readonly cipher: string } | undefined;
  readonly isAuthenticated: boolean;
  readonly isUtf8: boolean;
  readonly id: MessageId;
  readonly at: Instant;
  /** Only with one recipient: others must not learn of each other. */
  readonly soleRecipient: string | undefined;
}

/** RFC 3848 and RFC 6531 section 4.3. */
export function protocolKeyword(hop: Pick<Hop, "isExtended" | "tls" | "isAuthenticated" | "isUtf8">): string {
  if (!hop.isExtended) return "SMTP";
  const base = hop.isUtf8 ? "UTF8SMTP" : "ESMTP";
  return `${base}${hop.tls === undefined ? "" : "S"}${hop.isAuthenticated ? "A" : ""}`;
}

/** A name that is not ASCII as its A-labels, so that a message does not need SMTPUTF8 for what its client is called. */
function asciiName(hello: string): string {
  return /^[\0-\x7f]*$/.test(hello) ? hello : (parseDomain(hello)?.ascii ?? "unknown");
}

/** RFC 5321 section 4.1.3. */
export function addressLiteral(address: string): string {
  return isIpv6(address) ? `[IPv6:${address}]` : `[${address}]`;
}

/** `TLSv1.3` as it is written in trace fields: `TLS1.3`. */
function tlsComment(tls: { readonly version: string; readonly cipher: string }): string {
  return `(version=${tls.version.replace("TLSv", "TLS")} cipher=${tls.cipher})`;
}

/** The trace field of a message that we wrote ourselves, with CR LF: where it goes round in circles, it is counted. */
export function ownReceivedField({ hostname, id, at }: Pick<Hop, "hostname" | "id" | "at">): string {
  return `Received: by ${hostname} (Waypost) id ${id};\r\n\t${dateTime(at)}\r\n`;
}

/** The trace field of a message that a user of this machine left in the spool, as Postfix writes it. */
export function localReceivedField(hop: Pick<Hop, "hostname" | "id" | "at" | "soleRecipient">, uid: number): string {
  const recipient = forClause(hop.soleRecipient);
  return `Received: by ${hop.hostname} (Waypost, from userid ${uid})\r\n\tid ${hop.id}${recipient.map((text) => `\r\n\t${text}`).join("")};\r\n\t${dateTime(hop.at)}\r\n`;
}

/** The clause may be left out, and an address must not be folded. */
function forClause(soleRecipient: string | undefined): string[] {
  return soleRecipient !== undefined && soleRecipient.length <= FOR_CHARACTERS_MAX ? [`for <${soleRecipient}>`] : [];
}

/**
 * The trace field of RFC 5321 section 4.4, with CR LF, folded. All its parts are checked before they come here: nothing
 * in it can end a line.
 */
export function receivedField(hop: Hop): string {
  const lines = [
    `Received: from ${asciiName(hop.hello)} (${addressLiteral(hop.clientAddress)})`,
    `by ${hop.hostname} (Waypost) with ${protocolKeyword(hop)} id ${hop.id}`,
  ];
  if (hop.tls !== undefined) lines.push(tlsComment(hop.tls));
  lines.push(...forClause(hop.soleRecipient));
  return `${lines.join("\r\n\t")};\r\n\t${dateTime(hop.at)}\r\n`;
}
