import { stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { RELOAD } from "../core/base/limits.ts";
import type { Config } from "../core/config/config.ts";

export interface CertificateWatchParts {
  /** What the relay goes by now. */
  config(): Config;
  /**
   * They changed: the relay is to go by them. It may not be able to yet, where one of a pair is written before the other;
   * then it is tried again at each look.
   */
  changed(isFirstTry: boolean): Promise<unknown>;
}

/**
 * Looks at the files of certificates and keys now and then. Whoever renews them, a program, a mount of a container, puts
 * others there without a word, by a rename or by a link: a look at the file that is there now misses none of it.
 */
export class CertificateWatch {
  readonly #parts: CertificateWatchParts;
  #seen: string | undefined;
  #tried: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(parts: CertificateWatchParts) {
    this.#parts = parts;
  }

  /** While `work` has the relay go by this configuration; where it rejects, the relay goes by what it went by. */
  async during<Result>(config: Config, work: () => Promise<Result>): Promise<Result> {
    const marks = await marksOf(config); // before they are read: what is written meanwhile is seen later
    const result = await work();
    this.#seen = marks;
    return result;
  }

  start(): void {
    this.#lookLater();
  }

  /** What the relay goes by was read by root, and another user looks from now on: it may see less. */
  async lookAnew(config: Config): Promise<void> {
    this.#seen = await marksOf(config);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #lookLater(): void {
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.#look(), RELOAD.certificateLook).unref();
  }

  async #look(): Promise<void> {
    const marks = await marksOf(this.#parts.config());
    if (marks !== this.#seen) {
      await this.#parts.changed(marks !== this.#tried);
      this.#tried = marks;
    }
    this.#lookLater();
  }
}

async function marksOf({ listeners, smartHosts }: Config): Promise<string> {
  const pairs = listeners.flatMap(({ certificates }) =>
    certificates.flatMap(({ certificate, key }) => [certificate, key]),
  );
  const authorities = smartHosts.flatMap(({ authorityFile }) => authorityFile ?? []);
  const marks = Promise.all([...new Set([...pairs, ...authorities])].map(markOf));
  return await Promise.race([marks.then((found) => found.join("\n")), sleep(RELOAD.patience, HANGS, { ref: false })]);
}

/** The disk does not answer: a look later tells. */
const HANGS = "the disk hangs";

/** Different for every version of a file. */
async function markOf(file: string): Promise<string> {
  try {
    const { ino, size, mtimeMs, ctimeMs } = await stat(file);
    return [file, ino, size, mtimeMs, ctimeMs].join(" ");
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    return `${file} ${code}`; // while it is being replaced; what is read then says so
  }
}
