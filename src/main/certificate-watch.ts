import { stat } from "node:fs/promises";
import { RELOAD } from "../core/base/limits.ts";
import type { Config } from "../core/config/config.ts";

export interface CertificateWatchParts {
  /** What the relay goes by now. */
  config(): Config;
  /**
   * They changed: the relay is to go by them. False where it cannot yet: one of a pair may be written before the other.
   * Then it is tried again at each look.
   */
  changed(isFirstTry: boolean): Promise<boolean>;
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

  async start(): Promise<void> {
    this.#seen = await marksOf(this.#parts.config());
    this.#lookLater();
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
      const isDone = await this.#parts.changed(marks !== this.#tried);
      if (isDone) this.#seen = marks;
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
  const marks = await Promise.all([...new Set([...pairs, ...authorities])].map(markOf));
  return marks.join("\n");
}

/** Different for every version of a file. */
async function markOf(file: string): Promise<string> {
  try {
    const { ino, size, mtimeMs, ctimeMs } = await stat(file);
    return [file, ino, size, mtimeMs, ctimeMs].join(" ");
  } catch {
    return `${file} is not there`; // while it is being replaced; what is read then says so
  }
}
