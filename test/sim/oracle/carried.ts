import type { Letter } from "./accounts.ts";
import { hasBareNewline } from "../smtp-text.ts";

const CRLF = Buffer.from("\r\n");

/** What is wrong with content as a next hop got it (promise P6); undefined where nothing is. */
export function contentFault(
  { content }: Letter,
  wire: Buffer,
  delivered: Buffer,
  mayBeConverted: boolean,
): string | undefined {
  if (hasBareNewline(wire)) return "a CR or an LF stands alone on the wire";
  if (content === undefined) return undefined; // the relay's own words
  const isLined = content.length === 0 || content.subarray(-2).equals(CRLF);
  const expected = isLined ? content : Buffer.concat([content, CRLF]);
  const at = delivered.length - expected.length;
  if (at < 0 || !delivered.subarray(at).equals(expected)) {
    const wasConverted =
      mayBeConverted && content.some((octet) => octet > 0x7f) && !delivered.some((octet) => octet > 0x7f);
    return wasConverted
      ? undefined
      : `${delivered.length} octets came that are not the ${content.length} that were sent`;
  }
  return prefixFault(delivered.subarray(0, at).toString("latin1"));
}

/** What the relay puts before: whole fields, a trace field first. */
function prefixFault(prefix: string): string | undefined {
  if (!prefix.startsWith("Received: ") || !prefix.endsWith("\r\n")) return "no trace field stands before it";
  const isHeader = prefix
    .slice(0, -2)
    .split("\r\n")
    .every((line) => /^(?:[!-9;-~]+:|[ \t])/.test(line));
  return isHeader ? undefined : "what stands before it are no header fields";
}
