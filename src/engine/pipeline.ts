import { utf8 } from "../core/base/bytes.ts";
import { DataEncoder } from "../core/smtp/data-encoder.ts";
import type { ContentReader } from "../ports/content.ts";
import type { MessageInHand } from "./load.ts";

// The one way of content to the wire: receive, header edits, (filters), 8-bit decision, (signing), stuffing. What is
// in parentheses has its place here and is not built yet: filters change what `outgoing` starts from, a signature is
// computed over exactly the pieces that `DataEncoder` gets, so that it covers the octets sent.

/** Octets of the message before dot-stuffing, which is what SIZE declares. */
export function outgoingOctets(message: MessageInHand, prefix: Uint8Array): number {
  return prefix.length + message.octets;
}

export function prefixOctets(message: MessageInHand): Uint8Array {
  return utf8(message.envelope.prefix);
}

/** A message whose content is in memory: all of it, with the final dot, ready to send. */
export function outgoing(prefix: Uint8Array, content: Uint8Array): Uint8Array[] {
  const encoder = new DataEncoder();
  const parts: Uint8Array[] = [];
  encoder.encode(prefix, parts);
  encoder.encode(content, parts);
  encoder.end(parts);
  return parts;
}

/** The same for content in a file, piece by piece; the last piece is the final dot. */
export async function* outgoingPieces(
  prefix: Uint8Array,
  reader: ContentReader,
): AsyncGenerator<Uint8Array[], void, void> {
  const encoder = new DataEncoder();
  let parts: Uint8Array[] = [];
  encoder.encode(prefix, parts);
  for (;;) {
    const piece = await reader.read();
    if (piece === undefined) break;
    encoder.encode(piece, parts);
    yield parts;
    parts = [];
  }
  encoder.end(parts);
  yield parts;
}
