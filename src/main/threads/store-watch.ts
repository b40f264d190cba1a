import type { Recorder } from "../../ports/recorder.ts";

/**
 * Looks whether the store's files are still those at their paths. Where they are not, what is written is lost with the process: no
 * mail may be accepted (promise P1), and what is queued has to leave.
 */
export class StoreWatch {
  readonly #files: { look(): string | undefined };
  readonly #recorder: Recorder;
  #replaced: string | undefined;

  /** `files`: says which file is gone or another one. */
  constructor(files: { look(): string | undefined }, recorder: Recorder) {
    this.#files = files;
    this.#recorder = recorder;
  }

  isReplaced(): boolean {
    const file = this.#files.look();
    if (file !== undefined && this.#replaced === undefined) this.#recorder.record({ event: "store.replaced", file });
    if (file === undefined && this.#replaced !== undefined)
      this.#recorder.record({ event: "store.restored", file: this.#replaced });
    this.#replaced = file;
    return file !== undefined;
  }
}
