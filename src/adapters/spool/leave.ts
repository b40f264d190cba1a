import { randomBytes } from "node:crypto";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { spoolName } from "../../core/submission/spooled.ts";
import { syncFolder } from "../durable.ts";
import { UNFINISHED } from "./names.ts";

const CHANCE_OCTETS = 16;
/** For the owner and the folder's group, which is the relay's. */
const MODE = 0o440;

/** Octets in parts, as they follow each other. */
export type FileParts = readonly Uint8Array[];

/**
 * Leaves files in the spool, on stable storage. Throws the system's error, and then nothing is left: the disk gets full before the
 * first of them has its name; or a `PartlyKeptError`. A folder that its user may not read cannot be synced by that user: there the sync of a file
 * after it got its name is what puts the name on stable storage, as ext4, XFS, Btrfs and F2FS do.
 */
export async function leaveInSpool(folder: string, files: readonly FileParts[]): Promise<void> {
  await (await Reservation.make(folder, files)).keep(files);
}

/** Some files are kept, by their places, and the others are not. */
export class PartlyKeptError extends Error {
  override readonly name = "PartlyKeptError";
  readonly kept: readonly number[];

  constructor(kept: readonly number[], cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.kept = kept;
  }
}

/** Room in the spool for files that may have to be kept. To be kept or dropped. */
export class Reservation {
  readonly #folder: string;
  readonly #drafts: Draft[] = [];

  /** Throws the system's error, and then nothing is left. */
  static async make(folder: string, files: readonly FileParts[]): Promise<Reservation> {
    const made = new Reservation(folder);
    try {
      for (const parts of files) {
        const draft = await Draft.create(folder);
        made.#drafts.push(draft);
        await draft.write(parts);
      }
      return made;
    } catch (error) {
      await made.drop();
      throw error;
    }
  }

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Keeps what it was made for, or less of it: each file in the room of its own, where it is not longer; not those that are undefined. */
  async keep(files: readonly (FileParts | undefined)[]): Promise<void> {
    try {
      for (const [at, draft] of this.#drafts.entries()) {
        const parts = files[at];
        if (parts === undefined) await draft.remove();
        else {
          await draft.write(parts);
          await draft.sync();
        }
      }
      for (const [at, draft] of this.#drafts.entries()) if (files[at] !== undefined) await draft.finish();
      await syncIfReadable(this.#folder);
      for (const draft of this.#drafts.splice(0)) await draft.close();
    } catch (error) {
      // What has its name is the relay's, which may have taken it by now.
      const kept = [...this.#drafts.entries()].flatMap(([at, { isFinished }]) => (isFinished ? at : []));
      await this.drop();
      throw kept.length === 0 ? error : new PartlyKeptError(kept, error);
    }
  }

  /** Nothing of it is kept. After `keep` there is nothing to drop. */
  async drop(): Promise<void> {
    for (const draft of this.#drafts.splice(0)) await draft.drop();
  }
}

class Draft {
  readonly #file: string;
  readonly #handle: FileHandle;
  #isFinished = false;
  #written: FileParts | undefined;

  static async create(folder: string): Promise<Draft> {
    const file = path.join(folder, spoolName(Date.now(), randomBytes(CHANCE_OCTETS).toString("hex")));
    const draft = new Draft(file, await open(`${file}${UNFINISHED}`, "wx", MODE));
    try {
      await draft.giveGroup((await stat(folder)).gid);
    } catch (error) {
      await draft.drop();
      throw error;
    }
    return draft;
  }

  private constructor(file: string, handle: FileHandle) {
    this.#file = file;
    this.#handle = handle;
  }

  /** In a folder without setgid, as the one in the data folder, root's file would be root's alone, and no relay could read it. */
  async giveGroup(gid: number): Promise<void> {
    const facts = await this.#handle.stat();
    if (facts.gid === gid) return;
    try {
      await this.#handle.chown(facts.uid, gid);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EPERM") throw error; // a user who is not of that group
    }
  }

  /** Over what it has: what is not longer needs no more room. */
  async write(parts: FileParts): Promise<void> {
    if (parts === this.#written) return;
    let octets = 0;
    for (const part of parts)
      for (let at = 0; at < part.length;) {
        const { bytesWritten } = await this.#handle.write(part, at, part.length - at, octets);
        at += bytesWritten;
        octets += bytesWritten;
      }
    await this.#handle.truncate(octets);
    this.#written = parts;
  }

  async sync(): Promise<void> {
    await this.#handle.chmod(MODE); // whatever the umask is
    await this.#handle.sync();
  }

  async finish(): Promise<void> {
    await rename(`${this.#file}${UNFINISHED}`, this.#file);
    this.#isFinished = true;
    await this.#handle.sync();
  }

  /** It has its name. */
  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** Nothing of it is left, unless it has its name: it is the relay's then. */
  async drop(): Promise<void> {
    if (!this.#isFinished) await this.remove();
    await this.close();
  }

  async remove(): Promise<void> {
    await rm(`${this.#file}${UNFINISHED}`, { force: true }).catch(() => undefined); // the error that counts came before
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

async function syncIfReadable(folder: string): Promise<void> {
  try {
    await syncFolder(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EACCES") throw error;
  }
}
