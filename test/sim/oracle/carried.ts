import { hasBareNewline } from "../smtp-text.ts";
import { decodedBase64, decodedQuotedPrintable } from "./encodings.ts";

const CRLF = Buffer.from("\r\n");

/** What a next hop has of a message. */
export interface Received {
  /** As it came, with dots before dots, and without those. */
  readonly wire: Buffer;
  readonly content: Buffer;
  /** It said that it takes 8BITMIME, in this session. */
  readonly hasEightBit: boolean;
  /** The relay said that it has 8 bits (RFC 6152 section 3). */
  readonly isDeclaredEightBit: boolean;
  /** Octets that the next hop takes; 0: it did not say. */
  readonly size: number;
}

/** What is wrong with content as a next hop got it (promise P6); undefined where nothing is. */
export function contentFault(sent: Buffer, received: Received): string | undefined {
  const { wire, content, hasEightBit, isDeclaredEightBit, size } = received;
  if (hasBareNewline(wire)) return "a CR or an LF stands alone on the wire";
  if (size > 0 && content.length > size) return `${content.length} octets went to a server that takes ${size}`;
  if (isEightBit(content) && !isDeclaredEightBit) return "it has 8 bits, and that was not said";
  const isLined = sent.length === 0 || sent.subarray(-2).equals(CRLF);
  const expected = isLined ? sent : Buffer.concat([sent, CRLF]);
  const at = content.length - expected.length;
  const isAsItWas = at >= 0 && content.subarray(at).equals(expected);
  const mustBeConverted = isEightBit(expected) && !hasEightBit;
  if (isAsItWas && mustBeConverted) return "it has 8 bits, and went to a server that takes 7";
  if (isAsItWas) return prefixFault(content.subarray(0, at).toString("latin1"));
  if (mustBeConverted) return conversionFault(expected, content);
  return `${content.length} octets came that are not the ${sent.length} that were sent`;
}

export function isEightBit(octets: Uint8Array): boolean {
  return octets.some((octet) => octet > 0x7f);
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

interface Message {
  readonly fields: readonly string[];
  /** Lower case; undefined: none is named. */
  readonly encodings: readonly string[];
  readonly body: string;
}

/** Another encoding of the same octets, the same fields but the one that names it, and nothing else (RFC 6152 section 3). */
function conversionFault(sent: Buffer, came: Buffer): string | undefined {
  if (isEightBit(came)) return "it was converted, and has 8 bits still";
  const [before, after] = [messageOf(sent), messageOf(came)];
  const own = after.fields.length - before.fields.length;
  if (own < 0 || before.fields.some((field, at) => after.fields[own + at] !== field))
    return "it was converted, and has other header fields than before";
  const [encoding, another] = after.encodings;
  if (encoding === undefined || another !== undefined) return "it was converted, and does not say into what";
  const body =
    encoding === "quoted-printable"
      ? decodedQuotedPrintable(after.body)
      : encoding === "base64"
        ? decodedBase64(after.body)
        : undefined;
  if (body === undefined) return `it was converted, and is no ${encoding}`;
  if (!body.equals(Buffer.from(before.body, "latin1"))) return `its ${encoding} is of other octets than were sent`;
  return prefixFault(after.fields.slice(0, own).join(""));
}

/** Fields whole, with their folds, and without those that name an encoding. */
function messageOf(octets: Buffer): Message {
  const text = octets.toString("latin1");
  const end = text.indexOf("\r\n\r\n");
  const header = end === -1 ? text : text.slice(0, end + 2);
  const all = header.match(/[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*/g) ?? [];
  const encodings = all.filter((field) => ENCODING.test(field));
  return {
    fields: all.filter((field) => !ENCODING.test(field)),
    encodings: encodings.map((field) => field.replace(ENCODING, "").trim().toLowerCase()),
    body: end === -1 ? "" : text.slice(end + 4),
  };
}

const ENCODING = /^content-transfer-encoding[ \t]*:/i;
