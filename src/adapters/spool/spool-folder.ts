import { createHash } from "node:crypto";
import { type Dir, type Stats, constants } from "node:fs";
import { type FileHandle, lstat, open, opendir, rename, rm, unlink } from "node:fs/promises";
import path from "node:path";
import { invariant } from "../../core/base/invariant.ts";
import { KiB, SPOOL } from "../../core/base/limits.ts";
import type { Instant } from "../../core/base/time.ts";
import { isSpoolName } from "../../core/submission/spooled.ts";
import { StorageError } from "../../ports/content.ts";
import type { OpenedFile, Spool, SpoolLook, SpoolPart, SpooledFile } from "../../ports/spool.ts";
import { syncFolder } from "../durable.ts";
import { DEAD, UNFINISHED } from "./names.ts";
import { takeSpool } from "./spool-lock.ts";

const ENTRIES_AT_ONCE = 200;
const CHANCE_DIGITS = 32;
const PIECE_OCTETS = 256 * KiB;
const ROOT = 0;
/** For the relay, which reads it when it is put back. */
const MODE = 0o400;

/** A disk that takes no more is our trouble, and not the file's. */
function storageError(error: unknown, file: string): unknown {
  const { code = "", message } = error as NodeJS.ErrnoException;
  if (!["ENOSPC", "EDQUOT", "EROFS", "EIO"].includes(code)) return error;
  return new StorageError(code === "ENOSPC" || code === "EDQUOT" ? "full" : "failed", `${file}: ${message}`, error);
}

/** The relay's side of the spool. */
export class SpoolFolder implements Spool {
  readonly #folder: string;
  readonly #userOf: (uid: number) => string;
  /** Where the last look ended; undefined: at the end. */
  #reading: Dir | undefined;
  /** From the first look on. */
  #lock: { release(): void } | undefined;

  constructor(folder: string, userOf: (uid: number) => string) {
    this.#folder = folder;
    this.#userOf = userOf;
  }

  /** Throws where another relay takes what is there. */
  async look(): Promise<SpoolLook> {
    this.#lock ??= takeSpool(this.#folder);
    const isFromStart = this.#reading === undefined;
    this.#reading ??= await opendir(this.#folder, { bufferSize: ENTRIES_AT_ONCE });
    const names: string[] = [];
    let isEnd = false;
    try {
      for (let entries = 0; entries < SPOOL.entriesPerLook && !isEnd; entries++) {
        const entry = await this.#reading.read();
        if (entry === null) isEnd = true;
        else if (isSpoolName(entry.name)) names.push(entry.name);
        else if (isUnfinished(entry.name)) await this.#removeOld(entry.name);
      }
    } catch (error) {
      await this.#endReading();
      throw error;
    }
    if (isEnd) await this.#endReading();
    return { names: names.toSorted(), isAll: isFromStart && isEnd };
  }

  async close(): Promise<void> {
    await this.#endReading();
    this.#lock?.release();
    this.#lock = undefined;
  }

  async #endReading(): Promise<void> {
    const reading = this.#reading;
    this.#reading = undefined;
    await reading?.close();
  }

  /** Links are not followed, nothing is waited for, and a file that has another name somewhere may be another user's. */
  async open(name: string): Promise<OpenedFile> {
    let handle: FileHandle;
    try {
      handle = await open(this.#path(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") return { kind: "gone" };
      const why = error instanceof Error ? error.message : String(error);
      return code === "ELOOP" || code === "ENXIO" ? { kind: "strange", why } : { kind: "unreadable", why };
    }
    const facts = await handle.stat();
    const why = !facts.isFile() ? "it is no file" : facts.nlink !== 1 ? "it has more than one name" : undefined;
    if (why === undefined) return { kind: "file", file: new OpenFile(handle, facts, this.#userOf(facts.uid)) };
    await handle.close();
    return { kind: "strange", why };
  }

  /** The time of its last change, its name's included: its user cannot set that. */
  async leftAt(name: string): Promise<Instant | undefined> {
    const facts = await lstat(this.#path(name)).catch(() => undefined); // gone, or it cannot be told
    return facts?.ctimeMs;
  }

  async remove(name: string): Promise<void> {
    await rm(this.#path(name), { force: true });
  }

  async bury(name: string): Promise<string> {
    const grave = this.#graveOf(name);
    await rename(this.#path(name), grave);
    await syncFolder(path.dirname(grave));
    return grave;
  }

  /** Once more after a kill it is the same file. */
  async buryPart(name: string, file: SpooledFile, part: SpoolPart): Promise<string> {
    invariant(file instanceof OpenFile, "a file of this spool");
    const grave = this.#graveOf(name);
    const unfinished = `${grave}${UNFINISHED}`;
    try {
      await rm(unfinished, { force: true });
      const handle = await open(unfinished, "wx", MODE);
      try {
        await file.copyTo(handle, part);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(unfinished, grave);
      await syncFolder(path.dirname(grave));
      return grave;
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => undefined); // the error that counts came before
      throw storageError(error, grave);
    }
  }

  userOf(uid: number): string {
    return this.#userOf(uid);
  }

  /** The time of its name, and chance that follows from that of its name. */
  #graveOf(name: string): string {
    const chance = createHash("sha256").update(name).digest("hex").slice(0, CHANCE_DIGITS);
    return path.join(this.#folder, DEAD, `${name.slice(0, -CHANCE_DIGITS)}${chance}`);
  }

  async sync(): Promise<void> {
    await syncFolder(this.#folder);
  }

  #path(name: string): string {
    return path.join(this.#folder, name);
  }

  /** Anybody may have put anything there by that name: what cannot be removed is left, and keeps nothing from being taken. */
  async #removeOld(name: string): Promise<void> {
    const file = this.#path(name);
    const facts = await lstat(file).catch(() => undefined); // finished meanwhile
    if (facts === undefined || facts.isDirectory() || Date.now() - facts.mtimeMs <= SPOOL.unfinishedMax) return;
    await unlink(file).catch(() => undefined); // the next look tries again
  }
}

function isUnfinished(name: string): boolean {
  return name.endsWith(UNFINISHED) && isSpoolName(name.slice(0, -UNFINISHED.length));
}

class OpenFile implements SpooledFile {
  readonly #handle: FileHandle;
  readonly uid: number;
  readonly user: string;
  readonly isOurs: boolean;
  readonly octets: number;
  #at = 0;

  constructor(handle: FileHandle, { uid, size }: Stats, user: string) {
    this.#handle = handle;
    this.uid = uid;
    this.user = user;
    this.isOurs = uid === ROOT || uid === process.geteuid?.();
    this.octets = size;
  }

  async read(octetsMax: number): Promise<Uint8Array> {
    const piece = await this.#piece(this.#at, octetsMax);
    this.#at += piece.length;
    return piece;
  }

  /** Its owner may write to it meanwhile: it has the octets that it had. */
  async copyTo(target: FileHandle, { head, contentAt, octets }: SpoolPart): Promise<void> {
    await target.writeFile(head);
    for (let at = 0; at < octets;) {
      const piece = await this.#piece(contentAt + at, Math.min(PIECE_OCTETS, octets - at));
      if (piece.length === 0) throw new Error("it got shorter while it was read");
      await target.writeFile(piece); // where the last one ended
      at += piece.length;
    }
  }

  async #piece(at: number, octetsMax: number): Promise<Uint8Array> {
    const buffer = new Uint8Array(octetsMax);
    const { bytesRead } = await this.#handle.read(buffer, 0, octetsMax, at);
    return buffer.subarray(0, bytesRead);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
