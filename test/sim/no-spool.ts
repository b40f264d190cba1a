import type { OpenedFile, Spool, SpoolLook } from "../../src/ports/spool.ts";

/** A spool into which nobody puts anything. Whoever looks waits until something is there, or nobody looks any more. */
export class NoSpool implements Spool {
  readonly #closed = Promise.withResolvers<SpoolLook>();

  look(): Promise<SpoolLook> {
    return this.#closed.promise;
  }

  close(): Promise<void> {
    this.#closed.resolve({ names: [], isAll: false });
    return Promise.resolve();
  }

  open(): Promise<OpenedFile> {
    return Promise.resolve({ kind: "gone" });
  }

  userOf(uid: number): string {
    return String(uid);
  }

  leftAt(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  remove(): Promise<void> {
    return Promise.resolve();
  }

  bury(name: string): Promise<string> {
    return Promise.resolve(name);
  }

  buryPart(name: string): Promise<string> {
    return Promise.resolve(name);
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }
}
