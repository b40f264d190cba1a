import { hidesHeader } from "../mail/added-fields.ts";
import { HeaderExaminer } from "../mail/header.ts";
import type { StoredEnvelope } from "../mail/stored.ts";
import { contentFault } from "../smtp/content-fault.ts";
import { ChunkDecoder } from "../smtp/data-decoder.ts";

/** Looks through the content of one message of a queue that moves, as it comes: it is what a client could have brought. */
export class ExportedContent {
  readonly #decoder = new ChunkDecoder("reject");
  readonly #examiner = new HeaderExaminer();

  take(octets: Uint8Array): void {
    this.#decoder.decode(octets, 0, []);
    this.#examiner.examine(octets);
  }

  /** What no relay takes like that, once all of it came. `envelope` is `StoredEnvelope` as JSON. */
  fault(envelope: string): string | undefined {
    this.#decoder.finish([]);
    const fault = contentFault(this.#decoder.facts);
    if (fault !== undefined) return `its content has ${fault}`;
    const { prefix } = JSON.parse(envelope) as StoredEnvelope;
    return hidesHeader(prefix, this.#examiner.finish()) ? "an empty line stands before its header" : undefined;
  }
}
