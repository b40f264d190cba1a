import { concatBytes, utf8 } from "../core/base/bytes.ts";
import { ConversionPlanner, Converter, type Treatment } from "../core/mime/conversion.ts";
import { DataEncoder } from "../core/smtp/data-encoder.ts";
import { type ContentFiles, type ContentReader, StorageError } from "../ports/content.ts";
import type { MessageInHand } from "./load.ts";

// The one way of content to the wire: receive, header edits, (filters), 8-bit decision, (signing), stuffing. What is
// in parentheses has its place here and is not built yet: filters change what `source` gives, a signature is computed
// over exactly the pieces that `DataEncoder` gets, so that it covers the octets sent.

/** A message as one next hop gets it. */
export interface Outgoing {
  /** Octets before dot-stuffing, which is what SIZE declares. */
  readonly octets: number;
  readonly isEightBit: boolean;
  /** All of it with the final dot, ready to send; undefined where it is too large for memory. */
  whole(): Uint8Array[] | undefined;
  /** The same piece by piece; the last piece is the final dot. */
  pieces(): AsyncGenerator<Uint8Array[], void, void>;
}

/** As it came, with what we put before it. */
export function outgoing(message: MessageInHand, files: ContentFiles): Outgoing {
  const prefix = utf8(message.envelope.prefix);
  const { content } = message;
  return {
    octets: prefix.length + message.octets,
    isEightBit: message.envelope.isEightBit,
    whole: () => (content === undefined ? undefined : stuffed([prefix, content])),
    pieces: () => stuffedPieces(source(message, files)),
  };
}

/**
 * For a next hop without 8BITMIME (RFC 6152 section 3): converted part by part, or the reason why it cannot be done
 * without harm. Reads the content up to three times, and never holds more of it than came into memory. Throws what reading
 * throws; undefined as soon as nobody wants it any more.
 */
export async function sevenBit(
  message: MessageInHand,
  files: ContentFiles,
  isWanted: () => boolean,
): Promise<Outgoing | string | undefined> {
  const planner = new ConversionPlanner();
  for await (const piece of source(message, files)) {
    if (!isWanted()) return undefined;
    planner.push(piece);
  }
  const plan = planner.end();
  if (plan.kind === "impossible") return plan.why;
  const converted = (): AsyncGenerator<Uint8Array[], void, void> => conversion(source(message, files), plan.leaves);
  if (message.content === undefined) {
    let octets = 0;
    for await (const parts of converted()) {
      if (!isWanted()) return undefined;
      for (const part of parts) octets += part.length;
    }
    return { octets, isEightBit: false, whole: () => undefined, pieces: () => stuffedPieces(flat(converted())) };
  }
  const parts: Uint8Array[] = [];
  for await (const found of converted()) parts.push(...found);
  const content = concatBytes(parts);
  return {
    octets: content.length,
    isEightBit: false,
    whole: () => stuffed([content]),
    pieces: () => stuffedPieces(flat(converted())),
  };
}

/** What a file has more or less than was accepted is not the message: it is as one that cannot be read (promise P5). */
async function* source(message: MessageInHand, files: ContentFiles): AsyncGenerator<Uint8Array, void, void> {
  yield utf8(message.envelope.prefix);
  if (message.content !== undefined) {
    yield message.content;
    return;
  }
  const reader: ContentReader = files.open(message.id);
  let octets = 0;
  try {
    for (let piece = await reader.read(); piece !== undefined; piece = await reader.read()) {
      octets += piece.length;
      if (octets > message.octets) break;
      yield piece;
    }
  } finally {
    reader.close();
  }
  if (octets !== message.octets) throw new StorageError("failed", wrongSize(message, octets));
}

function wrongSize({ id, octets: accepted }: MessageInHand, octets: number): string {
  const found = octets > accepted ? "has more than" : `has ${octets} of`;
  return `the content file of ${id} ${found} the ${accepted} octets that were accepted`;
}

async function* conversion(
  pieces: AsyncGenerator<Uint8Array, void, void>,
  leaves: readonly Treatment[],
): AsyncGenerator<Uint8Array[], void, void> {
  let out: Uint8Array[] = [];
  const converter = new Converter(leaves, (parts) => void out.push(...parts));
  for await (const piece of pieces) {
    converter.push(piece);
    yield out;
    out = [];
  }
  converter.end();
  yield out;
}

async function* flat(groups: AsyncGenerator<Uint8Array[], void, void>): AsyncGenerator<Uint8Array, void, void> {
  for await (const group of groups) yield* group;
}

function stuffed(contents: readonly Uint8Array[]): Uint8Array[] {
  const encoder = new DataEncoder();
  const parts: Uint8Array[] = [];
  for (const content of contents) encoder.encode(content, parts);
  encoder.end(parts);
  return parts;
}

async function* stuffedPieces(
  pieces: AsyncGenerator<Uint8Array, void, void>,
): AsyncGenerator<Uint8Array[], void, void> {
  const encoder = new DataEncoder();
  let parts: Uint8Array[] = [];
  for await (const piece of pieces) {
    encoder.encode(piece, parts);
    yield parts;
    parts = [];
  }
  encoder.end(parts);
  yield parts;
}
