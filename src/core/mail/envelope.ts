import type { ForwardPath, ReversePath } from "./path.ts";

/** RFC 3461 section 4.1: whom to tell. */
export type Notify = "never" | readonly ("success" | "failure" | "delay")[];

/** One recipient as the client gave it. */
export interface Recipient {
  readonly path: ForwardPath;
  /** RFC 3461 NOTIFY; undefined where the client said nothing. */
  readonly notify?: Notify;
  /** RFC 3461 ORCPT: `rfc822;user@example.com`, still in xtext; what is not ASCII in its 7-bit form (RFC 6533). */
  readonly originalRecipient?: string;
}

/** What MAIL said (RFC 5321, 1870, 6152, 6531, 3461, 4954). */
export interface Envelope {
  readonly reversePath: ReversePath;
  /** SIZE in octets as declared. */
  readonly declaredOctets?: number;
  readonly body?: "7bit" | "8bitmime";
  readonly smtpUtf8: boolean;
  readonly ret?: "full" | "hdrs";
  /** ENVID as it came, still in xtext. */
  readonly envelopeId?: string;
}
