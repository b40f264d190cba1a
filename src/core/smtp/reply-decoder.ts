import { CR, EMPTY, LF, SPACE, readableText } from "../base/bytes.ts";
import { OUTBOUND } from "../base/limits.ts";

/** What a server said. Everything here but `code` is the peer's: show it through `base/printable` only. */
export interface ServerReply {
  readonly kind: "reply";
  /** 200 to 599. */
  readonly code: number;
  /** The enhanced code that the text starts with, where it is well formed and of the class of `code` (RFC 3463). */
  readonly status: string | undefined;
  /** What follows code and separator, verbatim, enhanced code included. Bounded by `OUTBOUND`; the rest is dropped. */
  readonly lines: readonly string[];
}

/** Something that is no reply. What follows it cannot be trusted to be one. */
export interface MalformedReply {
  readonly kind: "malformed";
  readonly why: string;
}

const HYPHEN = 0x2d;
const DIGIT_ZERO = 0x30;
const SHOWN_CHARACTERS_MAX = 100;
const ENHANCED = /^[245]\.(?:0|[1-9][0-9]{0,2})\.(?:0|[1-9][0-9]{0,2})(?= |$)/;

function shown(line: Uint8Array): string {
  return readableText(line, line.length === OUTBOUND.replyLineOctetsMax);
}

/** RFC 5321 section 4.2: three digits of which the first is 2 to 5. Zero where it is not that. */
function codeOf(line: Uint8Array): number {
  if (line.length < 3) return 0;
  const first = line[0]! - DIGIT_ZERO;
  const second = line[1]! - DIGIT_ZERO;
  const third = line[2]! - DIGIT_ZERO;
  const isCode = first >= 2 && first <= 5 && second >= 0 && second <= 9 && third >= 0 && third <= 9;
  return isCode ? first * 100 + second * 10 + third : 0;
}

function statusOf(code: number, text: string): string | undefined {
  if (text.charCodeAt(0) - DIGIT_ZERO !== Math.floor(code / 100)) return undefined;
  return ENHANCED.exec(text)?.[0];
}

function malformed(why: string): MalformedReply {
  return { kind: "malformed", why };
}

/**
 * Replies out of octets. Lines end with LF, after a CR or not; blank ones are no reply and count as nothing. Neither
 * what it gives nor what it costs depends on how the octets are cut: time is linear in their number, memory bounded.
 */
export class ReplyDecoder {
  #chunk: Uint8Array = EMPTY;
  #at = 0;
  /** The start of a line that goes on in the next chunk; allocated when first needed. */
  #carry: Uint8Array = EMPTY;
  #carried = 0;
  #carryEndsWithCr = false;
  /** The code of the multi-line reply that is open, else zero. */
  #code = 0;
  #lines: string[] = [];
  #textLength = 0;
  #linesSeen = 0;
  /** Octets of the reply that is open, those that were dropped too. */
  #octetsSeen = 0;

  /** Octets to decode; what was given before is read to its end by then. */
  feed(octets: Uint8Array): void {
    this.#chunk = octets;
    this.#at = 0;
  }

  /** The next whole reply, or undefined where more octets are needed. Not to be called again after a malformed one. */
  next(): ServerReply | MalformedReply | undefined {
    for (;;) {
      const start = this.#at;
      const line = this.#line();
      this.#octetsSeen += this.#at - start;
      if (this.#octetsSeen > OUTBOUND.replyOctetsFloodMax) return malformed("a reply without an end");
      if (line === undefined) return undefined;
      const decoded = this.#take(line);
      if (decoded !== undefined) return decoded;
    }
  }

  /** True where octets came that are part of no reply given so far. A CR alone may be the first half of a blank line. */
  get hasRest(): boolean {
    const isCr = this.#carried === 1 && this.#carryEndsWithCr;
    return this.#at < this.#chunk.length || (this.#carried > 0 && !isCr) || this.#code !== 0;
  }

  /** The next line without its end, cut at the bound; valid until the next call. */
  #line(): Uint8Array | undefined {
    const start = this.#at;
    const end = this.#chunk.indexOf(LF, start);
    if (end === -1) {
      this.#keep(this.#chunk.subarray(start));
      this.#at = this.#chunk.length;
      return undefined;
    }
    this.#at = end + 1;
    if (this.#carried > 0) {
      this.#keep(this.#chunk.subarray(start, end));
      return this.#carriedLine();
    }
    const stop = end > start && this.#chunk[end - 1] === CR ? end - 1 : end;
    return this.#chunk.subarray(start, Math.min(stop, start + OUTBOUND.replyLineOctetsMax));
  }

  #keep(part: Uint8Array): void {
    if (part.length === 0) return;
    if (this.#carry.length === 0) this.#carry = new Uint8Array(OUTBOUND.replyLineOctetsMax);
    const room = this.#carry.length - this.#carried;
    if (room > 0) this.#carry.set(part.length > room ? part.subarray(0, room) : part, this.#carried);
    this.#carried += part.length;
    this.#carryEndsWithCr = part.at(-1) === CR;
  }

  #carriedLine(): Uint8Array {
    const length = this.#carryEndsWithCr ? this.#carried - 1 : this.#carried;
    this.#carried = 0;
    return this.#carry.subarray(0, Math.min(length, OUTBOUND.replyLineOctetsMax));
  }

  #take(line: Uint8Array): ServerReply | MalformedReply | undefined {
    if (++this.#linesSeen > OUTBOUND.replyLinesFloodMax) return malformed("a reply without an end");
    if (line.length === 0) return undefined;
    const code = codeOf(line);
    const separator = line.length > 3 ? line[3] : SPACE;
    if (code === 0 || (separator !== SPACE && separator !== HYPHEN)) {
      return malformed(`not a reply: ${shown(line).slice(0, SHOWN_CHARACTERS_MAX)}`);
    }
    if (this.#code !== 0 && code !== this.#code) return malformed(`one reply with two codes: ${this.#code}, ${code}`);
    this.#addText(line);
    if (separator === SPACE) return this.#whole(code);
    this.#code = code;
    return undefined;
  }

  #addText(line: Uint8Array): void {
    const room = OUTBOUND.replyTextMax - this.#textLength;
    if (room <= 0 || this.#lines.length === OUTBOUND.replyLinesMax) return;
    const text = shown(line).slice(4, 4 + room);
    this.#lines.push(text);
    this.#textLength += text.length;
  }

  #whole(code: number): ServerReply {
    const lines = this.#lines;
    this.#code = 0;
    this.#lines = [];
    this.#textLength = 0;
    this.#linesSeen = 0;
    this.#octetsSeen = 0;
    return { kind: "reply", code, status: statusOf(code, lines[0]!), lines };
  }
}
