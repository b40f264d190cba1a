import { hasHidden } from "../base/printable.ts";
import { utf8, utf8Text } from "../base/bytes.ts";

export type Mechanism = "PLAIN" | "LOGIN";

export interface PasswordAttempt {
  readonly username: string;
  readonly password: string;
}

const USERNAME_CHARACTERS_MAX = 256;
const PASSWORD_CHARACTERS_MAX = 1024;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUES: ReadonlyMap<string, number> = new Map(ALPHABET.split("").map((c, value) => [c, value]));

/** RFC 4648 section 4, strict: whole quantums, padding only at the end, no stray bits. */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const octets = new Uint8Array((text.length / 4) * 3 - padding);
  let at = 0;
  for (let i = 0; i < text.length; i += 4) {
    let quantum = 0;
    const isLast = i + 4 === text.length;
    for (let j = 0; j < 4; j++) {
      const isPadding = isLast && j >= 4 - padding;
      const value = isPadding ? 0 : VALUES.get(text[i + j]!);
      if (value === undefined) return undefined;
      quantum = (quantum << 6) | value;
    }
    if (isLast && padding > 0 && (quantum & (padding === 2 ? 0xffff : 0xff)) !== 0) return undefined;
    for (let j = 2; j >= 0 && at < octets.length; j--) octets[at++] = (quantum >> (8 * j)) & 0xff;
  }
  return octets;
}

export function encodeBase64(octets: Uint8Array): string {
  let text = "";
  for (let i = 0; i < octets.length; i += 3) {
    const left = octets.length - i;
    const quantum = (octets[i]! << 16) | ((octets[i + 1] ?? 0) << 8) | (octets[i + 2] ?? 0);
    text += ALPHABET[(quantum >> 18) & 63]! + ALPHABET[(quantum >> 12) & 63]!;
    text += left > 1 ? ALPHABET[(quantum >> 6) & 63]! : "=";
    text += left > 2 ? ALPHABET[quantum & 63]! : "=";
  }
  return text;
}

function credentialText(octets: Uint8Array, charactersMax: number): string | undefined {
  const text = utf8Text(octets);
  return text === undefined || text === "" || text.length > charactersMax || text.includes("\0") ? undefined : text;
}

/** A user name is shown to operators and stands in log lines: nothing invisible in it. */
export function usernameOf(octets: Uint8Array): string | undefined {
  const text = credentialText(octets, USERNAME_CHARACTERS_MAX);
  return text === undefined || hasHidden(text) ? undefined : text.normalize("NFC");
}

export function passwordOf(octets: Uint8Array): string | undefined {
  return credentialText(octets, PASSWORD_CHARACTERS_MAX);
}

export interface PlainResponse {
  readonly attempt: PasswordAttempt;
  /** The authorization identity is not the user's own. */
  readonly isAsAnother: boolean;
}

/** RFC 4616: `[authzid] NUL authcid NUL passwd`; undefined where it is not that. */
export function parsePlain(octets: Uint8Array): PlainResponse | undefined {
  const first = octets.indexOf(0);
  const second = first === -1 ? -1 : octets.indexOf(0, first + 1);
  if (second === -1 || octets.indexOf(0, second + 1) !== -1) return undefined;
  const username = usernameOf(octets.subarray(first + 1, second));
  const password = passwordOf(octets.subarray(second + 1));
  if (username === undefined || password === undefined) return undefined;
  const authorization = octets.subarray(0, first);
  const isAsAnother = authorization.length > 0 && usernameOf(authorization) !== username;
  return { attempt: { username, password }, isAsAnother };
}

/** The PLAIN initial response that a client sends. */
export function plainResponse(attempt: PasswordAttempt): string {
  return encodeBase64(utf8(`\0${attempt.username}\0${attempt.password}`));
}
