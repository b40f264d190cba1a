import fs from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { open as openFile, rm } from "node:fs/promises";
import path from "node:path";
import { invariant } from "../../core/base/invariant.ts";
import { KiB, STORE } from "../../core/base/limits.ts";
import type { Instant } from "../../core/base/time.ts";
import { isMessageId } from "../../core/mail/message-id.ts";
import { type ContentFiles, type ContentReader, type ContentWriter, StorageError } from "../../ports/content.ts";
import { isDiskFull } from "../disk-full.ts";
import { makeDurable, syncFolderNow } from "../durable.ts";

const PIECE_OCTETS = 64 * KiB;
const FOLDERS = 64; // ids spread over them by their last digit's code
const ORPHANS = "orphans";

function storageError(error: unknown, doing: string): StorageError {
  const { code } = error as NodeJS.ErrnoException;
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  return new StorageError(
    isFull ? "full" : "failed",
    `${doing}: ${error instanceof Error ? error.message : String(error)}`,
    error,
  );
}

class Writer implements ContentWriter {
  readonly #file: string;
  #handle: FileHandle | undefined;
  #isDone = false;

  constructor(file: string) {
    this.#file = file;
  }

  async write(parts: readonly Uint8Array[]): Promise<void> {
    try {
      this.#handle ??= await openFile(this.#file, "wx", 0o600);
      let left = parts.reduce((sum, part) => sum + part.length, 0);
      let buffers = [...parts];
      while (left > 0) {
        const { bytesWritten } = await this.#handle.writev(buffers);
        left -= bytesWritten;
        buffers = remaining(buffers, bytesWritten);
      }
    } catch (error) {
      throw storageError(error, "writing content");
    }
  }

  async finish(): Promise<void> {
    const handle = this.#handle;
    invariant(handle !== undefined, "a content file has content");
    try {
      await makeDurable(handle, this.#file);
      this.#isDone = true;
      this.#handle = undefined;
      await handle.close();
    } catch (error) {
      throw storageError(error, "syncing content");
    }
  }

  discard(): void {
    const handle = this.#handle;
    this.#handle = undefined;
    if (handle === undefined && !this.#isDone) return;
    void this.#remove(handle);
  }

  async #remove(handle: FileHandle | undefined): Promise<void> {
    await handle?.close().catch(() => undefined); // the descriptor is gone either way
    await rm(this.#file, { force: true }).catch(() => undefined); // what stays is an orphan, put aside at the next start
  }
}

function remaining(buffers: readonly Uint8Array[], written: number): Uint8Array[] {
  let skip = written;
  const left: Uint8Array[] = [];
  for (const buffer of buffers) {
    if (skip >= buffer.length) skip -= buffer.length;
    else {
      left.push(skip === 0 ? buffer : buffer.subarray(skip));
      skip = 0;
    }
  }
  return left;
}

class Reader implements ContentReader {
  readonly #file: string;
  #handle: FileHandle | undefined;
  #isClosed = false;

  constructor(file: string) {
    this.#file = file;
  }

  async read(): Promise<Uint8Array | undefined> {
    try {
      this.#handle ??= await openFile(this.#file, "r");
      const buffer = new Uint8Array(PIECE_OCTETS);
      const { bytesRead } = await this.#handle.read(buffer, 0, PIECE_OCTETS);
      if (this.#isClosed) this.close();
      return bytesRead === 0 ? undefined : buffer.subarray(0, bytesRead);
    } catch (error) {
      throw storageError(error, "reading content");
    }
  }

  close(): void {
    this.#isClosed = true;
    const handle = this.#handle;
    this.#handle = undefined;
    void handle?.close().catch(() => undefined); // only read from: nothing is lost with it
  }
}

/** Contents above the bound for memory, a file each under `folder`, spread over subfolders that exist from the start. */
export class FolderOfContents implements ContentFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    for (const subfolder of subfolders(folder)) fs.mkdirSync(subfolder, { recursive: true, mode: 0o700 });
    fs.mkdirSync(this.orphans, { recursive: true, mode: 0o700 });
    // A file is durable only with the folders on the way to it.
    syncFolderNow(folder);
    syncFolderNow(path.dirname(folder));
  }

  create(name: string): ContentWriter {
    return new Writer(this.#file(name));
  }

  open(name: string): ContentReader {
    return new Reader(this.#file(name));
  }

  /** For a message that ended. A file that is left over is an orphan, put aside at the next start. */
  remove(name: string): void {
    fs.rm(this.#file(name), { force: true }, () => undefined);
  }

  /** Where files are that no message has. */
  get orphans(): string {
    return path.join(this.#folder, ORPHANS);
  }

  /**
   * Puts files aside that no message has: uploads that broke off, what a crash left, and contents whose messages went with a
   * lost store. Answers how many.
   */
  setAside(known: ReadonlySet<string>, now: Instant): number {
    let count = 0;
    for (const folder of subfolders(this.#folder))
      for (const name of fs.readdirSync(folder)) {
        if (known.has(name)) continue;
        this.#setAside(path.join(folder, name), path.join(this.orphans, name), now);
        count++;
      }
    return count;
  }

  /** Removes what was put aside longer ago than `STORE.orphansKept`, or, as another clock had it, so far ahead. */
  forgetOrphans(now: Instant): void {
    for (const name of fs.readdirSync(this.orphans)) {
      const file = path.join(this.orphans, name);
      const since = fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? now;
      if (Math.abs(now - since) > STORE.orphansKept) fs.rmSync(file, { recursive: true, force: true });
    }
  }

  /** The disk has no room. What cannot be removed now is when it is tried again. */
  dropOrphans(): void {
    fs.readdir(this.orphans, (error, names) => {
      if (error !== null) return;
      for (const name of names) fs.rm(path.join(this.orphans, name), { recursive: true, force: true }, () => undefined);
    });
  }

  /** Removes all, orphans too: for contents that nobody asks for after a start. */
  clear(): void {
    for (const folder of [...subfolders(this.#folder), this.orphans])
      for (const name of fs.readdirSync(folder)) fs.rmSync(path.join(folder, name), { force: true });
  }

  /** Its time from now on is when it was put aside; when it came stands in its name. */
  #setAside(file: string, aside: string, now: Instant): void {
    try {
      fs.utimesSync(file, now / 1000, now / 1000);
      fs.renameSync(file, aside);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      fs.rmSync(file, { recursive: true, force: true }); // there is room for nothing that no message has
    }
  }

  #file(name: string): string {
    return contentFile(this.#folder, name);
  }
}

function subfolders(folder: string): string[] {
  return Array.from({ length: FOLDERS }, (_, n) => path.join(folder, String(n)));
}

/** How many contents there are, without orphans that were put aside. */
export function countContents(folder: string): number {
  return subfolders(folder).reduce((sum, one) => sum + (fs.existsSync(one) ? fs.readdirSync(one).length : 0), 0);
}

/** Where the content of this message is. */
export function contentFile(folder: string, name: string): string {
  invariant(isMessageId(name), "content files are named by message ids");
  return path.join(folder, String(name.charCodeAt(name.length - 1) % FOLDERS), name);
}
