import { utf8 } from "../base/bytes.ts";
import { INBOUND } from "../base/limits.ts";
import { faultIn } from "../smtp/content-fault.ts";
import type { HeaderFacts } from "./header.ts";

const FIELD_START = /^[!-9;-~]+[ \t]*:/;
const CONTINUATION = /^[ \t]+[^ \t]/;
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f]/;

/**
 * What keeps text from going before content: it is whole header fields in lines with CR LF, as a relay adds them. An empty line
 * may be its last one: before content that has no header.
 */
export function faultInFields(text: string): string | undefined {
  const octets = utf8(text);
  if (octets.length > INBOUND.headerOctetsMax)
    return `has ${octets.length} octets, and a header has ${INBOUND.headerOctetsMax} at most`;
  const fault = faultIn(octets);
  if (fault !== undefined) return `has ${fault}`;
  if (text === "") return undefined;
  if (!text.endsWith("\r\n")) return "does not end with a line end";
  const lines = text.slice(0, -2).split("\r\n");
  if (lines.length > 1 && lines.at(-1) === "") lines.pop();
  for (const [at, line] of lines.entries()) {
    if (line === "") return "has an empty line, which ends the header";
    if (CONTROL.test(line)) return "has a control character";
    if (!FIELD_START.test(line) && (at === 0 || !CONTINUATION.test(line)))
      return `has a line that is no header field: line ${at + 1}`;
  }
  return undefined;
}

/** An empty line before content that has a header would make text of that header, with all that it says of the message. */
export function hidesHeader(fields: string, { needsSeparator }: Pick<HeaderFacts, "needsSeparator">): boolean {
  return fields.endsWith("\r\n\r\n") && !needsSeparator;
}
