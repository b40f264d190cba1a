import type { AddressPattern } from "./address-pattern.ts";

/** Who is on the other side of a session, as far as it may relay. */
export type Identity =
  /** `wasRevoked`: it was somebody, until the configuration changed. */
  | { readonly kind: "none"; readonly wasRevoked?: true }
  /** Its address is in `access.networks`; `network` is the one it is in, as configured; `senders` as below. */
  | { readonly kind: "network"; readonly network: string; readonly senders: readonly AddressPattern[] }
  /** A user of this machine, whose file was in the spool. `user` is its name, or its number where it has none. */
  | { readonly kind: "local"; readonly user: string; readonly uid: number; readonly senders: readonly AddressPattern[] }
  /** It gave the right password. `senders` are the envelope senders it may use. */
  | { readonly kind: "credential"; readonly username: string; readonly senders: readonly AddressPattern[] };

/** True of the text of an identity that may relay: it is not forged by a stranger. */
export function isTrusted(identity: string): boolean {
  return ["user ", "network ", "local "].some((start) => identity.startsWith(start));
}

/** As it stands in logs and with the message. */
export function identityText(identity: Identity): string {
  if (identity.kind === "credential") return `user ${identity.username}`;
  if (identity.kind === "local") return `local ${identity.user}`;
  return identity.kind === "network" ? `network ${identity.network}` : "none";
}
