import { CR, LF, SPACE, TAB, utf8 } from "../base/bytes.ts";

/** Takes a body piece by piece and gives its 7-bit form; how it is cut does not matter. */
export interface BodyEncoder {
  encode(octets: Uint8Array, out: Uint8Array[]): void;
  /** What is still owed; no CR LF at the end unless the body had one. */
  end(out: Uint8Array[]): void;
}

const LINE_MAX = 76; // RFC 2045 sections 6.7 and 6.8
const EQUALS = 0x3d;
const HEX = utf8("0123456789ABCDEF");
const ALPHABET = utf8("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");

/** RFC 2045 section 6.7. Line ends stay line ends. */
export class QuotedPrintableEncoder implements BodyEncoder {
  #column = 0;
  /** White space that has to be written otherwise if the line ends behind it; 0: none. */
  #space = 0;
  #isAfterCr = false;
  #out: number[] = [];

  encode(octets: Uint8Array, out: Uint8Array[]): void {
    for (const octet of octets) this.#octet(octet);
    this.#give(out);
  }

  end(out: Uint8Array[]): void {
    if (this.#isAfterCr) this.#escaped(CR);
    this.#flushSpace(true);
    this.#isAfterCr = false;
    this.#give(out);
  }

  #give(out: Uint8Array[]): void {
    if (this.#out.length > 0) out.push(new Uint8Array(this.#out));
    this.#out = [];
  }

  #octet(octet: number): void {
    if (this.#isAfterCr) {
      this.#isAfterCr = false;
      if (octet === LF) return this.#endLine();
      this.#escaped(CR);
    }
    if (octet === CR) {
      this.#isAfterCr = true;
      return;
    }
    this.#flushSpace(false);
    if (octet === SPACE || octet === TAB) this.#space = octet;
    else if (octet > 0x20 && octet < 0x7f && octet !== EQUALS) this.#token([octet]);
    else this.#escaped(octet);
  }

  #flushSpace(isAtEnd: boolean): void {
    const space = this.#space;
    this.#space = 0;
    if (space === 0) return;
    if (isAtEnd) this.#escaped(space);
    else this.#token([space]);
  }

  #endLine(): void {
    this.#flushSpace(true);
    this.#out.push(CR, LF);
    this.#column = 0;
  }

  #escaped(octet: number): void {
    this.#flushSpace(false);
    this.#token([EQUALS, HEX[octet >> 4]!, HEX[octet & 0xf]!]);
  }

  /** A soft line break where it would not fit any more, with room for the break itself. */
  #token(octets: readonly number[]): void {
    if (this.#column + octets.length > LINE_MAX - 1) {
      this.#out.push(EQUALS, CR, LF);
      this.#column = 0;
    }
    this.#out.push(...octets);
    this.#column += octets.length;
  }
}

/** RFC 2045 section 6.8. */
export class Base64Encoder implements BodyEncoder {
  #column = 0;
  #bits = 0;
  #octets = 0; // in #bits

  encode(octets: Uint8Array, out: Uint8Array[]): void {
    const found: number[] = [];
    for (const octet of octets) {
      this.#bits = (this.#bits << 8) | octet;
      if (++this.#octets === 3) this.#group(found, 4);
    }
    if (found.length > 0) out.push(new Uint8Array(found));
  }

  end(out: Uint8Array[]): void {
    if (this.#octets === 0) return;
    const found: number[] = [];
    const digits = this.#octets + 1;
    this.#bits <<= 8 * (3 - this.#octets);
    this.#group(found, digits);
    for (let missing = digits; missing < 4; missing++) found.push(EQUALS);
    out.push(new Uint8Array(found));
  }

  #group(out: number[], digits: number): void {
    if (this.#column === LINE_MAX) {
      out.push(CR, LF);
      this.#column = 0;
    }
    for (let digit = 0; digit < digits; digit++) out.push(ALPHABET[(this.#bits >> (18 - 6 * digit)) & 0x3f]!);
    this.#column += 4;
    this.#bits = 0;
    this.#octets = 0;
  }
}
