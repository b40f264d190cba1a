// What a local program writes to sendmail, made into a message as SMTP carries it.

import { CR, LF, NUL, SPACE, TAB, concatBytes, octetText, utf8, utf8Text } from "../base/bytes.ts";
import { INBOUND } from "../base/limits.ts";
import { printable } from "../base/printable.ts";

/** A field with the lines that continue it, each with CR LF. */
export interface Field {
  /** In lower case. */
  readonly name: string;
  readonly octets: Uint8Array;
}

export interface Letter {
  readonly fields: readonly Field[];
  readonly body: Uint8Array;
}

export type ReadLetter = { readonly kind: "letter"; readonly letter: Letter } | Malformed;

interface Malformed {
  readonly kind: "malformed";
  readonly why: string;
}

function malformed(why: string): Malformed {
  return { kind: "malformed", why };
}

const DOT = 0x2e;
const CRLF = utf8("\r\n");
const FIELD_NAME = /^([!-9;-~]{1,76})[ \t]*:/;
const NAME_OCTETS = 100;

/** The name of the field that a line begins, in lower case; undefined where it begins none. */
function fieldName(line: Uint8Array): string | undefined {
  return FIELD_NAME.exec(octetText(line.subarray(0, NAME_OCTETS)))?.[1]?.toLowerCase();
}

/** Lines are parts of `octets`, without their ends; the last one may have none. */
class Lines {
  readonly #octets: Uint8Array;
  #at = 0;
  number = 0;

  constructor(octets: Uint8Array) {
    this.#octets = octets;
  }

  /** Undefined at the end. */
  next(): Uint8Array | undefined {
    if (this.#at === this.#octets.length) return undefined;
    const newline = this.#octets.indexOf(LF, this.#at);
    const next = newline === -1 ? this.#octets.length : newline + 1;
    let end = newline === -1 ? next : newline;
    while (end > this.#at && this.#octets[end - 1] === CR) end--; // CR CR LF is what two conversions make of a line end
    const line = this.#octets.subarray(this.#at, end);
    this.#at = next;
    this.number++;
    return line;
  }
}

/**
 * Takes LF and CR LF for line ends. A CR within a line ends it too, where it is no part of the header: programs draw with it,
 * and in the header it would make a field of what a program took for text. A first line of mbox (`From x Sat Nov ...`) is
 * dropped; a header ends where a line is no field. `endsAtDot`: a line that is a dot is the end.
 */
export function readLetter(octets: Uint8Array, options: { readonly endsAtDot: boolean }): ReadLetter {
  if (octets.includes(NUL)) return malformed("there is a NUL in it, which no mail may have");
  const lines = new Lines(octets);
  const fields: { readonly name: string; readonly lines: Uint8Array[] }[] = [];
  const body = new Body(octets.length);
  let isHeader = true;
  for (let line = lines.next(); line !== undefined; line = lines.next()) {
    if (options.endsAtDot && line.length === 1 && line[0] === DOT) break;
    if (isHeader && lines.number === 1 && isMboxLine(line)) continue;
    const wrong = wrongWith(line, lines.number, isHeader);
    if (wrong !== undefined) return malformed(wrong);
    if (isHeader && line.length === 0) isHeader = false;
    else if (!isHeader || !takeField(line, fields)) {
      isHeader = false;
      body.take(line);
    }
  }
  const built = fields.map(({ name, lines: parts }) => ({ name, octets: concatBytes(parts) }));
  return { kind: "letter", letter: { fields: built, body: body.octets() } };
}

function isMboxLine(line: Uint8Array): boolean {
  return octetText(line.subarray(0, 5)) === "From ";
}

function wrongWith(line: Uint8Array, number: number, isHeader: boolean): string | undefined {
  if (isHeader && line.includes(CR)) return `line ${number}, in the header, has a CR that ends no line`;
  const longest = longestPart(line);
  if (longest <= INBOUND.contentLineOctetsMax) return undefined;
  return `line ${number} has ${longest} octets, and mail has lines of ${INBOUND.contentLineOctetsMax} at most: let the program encode it (quoted-printable or base64)`;
}

function longestPart(line: Uint8Array): number {
  let longest = 0;
  let start = 0;
  for (let at = line.indexOf(CR); at !== -1; at = line.indexOf(CR, start)) {
    longest = Math.max(longest, at - start);
    start = at + 1;
  }
  return Math.max(longest, line.length - start);
}

/** False where the line is no part of a header. */
function takeField(line: Uint8Array, fields: { readonly name: string; readonly lines: Uint8Array[] }[]): boolean {
  const last = fields.at(-1);
  if ((line[0] === SPACE || line[0] === TAB) && last !== undefined) {
    last.lines.push(line, CRLF);
    return true;
  }
  const name = fieldName(line);
  if (name === undefined) return false;
  fields.push({ name, lines: [line, CRLF] });
  return true;
}

/** What follows the header. Its octets and no list of its lines: of a message of line ends alone such a list is 100 times as large. */
class Body {
  #octets: Uint8Array;
  #length = 0;

  /** Octets of all that is read; line ends may make more of it. */
  constructor(octets: number) {
    this.#octets = new Uint8Array(octets + CRLF.length);
  }

  /** A line without its end; a CR within it ends it too. */
  take(line: Uint8Array): void {
    let start = 0;
    for (let at = line.indexOf(CR); at !== -1; at = line.indexOf(CR, start)) {
      this.#append(line.subarray(start, at));
      start = at + 1;
    }
    this.#append(line.subarray(start));
  }

  octets(): Uint8Array {
    return this.#octets.subarray(0, this.#length);
  }

  #append(line: Uint8Array): void {
    const length = this.#length + line.length + CRLF.length;
    if (length > this.#octets.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#octets.length));
      larger.set(this.octets());
      this.#octets = larger;
    }
    this.#octets.set(line, this.#length);
    this.#octets.set(CRLF, length - CRLF.length);
    this.#length = length;
  }
}

/** Without the fields of these names. */
export function without(letter: Letter, names: readonly string[]): Letter {
  return { ...letter, fields: letter.fields.filter(({ name }) => !names.includes(name)) };
}

/** What the fields of a name say, each unfolded; octets that are no UTF-8 are one character each. */
export function valuesOf({ fields }: Letter, name: string): string[] {
  return fields
    .filter((field) => field.name === name)
    .map(({ octets }) => {
      const text = utf8Text(octets) ?? octetText(octets);
      return text.slice(text.indexOf(":") + 1).replaceAll("\r\n", "");
    });
}

/** What a message has to have and this one has not. */
export interface Missing {
  /** Who sends it: the address and, unless empty, a name. */
  readonly from: { readonly address: string; readonly name: string };
  /** RFC 5322 section 3.3. */
  readonly date: string;
  /** Without brackets. */
  readonly messageId: string;
}

/** The whole message, with From, Date and Message-ID where it has none; where it is signed, as it is. */
export function contentOf(letter: Letter, { from, date, messageId }: Missing): Uint8Array {
  const has = new Set(letter.fields.map(({ name }) => name));
  const added: string[] = [];
  if (!has.has("dkim-signature")) {
    if (!has.has("from")) added.push(fromField(from));
    if (!has.has("date")) added.push(`Date: ${date}\r\n`);
    if (!has.has("message-id")) added.push(`Message-ID: <${messageId}>\r\n`);
  }
  return concatBytes([utf8(added.join("")), ...letter.fields.map(({ octets }) => octets), CRLF, letter.body]);
}

const NAME_CHARACTERS_MAX = 200;
/** Octets of text in an encoded word, so that the word has no more than 75 characters (RFC 2047 section 2). */
const WORD_OCTETS = 45;

/** The name is whatever a user chose for itself, or a program got from a stranger: it cannot end the field or be a second address. */
function fromField({ address, name }: Missing["from"]): string {
  const shown = printable(name.trim(), NAME_CHARACTERS_MAX);
  return shown === "" ? `From: ${address}\r\n` : `From: ${phrase(shown)}\r\n <${address}>\r\n`;
}

function phrase(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text) && !text.includes("=?")) return `"${text.replace(/["\\]/g, (c) => `\\${c}`)}"`;
  const words: string[] = [];
  let word = "";
  for (const c of text) {
    if (utf8(word + c).length > WORD_OCTETS) {
      words.push(word);
      word = "";
    }
    word += c;
  }
  return [...words, word].map((each) => `=?utf-8?Q?${quotedWord(each)}?=`).join("\r\n ");
}

/** RFC 2047 section 5 (3): in a phrase only these stand for themselves. */
function quotedWord(text: string): string {
  let encoded = "";
  for (const octet of utf8(text)) {
    const c = String.fromCharCode(octet);
    encoded += /[A-Za-z0-9!*+/-]/.test(c) ? c : `=${octet.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}
