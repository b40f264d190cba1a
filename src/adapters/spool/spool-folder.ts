import { constants } from "node:fs";
import { type FileHandle, lstat, open, readdir, rename, rm, unlink } from "node:fs/promises";
import path from "node:path";
import { SPOOL } from "../../core/base/limits.ts";
import type { Instant } from "../../core/base/time.ts";
import { isSpoolName } from "../../core/submission/spooled.ts";
import type { OpenedFile, Spool, SpooledFile } from "../../ports/spool.ts";
import { syncFolder } from "../durable.ts";
import { DEAD, UNFINISHED } from "./names.ts";

/** The relay's side of the spool. */
export class SpoolFolder implements Spool {
  readonly #folder: string;
  readonly #userOf: (uid: number) => string;

  constructor(folder: string, userOf: (uid: number) => string) {
    this.#folder = folder;
    this.#userOf = userOf;
  }

  async list(): Promise<string[]> {
    const names = await readdir(this.#folder);
    for (const name of names) if (isUnfinished(name)) await this.#removeOld(name);
    return names.filter(isSpoolName).toSorted();
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
    if (why === undefined)
      return { kind: "file", file: new OpenFile(handle, facts.uid, this.#userOf(facts.uid), facts.size) };
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
    const grave = path.join(this.#folder, DEAD, name);
    await rename(this.#path(name), grave);
    await syncFolder(path.dirname(grave));
    return grave;
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
  readonly octets: number;

  constructor(handle: FileHandle, uid: number, user: string, octets: number) {
    this.#handle = handle;
    this.uid = uid;
    this.user = user;
    this.octets = octets;
  }

  async read(octetsMax: number): Promise<Uint8Array> {
    const buffer = new Uint8Array(octetsMax);
    const { bytesRead } = await this.#handle.read(buffer, 0, octetsMax);
    return buffer.subarray(0, bytesRead);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
