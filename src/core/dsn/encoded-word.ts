import { isAscii, octetText, utf8Text } from "../base/bytes.ts";
import { decodeBase64 } from "../smtp/sasl.ts";

// RFC 2047 section 2; RFC 2231 section 5 for the language behind a star.
const WORD = /=\?([\w.+-]{1,40})(?:\*[\w-]{1,40})?\?([BbQq])\?([!->@-~]*)\?=/g;

/** Words one behind the other, of one character set: a character may be cut between two of them, though it should not. */
interface Run {
  readonly charset: string;
  readonly octets: number[];
  /** As they came, for a character set that is not known here, or is not what it says. */
  raw: string;
}

/** A header field's text with its encoded words decoded, for people; what cannot be decoded stays. It may hold anything. */
export function decodeWords(text: string): string {
  let decoded = "";
  let run: Run | undefined;
  let at = 0;
  for (const { 0: raw, 1: charset = "", 2: encoding = "", 3: word = "", index } of text.matchAll(WORD)) {
    const between = text.slice(at, index);
    const name = charset.toLowerCase();
    const octets = encoding.toLowerCase() === "b" ? decodeBase64(word) : quotedOctets(word);
    const joins = /^[ \t\r\n]*$/.test(between);
    if (octets === undefined || run === undefined || !joins || run.charset !== name) {
      // Space between two words is none, but where one of them is shown as it came.
      const isWord = run === undefined ? undefined : textOf(run);
      decoded += isWord ?? run?.raw ?? "";
      decoded += joins && isWord !== undefined && octets !== undefined ? "" : between;
      run = octets === undefined ? undefined : { charset: name, octets: [...octets], raw };
      if (octets === undefined) decoded += raw;
    } else {
      run.octets.push(...octets);
      run.raw += between + raw;
    }
    at = index + raw.length;
  }
  if (run !== undefined) decoded += textOf(run) ?? run.raw;
  return decoded + text.slice(at);
}

function quotedOctets(word: string): Uint8Array {
  const text = word
    .replaceAll("_", " ")
    .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Undefined where the octets are not what the name says, or the name is not known here. */
function textOf({ charset, octets }: Run): string | undefined {
  const all = Uint8Array.from(octets);
  switch (charset) {
    case "utf-8":
    case "utf8":
      return utf8Text(all);
    case "us-ascii":
      return isAscii(all) ? octetText(all) : undefined;
    case "iso-8859-1":
      return octetText(all);
    case "windows-1252": // the same, where it is not one of its own 27 characters
      return all.some((octet) => octet >= 0x80 && octet <= 0x9f) ? undefined : octetText(all);
    default:
      return undefined;
  }
}
