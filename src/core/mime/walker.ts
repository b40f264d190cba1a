import { CR, EMPTY, LF, concatBytes, octetText } from "../base/bytes.ts";
import { MIME } from "../base/limits.ts";
import { type Entity, entityOf } from "./entity.ts";

/** What a walk through a message meets, in order; the octets given make up the message. */
export interface MimeVisitor {
  /** A header section with its empty line. False ends the walk. */
  header(octets: Uint8Array, entity: Entity, isSigned: boolean): boolean;
  /** Some of the body of the leaf whose header was last, without the CR LF that belongs to a boundary. */
  body(octets: Uint8Array): void;
  /** That leaf is over. */
  bodyEnd(): void;
  /** Boundaries, and what stands before the first and after the last. */
  between(octets: Uint8Array): void;
}

interface Level {
  readonly boundary: string;
  readonly isSigned: boolean;
  readonly isDigest: boolean;
}

const DASH = 0x2d;
const CRLF = new Uint8Array([CR, LF]);

type State = "header" | "body" | "between";

/**
 * Goes through the parts of a message as it streams by, with memory that does not depend on its size. The content is
 * canonical: lines end in CR LF. What is not well-formed is somebody's leaf; the walk never fails.
 */
export class MimeWalker {
  readonly #visitor: MimeVisitor;
  readonly #levels: Level[] = [];
  #state: State = "header";
  #header: Uint8Array[] = [];
  #headerOctets = 0;
  /** Octets of a line whose end has not come. */
  #rest: Uint8Array = EMPTY;
  /** The line at hand began earlier: its first piece was passed on. */
  #isInLine = false;
  /** The last line's CR LF is held back: it belongs to the boundary, if one follows. */
  #isHeld = false;
  #isOver = false;
  #isTooDeep = false;

  constructor(visitor: MimeVisitor) {
    this.#visitor = visitor;
  }

  /** Parts inside parts, deeper than anybody writes them: the walk ended there. */
  get isTooDeep(): boolean {
    return this.#isTooDeep;
  }

  push(content: Uint8Array): void {
    if (this.#isOver) return;
    const octets = this.#rest.length === 0 ? content : concatBytes([this.#rest, content]);
    let at = 0;
    while (!this.#isOver) {
      const newline = octets.indexOf(LF, at);
      if (newline === -1) break;
      this.#line(octets.subarray(at, newline + 1), true);
      at = newline + 1;
    }
    this.#rest = this.#isOver ? EMPTY : octets.slice(at);
    // A line that is longer than any boundary is passed on in pieces; its last octet may be a CR.
    if (this.#rest.length > MIME.lineOctetsKept) {
      this.#line(this.#rest.subarray(0, -1), false);
      this.#rest = this.#rest.slice(-1);
    }
  }

  end(): void {
    if (this.#rest.length > 0) this.#line(this.#rest, true);
    if (this.#state === "header") this.#endHeader();
    if (this.#state === "body") this.#endBody(true);
  }

  #line(line: Uint8Array, isWhole: boolean): void {
    const isStart = !this.#isInLine;
    this.#isInLine = !isWhole;
    if (isStart && isWhole && line[0] === DASH && line[1] === DASH && this.#boundary(line)) return;
    if (this.#state === "header") this.#headerLine(line);
    else if (this.#state === "between") this.#visitor.between(line);
    else this.#bodyLine(line);
  }

  #headerLine(line: Uint8Array): void {
    this.#header.push(line.slice());
    this.#headerOctets += line.length;
    const isEmpty = line.length === 2 && line[0] === CR;
    if (isEmpty || this.#headerOctets > MIME.headerOctetsMax) this.#endHeader();
  }

  #endHeader(): void {
    const octets = concatBytes(this.#header.length === 0 ? [EMPTY] : this.#header);
    this.#header = [];
    this.#headerOctets = 0;
    const top = this.#levels.at(-1);
    const entity = entityOf(octets, top?.isDigest === true);
    const isSigned = this.#levels.some((level) => level.isSigned);
    if (!this.#visitor.header(octets, entity, isSigned)) {
      this.#isOver = true;
      this.#state = "between";
      return;
    }
    switch (entity.kind) {
      case "leaf":
        this.#state = "body";
        break;
      case "message":
        this.#state = "header";
        break;
      case "multipart":
        this.#state = "between";
        if (this.#levels.length >= MIME.depthMax) {
          this.#isTooDeep = true;
          this.#isOver = true;
          break;
        }
        this.#levels.push({
          boundary: entity.boundary,
          isSigned: entity.type === "multipart/signed",
          isDigest: entity.type === "multipart/digest",
        });
        break;
    }
  }

  #bodyLine(line: Uint8Array): void {
    if (this.#isHeld) this.#visitor.body(CRLF);
    const { length } = line;
    this.#isHeld = length >= 2 && line[length - 1] === LF && line[length - 2] === CR;
    const text = this.#isHeld ? line.subarray(0, -2) : line;
    if (text.length > 0) this.#visitor.body(text);
  }

  #endBody(isLast: boolean): void {
    if (isLast && this.#isHeld) this.#visitor.body(CRLF);
    this.#visitor.bodyEnd();
    if (!isLast && this.#isHeld) this.#visitor.between(CRLF);
    this.#isHeld = false;
    this.#state = "between";
  }

  /** True where the line is a boundary of this level or of one around it: what is inside ends with it. */
  #boundary(line: Uint8Array): boolean {
    if (line.length > MIME.boundaryLineMax) return false;
    const text = octetText(line).trimEnd();
    const at = this.#levels.findLastIndex(({ boundary }) => text === `--${boundary}` || text === `--${boundary}--`);
    if (at === -1) return false;
    if (this.#state === "header") this.#endHeader(); // a part without an empty line
    if (this.#state === "body") this.#endBody(false);
    const isLast = text === `--${this.#levels[at]!.boundary}--`;
    this.#levels.length = isLast ? at : at + 1;
    this.#visitor.between(line);
    this.#state = isLast ? "between" : "header";
    return true;
  }
}
