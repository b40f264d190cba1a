import type { AddressPattern } from "../core/policy/address-pattern.ts";
import type { PasswordAttempt } from "../core/smtp/sasl.ts";

export type CredentialVerdict =
  | { readonly kind: "ok"; readonly username: string; readonly senders: readonly AddressPattern[] }
  | { readonly kind: "wrong" }
  /** Too many passwords are being checked; nothing was said about this one. */
  | { readonly kind: "busy" };

/** Who has which password. The answer takes the same work for an unknown user as for a wrong password. */
export interface Credentials {
  verify(attempt: PasswordAttempt): Promise<CredentialVerdict>;
}
