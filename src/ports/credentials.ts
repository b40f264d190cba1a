/** ok: the password is right. wrong: it is not, or there is no such user. busy: too many are waiting; ask again later. */
export type CredentialVerdict = "ok" | "wrong" | "busy";

/** Who may log in. Never throws; an answer takes the same time whether or not the user exists. */
export interface CredentialVerifier {
  verify(username: string, password: string): Promise<CredentialVerdict>;
}
