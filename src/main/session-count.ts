import { hash, randomBytes } from "node:crypto";
import { SESSIONS } from "../core/base/limits.ts";
import { subscriberOf } from "../core/policy/network.ts";

export interface SessionLimits {
  /** Of the listener. */
  readonly sessionsMax: number;
  /** Of one address, on all listeners together. */
  readonly perStrangerMax: number;
  readonly perTrustedMax: number;
}

/** The counts of all mail threads, in memory that they share. */
export interface SharedSessions {
  readonly counts: SharedArrayBuffer;
  /** Without it nobody can find addresses that share a bucket. */
  readonly seed: string;
  /** Sessions of all listeners together: what the file descriptors leave for them. */
  readonly max: number;
}

const BUCKET = 2; // all sessions of its addresses, then those of strangers among them
const STRANGERS = SESSIONS.listenerPlaces; // those of each listener, behind all that it has
const ALL = 2 * SESSIONS.listenerPlaces; // behind those of the listeners
const TRUSTED_PLACES = 3; // the listener's, that of all, the first of a bucket; a stranger has the second of each too

/** `descriptors`: how many file descriptors the process may have; undefined where there is no limit. */
export function sharedSessions(descriptors?: number): SharedSessions {
  const places = ALL + 1 + SESSIONS.addressBuckets * BUCKET;
  return {
    counts: new SharedArrayBuffer(places * Int32Array.BYTES_PER_ELEMENT),
    seed: randomBytes(16).toString("hex"),
    max: descriptors === undefined ? Number.POSITIVE_INFINITY : sessionsWith(descriptors),
  };
}

/** The rest is for files, and for connections to next hops: mail that was taken has to go, whoever floods us. */
function sessionsWith(descriptors: number): number {
  return Math.max(Math.floor(descriptors / 2), descriptors - SESSIONS.descriptorsKept);
}

/** Which limit a client met that was turned away. */
export type MetLimit = "file-descriptors" | "listener" | "address";

/** Who is connected, on all listeners together. */
export function sessionsNow({ counts }: SharedSessions): number {
  return new Int32Array(counts, 0, SESSIONS.listenerPlaces).reduce((sum, count) => sum + count, 0);
}

/**
 * Who is connected, counted exactly over all mail threads (promise P8) and without waiting for any of them. Addresses are
 * counted in buckets by a keyed hash; two that meet in one share its limit, so that none is ever exceeded.
 */
export class SessionCount {
  readonly #limits: SessionLimits;
  readonly #counts: Int32Array;
  readonly #seed: string;
  readonly #max: number;
  readonly #listener: number;
  readonly #buckets: number;

  /** `listener` is its place among the counts. */
  constructor(shared: SharedSessions, listener: number, limits: SessionLimits) {
    this.#limits = limits;
    this.#counts = new Int32Array(shared.counts);
    this.#seed = shared.seed;
    this.#max = shared.max;
    this.#listener = listener;
    this.#buckets = this.#counts.length - SESSIONS.addressBuckets * BUCKET;
  }

  /** Sessions of the listener. */
  get sessions(): number {
    return Atomics.load(this.#counts, this.#listener);
  }

  /**
   * Where there are too many nothing is counted, and the limit is said that was met. Of the sessions that the listener may
   * have, and of those that the file descriptors leave room for, strangers leave some for those that are known.
   */
  enter(address: string, isTrusted: boolean): Seat | MetLimit {
    const seat = new Seat(this.#counts);
    const limit = this.#limitMet(seat, address, isTrusted);
    if (limit === undefined) return seat;
    seat.leave();
    return limit;
  }

  #limitMet(seat: Seat, address: string, isTrusted: boolean): MetLimit | undefined {
    const { sessionsMax, perStrangerMax, perTrustedMax } = this.#limits;
    const bucket = this.#bucketOf(address);
    if (!seat.take(this.#listener, sessionsMax)) return "listener";
    if (!seat.take(ALL, isTrusted ? this.#max : strangersOf(this.#max))) return "file-descriptors";
    if (!seat.take(bucket, perTrustedMax)) return "address";
    if (isTrusted) return undefined;
    if (!seat.take(bucket + 1, perStrangerMax)) return "address";
    return seat.take(STRANGERS + this.#listener, strangersOf(sessionsMax)) ? undefined : "listener";
  }

  #bucketOf(address: string): number {
    const digest = hash("sha256", this.#seed + subscriberOf(address), "buffer");
    return this.#buckets + (digest.readUInt32LE() % SESSIONS.addressBuckets) * BUCKET;
  }
}

/** Of so many sessions those that strangers may have before they say who they are. */
function strangersOf(max: number): number {
  return Math.ceil(max * SESSIONS.strangerShare);
}

/** One session's place in the counts. */
export class Seat {
  readonly #counts: Int32Array;
  readonly #taken: number[] = [];

  constructor(counts: Int32Array) {
    this.#counts = counts;
  }

  /** False where `max` have it already. */
  take(place: number, max: number): boolean {
    for (;;) {
      const count = Atomics.load(this.#counts, place);
      if (count >= max) return false;
      if (Atomics.compareExchange(this.#counts, place, count, count + 1) === count) break;
    }
    this.#taken.push(place);
    return true;
  }

  /** The client said who it is: it no longer counts as a stranger. */
  trust(): void {
    for (const place of this.#taken.splice(TRUSTED_PLACES)) Atomics.sub(this.#counts, place, 1);
  }

  leave(): void {
    for (const place of this.#taken.splice(0)) Atomics.sub(this.#counts, place, 1);
  }
}
