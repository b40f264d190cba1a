import { EMPTY, concatBytes } from "../core/base/bytes.ts";
import { INBOUND } from "../core/base/limits.ts";
import type { Instant } from "../core/base/time.ts";
import { HeaderExaminer } from "../core/mail/header.ts";
import type { MessageId } from "../core/mail/message-id.ts";
import type { ContentFiles, ContentWriter } from "../ports/content.ts";

const JOINT_PIECE_MAX = 256;
const JOINT_OCTETS = 4096;

/** The octets in a buffer of their own: a view would keep all of what the socket once read. */
function ownBytes(parts: readonly Uint8Array[]): Uint8Array {
  const whole = parts.length === 0 ? EMPTY : concatBytes(parts);
  return whole.length * 2 < whole.buffer.byteLength ? whole.slice() : whole;
}

/** A message on its way in: content in memory up to a bound, then in a file as it comes. */
export class Incoming {
  readonly id: MessageId;
  readonly receivedAt: Instant;
  readonly examiner = new HeaderExaminer();
  readonly #files: ContentFiles;
  #parts: Uint8Array[] = [];
  #joint: Uint8Array = EMPTY; // small pieces, not in #parts yet
  #jointLength = 0;
  #octets = 0;
  #writer: ContentWriter | undefined;
  #writing: Promise<void> | undefined;
  #error: unknown;
  #isDiscarded = false;

  constructor(id: MessageId, receivedAt: Instant, files: ContentFiles) {
    this.id = id;
    this.receivedAt = receivedAt;
    this.#files = files;
  }

  /** Takes content. The promise is there where the caller should wait before it gives more. */
  take(parts: readonly Uint8Array[]): Promise<void> | undefined {
    if (this.#error !== undefined || this.#isDiscarded) return undefined;
    for (const part of parts) {
      this.examiner.examine(part);
      this.#add(part);
      this.#octets += part.length;
    }
    if (this.#octets <= INBOUND.contentInMemoryMax) return undefined;
    this.#writing ??= this.#start(() => this.#write());
    return this.#writing;
  }

  /** All content was given: in memory, or in its file and on stable storage. Throws what writing threw. */
  async finish(): Promise<Uint8Array | undefined> {
    while (this.#writing !== undefined) await this.#writing;
    const writer = this.#writer;
    if (writer !== undefined && this.#error === undefined) {
      await this.#start(async () => {
        await this.#write();
        if (!this.#isDiscarded) await writer.finish();
      });
    }
    if (this.#error !== undefined) throw this.#error;
    this.#closeJoint();
    return writer === undefined ? ownBytes(this.#parts) : undefined;
  }

  /** Octets that come one by one must not cost an object each. */
  #add(part: Uint8Array): void {
    if (part.length > JOINT_PIECE_MAX) {
      this.#closeJoint();
      this.#parts.push(part);
      return;
    }
    if (this.#jointLength + part.length > JOINT_OCTETS) this.#closeJoint();
    if (this.#jointLength === 0) this.#joint = new Uint8Array(JOINT_OCTETS);
    this.#joint.set(part, this.#jointLength);
    this.#jointLength += part.length;
  }

  #closeJoint(): void {
    if (this.#jointLength === 0) return;
    this.#parts.push(this.#joint.subarray(0, this.#jointLength));
    this.#jointLength = 0;
  }

  /** The message did not come about. */
  discard(): void {
    this.#isDiscarded = true;
    this.#parts = [];
    this.#jointLength = 0;
    if (this.#writing === undefined) this.#writer?.discard();
  }

  /** One thing at a time happens to the file: a discard meanwhile is for its end, and does not close it underneath. */
  #start(work: () => Promise<void>): Promise<void> {
    this.#writing = Promise.resolve()
      .then(work)
      .catch((error: unknown) => {
        this.#error = error;
        this.#parts = [];
      })
      .finally(() => {
        this.#writing = undefined;
        if (this.#isDiscarded) this.#writer?.discard();
      });
    return this.#writing;
  }

  async #write(): Promise<void> {
    this.#writer ??= this.#files.create(this.id);
    this.#closeJoint();
    while (this.#parts.length > 0 && !this.#isDiscarded) {
      const parts = this.#parts;
      this.#parts = [];
      this.#octets = 0;
      await this.#writer.write(parts);
      this.#closeJoint();
    }
  }
}
