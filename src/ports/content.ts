/** Content too large for memory: a file each, in the data folder. Errors are exceptions (`StorageError`): the disk is ours. */
export interface ContentFiles {
  /** Starts a file; its name becomes the message's once the message is committed. */
  create(name: string): ContentWriter;
  open(name: string): ContentReader;
}

export interface ContentWriter {
  /** Resolves when the octets left memory. One call at a time. */
  write(parts: readonly Uint8Array[]): Promise<void>;
  /** Resolves when file and directory entry are on stable storage. */
  finish(): Promise<void>;
  /** The message did not come about. */
  discard(): void;
}

export interface ContentReader {
  /** The next piece, at most 64 KiB; undefined at the end. */
  read(): Promise<Uint8Array | undefined>;
  close(): void;
}

/** Our own disk or store failed; never the sender's fault (promise P5). */
export class StorageError extends Error {
  override readonly name = "StorageError";
  /** `full` where more space would help. */
  readonly reason: "full" | "failed";
  constructor(reason: "full" | "failed", message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}
