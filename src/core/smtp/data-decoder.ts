import { CR, DOT, LF, NUL } from "../base/bytes.ts";

/** How a listener treats a CR without LF, an LF without CR, and NUL in content. */
export type BareNewlines = "reject" | "normalize";

/** What the content turned out to be, complete once the decoder is done. */
export interface ContentFacts {
  /** Octets of content after un-stuffing (and after normalizing). */
  octets: number;
  /** A CR without LF or an LF without CR was seen. */
  bareNewline: boolean;
  /** A NUL was seen. */
  nul: boolean;
  /** An octet above 0x7F was seen. */
  eightBit: boolean;
  /** Octets of the longest line, CR LF not counted. */
  longestLine: number;
  /** Content is empty or ends with CR LF. */
  endsWithNewline: boolean;
}

export interface ContentDecoder {
  readonly facts: ContentFacts;
  /** True once the end was seen; then nothing more may be given. */
  readonly done: boolean;
  /** Takes octets from `from` on, appends what is content to `content`, and answers how far it came. */
  decode(octets: Uint8Array, from: number, content: Uint8Array[]): number;
}

const CRLF = new Uint8Array([CR, LF]);
const ONE_CR = new Uint8Array([CR]);

type Place =
  | "line-start" // after CR LF, or before the first octet
  | "line"
  | "cr" // a CR inside a line
  | "dot" // a dot at the start of a line, not yet known whether it is stuffing
  | "dot-cr"; // that dot, then CR

function freshFacts(): ContentFacts {
  return { octets: 0, bareNewline: false, nul: false, eightBit: false, longestLine: 0, endsWithNewline: true };
}

/**
 * The content that follows DATA, up to CR LF . CR LF, which is the only end in every mode (RFC 5321 section 4.1.1.4);
 * what an LF or CR alone might mean to others is what SMTP smuggling lives on. In `reject` mode the decoder goes on to
 * the true end and `facts` says what was wrong; content is then worthless. In `normalize` mode a lone CR or LF becomes
 * CR LF and NUL is dropped. Does not depend on how the octets are cut.
 */
export class DataDecoder implements ContentDecoder {
  readonly facts: ContentFacts = freshFacts();
  done = false;
  #place: Place = "line-start";
  #lineOctets = 0;
  readonly #normalize: boolean;

  constructor(bareNewlines: BareNewlines) {
    this.#normalize = bareNewlines === "normalize";
  }

  decode(octets: Uint8Array, from: number, content: Uint8Array[]): number {
    const facts = this.facts;
    const normalize = this.#normalize;
    const end = octets.length;
    let place = this.#place;
    let line = this.#lineOctets;
    let eightBit = 0;
    let start = from; // content from here on is not emitted yet
    let at = from;
    // A CR that ended the chunk before was held back: whether it is content is known only now.
    const emit = (upTo: number): void => {
      if (upTo > start) {
        content.push(octets.subarray(start, upTo));
        facts.octets += upTo - start;
      }
      start = upTo;
    };
    const insert = (bytes: Uint8Array): void => {
      content.push(bytes);
      facts.octets += bytes.length;
    };
    const endLine = (): void => {
      if (line > facts.longestLine) facts.longestLine = line;
      line = 0;
    };

    while (at < end) {
      if (place === "line") {
        // The hot loop: octets inside a line.
        let octet = 0;
        const lineStart = at;
        while (at < end) {
          octet = octets[at]!;
          if (octet === CR || octet === LF || octet === NUL) break;
          eightBit |= octet;
          at++;
        }
        line += at - lineStart;
        if (at === end) break;
      }
      const octet = octets[at]!;

      if (place === "dot") {
        if (octet === CR) {
          place = "dot-cr";
          at++;
          continue;
        }
        // The dot was stuffing; it stays out, and this octet is the first of the line.
        start = at;
        place = "line";
        continue;
      }
      if (place === "dot-cr") {
        if (octet === LF) {
          this.done = true;
          at++;
          start = at;
          break;
        }
        // Stuffing, then a bare CR.
        facts.bareNewline = true;
        endLine();
        insert(normalize ? CRLF : ONE_CR);
        start = at;
        place = "line";
        continue;
      }
      if (place === "cr") {
        if (octet === LF) {
          endLine();
          insert(CRLF);
          at++;
          start = at;
          place = "line-start";
          continue;
        }
        facts.bareNewline = true;
        endLine();
        insert(normalize ? CRLF : ONE_CR);
        start = at;
        place = "line";
        continue;
      }

      if (octet === CR) {
        // Fast path: CR LF within this chunk stays where it is.
        if (at + 1 < end && octets[at + 1] === LF) {
          endLine();
          at += 2;
          place = "line-start";
          // `start` stays: the octets go out with what follows.
          continue;
        }
        emit(at);
        at++;
        start = at;
        place = "cr";
        continue;
      }
      if (octet === LF) {
        facts.bareNewline = true;
        endLine();
        if (normalize) {
          emit(at);
          insert(CRLF);
          start = at + 1;
        }
        at++;
        place = "line";
        continue;
      }
      if (octet === NUL) {
        facts.nul = true;
        if (normalize) {
          emit(at);
          start = at + 1;
        } else line++;
        at++;
        place = "line";
        continue;
      }
      if (place === "line-start" && octet === DOT) {
        emit(at);
        at++;
        start = at;
        place = "dot";
        continue;
      }
      place = "line"; // the hot loop takes it
    }

    if (place === "line" || place === "line-start") emit(at);
    if (eightBit > 0x7f) facts.eightBit = true;
    if (line > facts.longestLine) facts.longestLine = line;
    facts.endsWithNewline = place === "line-start" || this.done;
    this.#place = place;
    this.#lineOctets = line;
    return at;
  }
}

/**
 * The chunks that follow BDAT (RFC 3030): octets are counted, nothing ends them, and dots are just dots. What is said of
 * bare newlines and NUL holds as for DATA. The size of each chunk is the caller's business.
 */
export class ChunkDecoder implements ContentDecoder {
  readonly facts: ContentFacts = freshFacts();
  readonly done = false;
  #afterCr = false;
  #lineOctets = 0;
  readonly #normalize: boolean;

  constructor(bareNewlines: BareNewlines) {
    this.#normalize = bareNewlines === "normalize";
  }

  decode(octets: Uint8Array, from: number, content: Uint8Array[]): number {
    const facts = this.facts;
    const normalize = this.#normalize;
    const end = octets.length;
    let start = from;
    let line = this.#lineOctets;
    let afterCr = this.#afterCr;
    let eightBit = 0;
    const emit = (upTo: number): void => {
      if (upTo > start) {
        content.push(octets.subarray(start, upTo));
        facts.octets += upTo - start;
      }
      start = upTo;
    };
    const insert = (bytes: Uint8Array): void => {
      content.push(bytes);
      facts.octets += bytes.length;
    };
    const endLine = (): void => {
      if (line > facts.longestLine) facts.longestLine = line;
      line = 0;
    };
    for (let at = from; at < end; at++) {
      const octet = octets[at]!;
      if (afterCr) {
        afterCr = false;
        endLine();
        if (octet === LF) {
          insert(CRLF);
          start = at + 1;
          facts.endsWithNewline = true;
          continue;
        }
        facts.bareNewline = true;
        insert(normalize ? CRLF : ONE_CR);
        facts.endsWithNewline = normalize;
      }
      if (octet === CR) {
        emit(at);
        start = at + 1;
        afterCr = true;
        continue;
      }
      if (octet === LF) {
        facts.bareNewline = true;
        endLine();
        if (normalize) {
          emit(at);
          insert(CRLF);
          start = at + 1;
          facts.endsWithNewline = true;
        } else facts.endsWithNewline = false;
        continue;
      }
      if (octet === NUL) {
        facts.nul = true;
        if (normalize) {
          emit(at);
          start = at + 1;
          continue;
        }
      }
      eightBit |= octet;
      line++;
      facts.endsWithNewline = false;
    }
    emit(end);
    if (eightBit > 0x7f) facts.eightBit = true;
    if (line > facts.longestLine) facts.longestLine = line;
    this.#lineOctets = line;
    this.#afterCr = afterCr;
    return end;
  }

  /** After the last chunk: a CR at the very end was a bare one. */
  finish(content: Uint8Array[]): void {
    if (!this.#afterCr) return;
    this.#afterCr = false;
    this.facts.bareNewline = true;
    const bytes = this.#normalize ? CRLF : ONE_CR;
    content.push(bytes);
    this.facts.octets += bytes.length;
    this.facts.endsWithNewline = this.#normalize;
  }
}
