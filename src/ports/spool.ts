import type { Instant } from "../core/base/time.ts";

/** Where users of this machine leave mail while the relay is not there. What they put there is theirs to choose. */
export interface Spool {
  /** Names of whole files among the next `SPOOL.entriesPerLook` entries. At the end of the folder the next look begins anew. */
  look(): Promise<SpoolLook>;
  /** Nobody looks any more. */
  close(): Promise<void>;
  open(name: string): Promise<OpenedFile>;
  /** The name of a user, or its number where it has none. */
  userOf(uid: number): string;
  /** When it was left there, by the wall clock, as the system knows it; undefined where it is gone. */
  leftAt(name: string): Promise<Instant | undefined>;
  /** It was taken. */
  remove(name: string): Promise<void>;
  /**
   * It cannot be taken, and nobody could be told of that: it is kept for an operator, under another name, by which it is new
   * when it is put back. Answers where.
   */
  bury(name: string): Promise<string>;
  /** The same with a part of it, which is on stable storage when it resolves: its content behind another head. The file itself stays. */
  buryPart(name: string, file: SpooledFile, part: SpoolPart): Promise<string>;
  /** What was removed stays so. */
  sync(): Promise<void>;
}

export interface SpoolLook {
  /** Oldest first. */
  readonly names: readonly string[];
  /** There are no others in the spool. */
  readonly isAll: boolean;
}

export interface SpoolPart {
  readonly head: Uint8Array;
  /** Where the content begins in the file, and its octets. */
  readonly contentAt: number;
  readonly octets: number;
}

export type OpenedFile =
  | { readonly kind: "file"; readonly file: SpooledFile }
  | { readonly kind: "gone" }
  /** It may be readable later: its owner's rights, or our disk. */
  | { readonly kind: "unreadable"; readonly why: string }
  /** It is no file of the spool: a link, a pipe. */
  | { readonly kind: "strange"; readonly why: string };

export interface SpooledFile {
  /** Whose file it is: what the system says, whatever the file says. */
  readonly uid: number;
  /** The name of that user, or its number where it has none. */
  readonly user: string;
  /** It is root's or the relay's own: what its head says of whose it was is true. */
  readonly isOurs: boolean;
  readonly octets: number;
  /** The next piece, in a buffer of its own, `octetsMax` at most; empty at the end. */
  read(octetsMax: number): Promise<Uint8Array>;
  close(): Promise<void>;
}
