import { CR, LF, SPACE, TAB, octetText, readableText } from "../base/bytes.ts";
import { TRACE } from "../base/limits.ts";

/** One field of a header as somebody else wrote it. */
export interface Field {
  /** As written. */
  readonly name: string;
  /** Unfolded, without white space around it; UTF-8 where it is that, else a code unit for each octet. */
  readonly value: string;
}

export interface Header {
  /** Top to bottom. */
  readonly fields: readonly Field[];
  /** Lines that belong to no field. */
  readonly strayLines: number;
  /** The header is longer than what is read of it, which is whole fields. */
  readonly isCut: boolean;
}

/** Of fields that messages have: RFC 5322 section 3.6, RFC 2045, RFC 2369, what signs and authenticates, and whatever begins with `X-`. */
const KNOWN =
  /^(received(-spf)?|return-path|from|sender|reply-to|to|cc|bcc|date|subject|message-id|in-reply-to|references|comments|keywords|mime-version|delivered-to|envelope-to|(apparently|errors|original|resent|content|list|arc|dkim|domainkey|authentication|auto|x)-.+)$/i;

/** Whether it is one that a message has; any line of `NAME:` looks like a field, as those of /etc/passwd do. */
export function isKnown({ name }: Field): boolean {
  return KNOWN.test(name);
}

interface Draft {
  readonly name: string;
  readonly parts: string[];
}

/**
 * The header of a message in a file: also one that was pasted, so that empty lines before it and the `From ` line of an
 * mbox are passed over, line ends are CR LF or LF, and a line that is no field does not end it. Linear.
 */
export function readHeader(octets: Uint8Array, octetsMax: number = TRACE.headerOctetsMax): Header {
  const isLonger = octets.length > octetsMax;
  const read = isLonger ? octets.subarray(0, octets.lastIndexOf(LF, octetsMax - 1) + 1) : octets;
  const drafts: Draft[] = [];
  let strayLines = 0;
  let isOver = false;
  for (let at = 0; at < read.length && !isOver;) {
    const newline = read.indexOf(LF, at);
    const end = newline === -1 ? read.length : newline;
    const line = read.subarray(at, read[end - 1] === CR && end > at ? end - 1 : end);
    at = end + 1;
    if (line.length === 0) isOver = drafts.length > 0;
    else if (!take(line, drafts)) strayLines++;
  }
  const isCut = isLonger && !isOver;
  if (isCut && isFold(octets[read.length])) drafts.pop(); // it goes on beyond the bound: a part of it could say anything
  const fields = drafts.map(({ name, parts }) => ({ name, value: parts.join(" ").trim() }));
  return { fields, strayLines, isCut };
}

/** False where the line belongs to nothing. */
function take(line: Uint8Array, drafts: Draft[]): boolean {
  const last = drafts.at(-1);
  if (isFold(line[0])) {
    last?.parts.push(readableText(line, false).trim());
    return last !== undefined;
  }
  const name = nameOf(line);
  if (name === "") return isMailboxLine(line);
  drafts.push({ name, parts: [readableText(line.subarray(line.indexOf(0x3a) + 1), false).trim()] });
  return true;
}

function isFold(octet: number | undefined): boolean {
  return octet === SPACE || octet === TAB;
}

/** Empty where the line does not begin with a field's name (RFC 5322 section 3.6.8; section 4.5 has white space before the colon). */
function nameOf(line: Uint8Array): string {
  const colon = line.subarray(0, TRACE.nameOctetsMax).indexOf(0x3a);
  const name = colon === -1 ? "" : octetText(line.subarray(0, colon)).trimEnd();
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) <= SPACE || name.charCodeAt(i) > 0x7e) return "";
  return name;
}

/** `From a@b Sat Nov 21 ...` before a message in an mbox, or `>From ` where one was forwarded with it. */
function isMailboxLine(line: Uint8Array): boolean {
  const start = octetText(line.subarray(0, 6));
  return start.startsWith("From ") || start === ">From ";
}
