import type { Instant } from "../core/base/time.ts";

/** Where users of this machine leave mail while the relay is not there. What they put there is theirs to choose. */
export interface Spool {
  /** Names of whole files, oldest first. */
  list(): Promise<string[]>;
  open(name: string): Promise<OpenedFile>;
  /** When it was left there, by the wall clock, as the system knows it; undefined where it is gone. */
  leftAt(name: string): Promise<Instant | undefined>;
  /** It was taken. */
  remove(name: string): Promise<void>;
  /** It cannot be taken, and nobody could be told of that: it is kept for an operator. Answers where. */
  bury(name: string): Promise<string>;
  /** What was removed stays so. */
  sync(): Promise<void>;
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
  readonly octets: number;
  /** The next piece, in a buffer of its own, `octetsMax` at most; empty at the end. */
  read(octetsMax: number): Promise<Uint8Array>;
  close(): Promise<void>;
}
