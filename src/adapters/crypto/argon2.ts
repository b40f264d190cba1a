import { argon2, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { ARGON2_DEFAULT, formatPasswordHash, type PasswordHash } from "../../core/policy/password-hash.ts";

const SALT_OCTETS = 16;
const HASH_OCTETS = 32;

/** What a password becomes under the parameters, salt and length of `like`. */
export type DeriveHash = (password: string, like: PasswordHash) => Promise<Uint8Array>;

const argon2Async = promisify(argon2);

/** In Node's thread pool, so that no event loop waits. */
export async function deriveHash(password: string, like: PasswordHash): Promise<Uint8Array> {
  const { memoryKiB, passes, parallelism } = like.parameters;
  return await argon2Async("argon2id", {
    message: password,
    nonce: like.salt,
    tagLength: like.hash.length,
    memory: memoryKiB,
    passes,
    parallelism,
  });
}

/** A hash with a new salt that no password has. */
export function dummyHash(parameters = ARGON2_DEFAULT): PasswordHash {
  return { parameters, salt: randomBytes(SALT_OCTETS), hash: randomBytes(HASH_OCTETS) };
}

/** The PHC string for `password_hash`, with a new salt. */
export async function hashPassword(password: string): Promise<string> {
  const like = dummyHash();
  return formatPasswordHash({ ...like, hash: await deriveHash(password, like) });
}
