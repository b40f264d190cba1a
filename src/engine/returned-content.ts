import { concatBytes, utf8 } from "../core/base/bytes.ts";
import { DSN } from "../core/base/limits.ts";
import type { Action, Returned } from "../core/dsn/report.ts";
import { hasWholeHeader, headerOf } from "../core/dsn/returned.ts";
import { isTrusted } from "../core/policy/identity.ts";
import type { ContentFiles } from "../ports/content.ts";
import type { MessageInHand } from "./load.ts";

type Files = Pick<ContentFiles, "open">;

/** RFC 3461 section 4.3: all of it only with a failure, to who asked for it, and where it is small. */
export function wholeMessage({ envelope, content }: MessageInHand, action: Action): Returned | undefined {
  const isAsked = action === "failed" && envelope.ret === "full" && isTrusted(envelope.identity);
  if (!isAsked || content === undefined) return undefined;
  const octets = concatBytes([utf8(envelope.prefix), content]);
  return octets.length <= DSN.returnedOctetsMax ? { kind: "whole", octets, isCut: false } : undefined;
}

/** Its header, or why our disk does not give it back. */
export async function headerOfMessage(message: MessageInHand, files: Files): Promise<Returned | string> {
  try {
    const start = message.content ?? (await readHeader(message, files));
    return headerOf(concatBytes([utf8(message.envelope.prefix), start]), DSN.returnedOctetsMax);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Content in a file: as much of it as has the header, or one octet more than goes back of it. */
async function readHeader({ id }: MessageInHand, files: Files): Promise<Uint8Array> {
  const reader = files.open(id);
  try {
    let start: Uint8Array = new Uint8Array(0);
    while (start.length <= DSN.returnedOctetsMax && !hasWholeHeader(start)) {
      const piece = await reader.read();
      if (piece === undefined) break;
      start = concatBytes([start, piece]);
    }
    return start;
  } finally {
    reader.close();
  }
}
