import { CR, LF, TAB, octetText, readableText } from "../base/bytes.ts";
import { INBOUND } from "../base/limits.ts";

/** What the relay needs to know of a header section, gathered in one pass while content comes in. */
export interface HeaderFacts {
  /** Trace fields: how far this message has come. */
  received: number;
  hasDate: boolean;
  hasMessageId: boolean;
  /** A signature over the header forbids adding fields it may cover. */
  hasDkimSignature: boolean;
  /** An octet above 0x7F in the header: the message needs SMTPUTF8 (RFC 6532). */
  isInternational: boolean;
  /** The header was longer than `INBOUND.headerOctetsMax`. */
  isTooLong: boolean;
  /** The content starts with something that is no field: fields put before it need an empty line after them. */
  needsSeparator: boolean;
  /** The unfolded value, cut to what an operator reads. */
  subject: string;
}

const NAME_OCTETS_MAX = 80;
const VALUE_OCTETS_KEPT = 512;
const COLON = 0x3a;

/**
 * Examines the header section octet for octet as it streams by, with memory that does not depend on its size. A field
 * name may be in any case and followed by white space before its colon (`received :`, RFC 5322 section 4.5). A first
 * line that is no field ends the header: then there is none.
 */
export class HeaderExaminer {
  readonly facts: HeaderFacts = {
    received: 0,
    hasDate: false,
    hasMessageId: false,
    hasDkimSignature: false,
    isInternational: false,
    isTooLong: false,
    needsSeparator: false,
    subject: "",
  };
  #isDone = false;
  #octets = 0;
  #line = new Uint8Array(NAME_OCTETS_MAX + VALUE_OCTETS_KEPT);
  #length = 0; // octets of the line kept in #line
  #field = ""; // the field that a continuation line belongs to

  examine(content: Uint8Array): void {
    let at = 0;
    while (!this.#isDone && at < content.length) {
      const newline = content.indexOf(LF, at);
      const upTo = newline === -1 ? content.length : newline + 1;
      this.#append(content, at, upTo);
      at = upTo;
      if (newline !== -1) this.#endLine();
    }
  }

  /** Content is over: a last line without an end is a line too. */
  finish(): HeaderFacts {
    if (!this.#isDone && this.#length > 0) this.#endLine();
    this.#isDone = true;
    return this.facts;
  }

  #append(content: Uint8Array, from: number, upTo: number): void {
    this.#octets += upTo - from;
    if (this.#octets > INBOUND.headerOctetsMax) {
      this.facts.isTooLong = true;
      this.#isDone = true;
    }
    const kept = Math.min(upTo - from, this.#line.length - this.#length);
    for (let i = 0; i < kept; i++) this.#line[this.#length++] = content[from + i]!;
    if (!this.facts.isInternational) {
      for (let i = from; i < upTo; i++) {
        if (content[i]! > 0x7f) {
          this.facts.isInternational = true;
          break;
        }
      }
    }
  }

  #endLine(): void {
    const line = this.#line;
    let end = this.#length;
    const isCut = end === line.length;
    this.#length = 0;
    while (end > 0 && (line[end - 1] === LF || line[end - 1] === CR)) end--;
    if (end === 0) this.#isDone = true;
    else if (this.#field !== "" && (line[0] === 0x20 || line[0] === TAB))
      this.#continueField(line.subarray(0, end), isCut);
    else this.#startField(line.subarray(0, end), isCut);
  }

  #startField(line: Uint8Array, isCut: boolean): void {
    const colon = line.indexOf(COLON);
    const name = colon === -1 ? "" : octetText(line.subarray(0, colon)).trimEnd().toLowerCase();
    if (name === "" || /[\s\x00-\x20\x7f-\xff]/.test(name)) {
      // Not a field: the body began without an empty line.
      this.facts.needsSeparator = this.#field === "";
      this.#isDone = true;
      return;
    }
    this.#field = name;
    switch (name) {
      case "received":
        this.facts.received++;
        break;
      case "date":
        this.facts.hasDate = true;
        break;
      case "message-id":
        this.facts.hasMessageId = true;
        break;
      case "dkim-signature":
        this.facts.hasDkimSignature = true;
        break;
    }
    if (name === "subject") this.#keepSubject(line.subarray(colon + 1), isCut);
  }

  #continueField(line: Uint8Array, isCut: boolean): void {
    if (this.#field === "subject") this.#keepSubject(line, isCut);
  }

  #keepSubject(value: Uint8Array, isCut: boolean): void {
    this.facts.subject = joined(this.facts.subject, readableText(value, isCut));
  }
}

function joined(before: string, text: string): string {
  if (before.length >= VALUE_OCTETS_KEPT) return before;
  const value = text.trim();
  return (before === "" ? value : `${before} ${value}`).slice(0, VALUE_OCTETS_KEPT);
}
