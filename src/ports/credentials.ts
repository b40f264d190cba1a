/**
 * ok: the password is right. wrong: it is not, or there is no such user. busy: too many are waiting; ask again later. gone: who
 * asked did not wait for its turn.
 */
export type CredentialVerdict = "ok" | "wrong" | "busy" | "gone";

/** Who claims to be somebody. */
export interface Claimant {
  /** Checks of one client wait for each other before others wait for them. */
  readonly client: string;
  /** Whether nobody waits for the answer any more. */
  isGone(): boolean;
}

/** Who may log in. Never throws; an answer takes the same time whether or not the user exists. */
export interface CredentialVerifier {
  verify(username: string, password: string, claimant: Claimant): Promise<CredentialVerdict>;
}
