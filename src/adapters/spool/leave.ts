import { randomBytes } from "node:crypto";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { spoolName } from "../../core/submission/spooled.ts";
import { syncFolder } from "../durable.ts";
import { UNFINISHED } from "./names.ts";

const CHANCE_OCTETS = 16;
/** For the owner and the folder's group, which is the relay's. */
const MODE = 0o440;

/**
 * Leaves files in the spool, on stable storage. Throws the system's error, and then nothing is left: the disk gets full before the
 * first of them has its name. A folder that its user may not read cannot be synced by that user: there the sync of a file
 * after it got its name is what puts the name on stable storage, as ext4, XFS, Btrfs and F2FS do.
 */
export async function leaveInSpool(folder: string, files: readonly (readonly Uint8Array[])[]): Promise<void> {
  const drafts: Draft[] = [];
  try {
    for (const parts of files) {
      const draft = await Draft.create(folder);
      drafts.push(draft);
      await draft.write(parts);
    }
    for (const draft of drafts) await draft.finish();
    await syncIfReadable(folder);
  } catch (error) {
    for (const draft of drafts) await draft.remove();
    throw error;
  } finally {
    for (const draft of drafts) await draft.close();
  }
}

class Draft {
  readonly #file: string;
  readonly #handle: FileHandle;
  #isFinished = false;

  static async create(folder: string): Promise<Draft> {
    const file = path.join(folder, spoolName(Date.now(), randomBytes(CHANCE_OCTETS).toString("hex")));
    const draft = new Draft(file, await open(`${file}${UNFINISHED}`, "wx", MODE));
    try {
      await draft.giveGroup((await stat(folder)).gid);
    } catch (error) {
      await draft.remove();
      await draft.close();
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

  async write(parts: readonly Uint8Array[]): Promise<void> {
    for (const octets of parts)
      for (let at = 0; at < octets.length;) at += (await this.#handle.write(octets, at)).bytesWritten;
    await this.#handle.chmod(MODE); // whatever the umask is
    await this.#handle.sync();
  }

  async finish(): Promise<void> {
    await rename(`${this.#file}${UNFINISHED}`, this.#file);
    this.#isFinished = true;
    await this.#handle.sync();
  }

  async remove(): Promise<void> {
    const file = this.#isFinished ? this.#file : `${this.#file}${UNFINISHED}`;
    await rm(file, { force: true }).catch(() => undefined); // the error that counts came before
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
