import { decodeBase64, encodeBase64 } from "../smtp/sasl.ts";

/** What one argon2id takes (RFC 9106 section 3.1). */
export interface Argon2Parameters {
  readonly memoryKiB: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** An argon2id hash as `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH` holds it. */
export interface PasswordHash {
  readonly parameters: Argon2Parameters;
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
}

/** OWASP's first recommendation: about 50 ms and 19 MiB. */
export const ARGON2_DEFAULT: Argon2Parameters = { memoryKiB: 19_456, passes: 2, parallelism: 1 };

// Below the lower bounds a leaked file is cracked cheaply; above the upper ones a few logins stop the relay.
const BOUNDS = {
  m: { least: 7168, most: 262_144 },
  t: { least: 1, most: 10 },
  p: { least: 1, most: 8 },
} as const;
const OCTETS = { salt: { least: 8, most: 64 }, hash: { least: 16, most: 64 } } as const;

export interface NotAHash {
  readonly kind: "malformed";
  readonly why: string;
}

interface Range {
  readonly least: number;
  readonly most: number;
}

function isWithin(value: number, range: Range): boolean {
  return value >= range.least && value <= range.most;
}

function unpadded(text: string): Uint8Array | undefined {
  return text.includes("=") ? undefined : decodeBase64(text.padEnd(Math.ceil(text.length / 4) * 4, "="));
}

function malformed(why: string): NotAHash {
  return { kind: "malformed", why };
}

const SHAPE = /^\$argon2id\$v=19\$m=([0-9]{1,9}),t=([0-9]{1,9}),p=([0-9]{1,9})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** The PHC string of an argon2id hash, version 19, with parameters that neither an attacker nor a reconnecting client abuses. */
export function parsePasswordHash(text: string): PasswordHash | NotAHash {
  const found = SHAPE.exec(text);
  if (found === null) return malformed("expected an argon2id hash: $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH");
  const [memoryKiB, passes, parallelism] = [Number(found[1]), Number(found[2]), Number(found[3])];
  for (const [name, value] of [
    ["m", memoryKiB],
    ["t", passes],
    ["p", parallelism],
  ] as const) {
    const range = BOUNDS[name];
    if (!isWithin(value, range)) return malformed(`${name} has to be ${range.least} to ${range.most}`);
  }
  const [salt, hash] = [unpadded(found[4]!), unpadded(found[5]!)];
  if (salt === undefined || !isWithin(salt.length, OCTETS.salt)) return malformed("the salt has to be 8 to 64 octets");
  if (hash === undefined || !isWithin(hash.length, OCTETS.hash)) return malformed("the hash has to be 16 to 64 octets");
  return { parameters: { memoryKiB, passes, parallelism }, salt, hash };
}

export function formatPasswordHash(hash: PasswordHash): string {
  const { memoryKiB, passes, parallelism } = hash.parameters;
  const base64 = (octets: Uint8Array): string => encodeBase64(octets).replaceAll("=", "");
  return `$argon2id$v=19$m=${memoryKiB},t=${passes},p=${parallelism}$${base64(hash.salt)}$${base64(hash.hash)}`;
}
