import { createHash, timingSafeEqual } from "node:crypto";
import { availableParallelism } from "node:os";
import { PASSWORDS } from "../../core/base/limits.ts";
import type { Credential } from "../../core/config/config.ts";
import type { PasswordHash } from "../../core/policy/password-hash.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Claimant, CredentialVerdict, CredentialVerifier } from "../../ports/credentials.ts";
import { deriveHash, type DeriveHash, dummyHash } from "./argon2.ts";
import { Gate } from "./gate.ts";
import { RememberedLogins } from "./remembered-logins.ts";

type Login = Pick<Credential, "username" | "secret">;

export interface PasswordVerifierOptions {
  readonly credentials: readonly Login[];
  readonly clock: Pick<Clock, "monotonic">;
  /** How a hash is made; argon2id unless a test counts. */
  readonly derive?: DeriveHash;
  /** Hashes at a time. */
  readonly runningMax: number;
}

/** All cores but one, shared by those who check: together they keep to it, unless there are more of them than that. */
export function runningShare(checkers: number, cores = availableParallelism()): number {
  return Math.max(1, Math.floor((cores - 1) / checkers));
}

/** What one user's password is compared with. Every check derives one hash, needed or not. */
interface Entry {
  readonly like: PasswordHash;
  isRight(password: string, derived: Uint8Array): boolean;
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function hashEntry(like: PasswordHash): Entry {
  return { like, isRight: (_, derived) => timingSafeEqual(derived, like.hash) };
}

/** A password that the file holds as it is: the hash is derived for its time only, and digests have one length. */
function plainEntry(password: string, dummy: PasswordHash): Entry {
  const expected = sha256(password);
  return { like: dummy, isRight: (given) => timingSafeEqual(sha256(given), expected) };
}

/** As dear as the hashes that are configured, so that its time tells nothing. */
function dummyFor(credentials: readonly Login[]): PasswordHash {
  const hashes = credentials.flatMap(({ secret }) => (secret.kind === "hash" ? [secret.hash] : []));
  return dummyHash(hashes[0]?.parameters);
}

/** Node's word for a hash that could not be made, for want of memory above all. */
function isOutOfResources(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_CRYPTO_OPERATION_FAILED";
}

/**
 * Checks passwords of the configuration. An unknown user, a wrong password and a right one that is not remembered cost
 * exactly one argon2id each, so that the time of an answer does not tell which users exist. A flood of logins waits in a
 * short queue, in which clients take turns, and then gets `busy`.
 */
export class PasswordVerifier implements CredentialVerifier {
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #unknown: Entry;
  readonly #derive: DeriveHash;
  readonly #gate: Gate;
  readonly #remembered: RememberedLogins;

  constructor({ credentials, clock, derive = deriveHash, runningMax }: PasswordVerifierOptions) {
    const dummy = dummyFor(credentials);
    const entryOf = ({ secret }: Login): Entry =>
      secret.kind === "hash" ? hashEntry(secret.hash) : plainEntry(secret.password, dummy);
    this.#entries = new Map(credentials.map((login) => [login.username, entryOf(login)]));
    this.#unknown = { like: dummy, isRight: () => false };
    this.#derive = derive;
    this.#gate = new Gate(runningMax, PASSWORDS.waitingMax);
    const { rememberedMax, rememberedFor } = PASSWORDS;
    this.#remembered = new RememberedLogins({ clock, countMax: rememberedMax, lifetime: rememberedFor });
  }

  async verify(username: string, password: string, claimant: Claimant): Promise<CredentialVerdict> {
    if (this.#remembered.has(username, password)) return "ok";
    const entry = this.#entries.get(username) ?? this.#unknown;
    const derived = await this.#derived(password, entry.like, claimant);
    if (derived === undefined) return claimant.isGone() ? "gone" : "busy";
    if (!entry.isRight(password, derived)) return "wrong";
    this.#remembered.add(username, password);
    return "ok";
  }

  /** Undefined where there is no room for it now: our trouble, so the client is asked to come back (promise P5). */
  async #derived(password: string, like: PasswordHash, claimant: Claimant): Promise<Uint8Array | undefined> {
    const comer = { line: claimant.client, isGone: () => claimant.isGone() };
    try {
      return await this.#gate.run(comer, () => this.#derive(password, like));
    } catch (error) {
      if (isOutOfResources(error)) return undefined;
      throw error;
    }
  }
}
