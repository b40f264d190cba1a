import type { MxRecord } from "../core/routing/exchangers.ts";

/** What the DNS says. Only `absent` is final; without an answer nobody's mail is refused (promise P5). */
export type Answer<Record> =
  | { readonly kind: "found"; readonly records: readonly Record[] }
  /** `hasName`: the name exists and has no such records; otherwise it does not exist (NXDOMAIN). */
  | { readonly kind: "absent"; readonly hasName: boolean }
  /** `text` says whom we asked and what went wrong. */
  | { readonly kind: "failed"; readonly text: string };

/** Names are A-labels in lower case, without a trailing dot. Nothing here throws for what a server does. */
export interface Resolver {
  /** MX records (RFC 5321 section 5.1), at least one where found. */
  exchangers(domain: string): Promise<Answer<MxRecord>>;
  /** IPv4 or IPv6 addresses as text, at least one where found. */
  addresses(host: string, family: 4 | 6): Promise<Answer<string>>;
}
