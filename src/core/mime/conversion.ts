import { LF, isAscii, octetText, utf8 } from "../base/bytes.ts";
import { MIME } from "../base/limits.ts";
import { Base64Encoder, type BodyEncoder, QuotedPrintableEncoder } from "./encoders.ts";
import { type Entity, isPlain } from "./entity.ts";
import { type MimeVisitor, MimeWalker } from "./walker.ts";

/** What becomes of one leaf. */
export type Treatment = "as-is" | "quoted-printable" | "base64";

/** How a message becomes one of 7 bits and lines of at most 998 octets, or why it cannot. */
export type Conversion =
  | { readonly kind: "possible"; readonly leaves: readonly Treatment[] }
  | { readonly kind: "impossible"; readonly why: string };

const LINE_OCTETS_MAX = 998; // RFC 5321 section 4.5.3.1.6, without CR LF
/** With more of its octets beyond ASCII than this, base64 is shorter than quoted-printable, and nobody reads either. */
const READABLE_SHARE = 0.25;

interface Leaf {
  readonly entity: Entity;
  readonly isSigned: boolean;
  octets: number;
  eightBit: number;
  hasLongLine: boolean;
}

/** The first pass: looks at a message as it streams by and says what the second one has to do. */
export class ConversionPlanner implements MimeVisitor {
  readonly #walker = new MimeWalker(this);
  readonly #leaves: Leaf[] = [];
  #why: string | undefined;
  #column = 0;

  push(content: Uint8Array): void {
    this.#walker.push(content);
  }

  end(): Conversion {
    this.#walker.end();
    if (this.#walker.isTooDeep) this.#why ??= "it has parts inside parts inside parts, too deep to look into";
    const leaves = this.#leaves.map((leaf) => this.#treatment(leaf));
    return this.#why === undefined ? { kind: "possible", leaves } : { kind: "impossible", why: this.#why };
  }

  header(octets: Uint8Array, entity: Entity, isSigned: boolean): boolean {
    if (octets.length > MIME.headerOctetsMax)
      this.#why ??= `a header in it has more than ${MIME.headerOctetsMax} octets`;
    if (!isAscii(octets)) this.#why ??= "a header in it has characters beyond ASCII";
    if (entity.kind === "leaf") {
      this.#leaves.push({ entity, isSigned, octets: 0, eightBit: 0, hasLongLine: false });
      this.#column = 0;
    }
    return this.#why === undefined;
  }

  body(octets: Uint8Array): void {
    const leaf = this.#leaves.at(-1)!;
    leaf.octets += octets.length;
    for (const octet of octets) {
      if (octet > 0x7f) leaf.eightBit++;
      if (octet === LF) this.#column = 0;
      else if (++this.#column > LINE_OCTETS_MAX + 1) leaf.hasLongLine = true; // with the CR
    }
  }

  bodyEnd(): void {
    this.#column = 0;
  }

  between(octets: Uint8Array): void {
    if (!isAscii(octets)) this.#why ??= "it has characters beyond ASCII between its parts";
  }

  #treatment({ entity, isSigned, octets, eightBit, hasLongLine }: Leaf): Treatment {
    if (eightBit === 0 && !hasLongLine) return "as-is";
    if (isSigned) this.#why ??= "it is signed, and would not be any more";
    if (entity.isAmbiguous) this.#why ??= "a part of it says in two ways what it is";
    if (!isPlain(entity)) this.#why ??= `a part of it says that it is ${entity.encoding}, and is not`;
    if (isComposite(entity))
      this.#why ??= `a part of it is ${entity.type}, which stays as it is (RFC 2045 section 6.4)`;
    const isReadable = entity.type.startsWith("text/") && eightBit <= octets * READABLE_SHARE;
    return isReadable && entity.encoding !== "binary" ? "quoted-printable" : "base64";
  }
}

/** The second pass: gives the message as planned. */
export class Converter implements MimeVisitor {
  readonly #walker = new MimeWalker(this);
  readonly #leaves: readonly Treatment[];
  readonly #out: (parts: Uint8Array[]) => void;
  #leaf = -1;
  /** The next header is that of a message, not of a part. */
  #isMessageNext = true;
  #encoder: BodyEncoder | undefined;

  constructor(leaves: readonly Treatment[], out: (parts: Uint8Array[]) => void) {
    this.#leaves = leaves;
    this.#out = out;
  }

  push(content: Uint8Array): void {
    this.#walker.push(content);
  }

  end(): void {
    this.#walker.end();
  }

  header(octets: Uint8Array, entity: Entity, isSigned: boolean): boolean {
    const isMessage = this.#isMessageNext;
    this.#isMessageNext = entity.kind === "message";
    const treatment = entity.kind === "leaf" ? this.#leaves[++this.#leaf]! : "as-is";
    this.#encoder = encoderOf(treatment);
    const isOpen = entity.encoding === "8bit" || entity.encoding === "binary";
    if (isSigned || (treatment === "as-is" && (!isOpen || entity.isAmbiguous))) this.#out([octets]);
    else {
      // In a digest a part without a type is a message (RFC 2046 section 5.1.5), and stays one.
      const isText = entity.type === "text/plain";
      this.#out([relabelled(octets, { encoding: treatment === "as-is" ? "7bit" : treatment, isMessage, isText })]);
    }
    return true;
  }

  body(octets: Uint8Array): void {
    if (this.#encoder === undefined) return this.#out([octets]);
    const parts: Uint8Array[] = [];
    this.#encoder.encode(octets, parts);
    this.#out(parts);
  }

  bodyEnd(): void {
    const parts: Uint8Array[] = [];
    this.#encoder?.end(parts);
    this.#out(parts);
    this.#encoder = undefined;
  }

  between(octets: Uint8Array): void {
    this.#out([octets]);
  }
}

/**
 * What has parts or a header in it may not be encoded, also where it is not looked into: a fragment of a message
 * (RFC 2046 section 5.2.2.1), a multipart without a boundary. For international mail that was loosened (RFC 6532
 * section 3.5, RFC 6533).
 */
function isComposite({ type }: Entity): boolean {
  return type.startsWith("multipart/") || (type.startsWith("message/") && !type.startsWith("message/global"));
}

function encoderOf(treatment: Treatment): BodyEncoder | undefined {
  if (treatment === "as-is") return undefined;
  return treatment === "base64" ? new Base64Encoder() : new QuotedPrintableEncoder();
}

const ENCODING_FIELD = /^content-transfer-encoding[ \t]*:(?:.*\r\n[ \t])*.*\r\n/gim;

interface Label {
  readonly encoding: string;
  readonly isMessage: boolean;
  /** What it is where it does not say. */
  readonly isText: boolean;
}

/** The header with another encoding. A message that is not MIME yet becomes it; its charset nobody knows (RFC 1428). */
function relabelled(header: Uint8Array, { encoding, isMessage, isText }: Label): Uint8Array {
  const text = octetText(header).replace(ENCODING_FIELD, "");
  const hasEnd = text === "\r\n" || text.endsWith("\r\n\r\n");
  const fields = hasEnd ? text.slice(0, -2) : text;
  const added = [`Content-Transfer-Encoding: ${encoding}\r\n`];
  if (isText && !/^content-type[ \t]*:/im.test(fields))
    added.unshift("Content-Type: text/plain; charset=unknown-8bit\r\n");
  if (isMessage && !/^mime-version[ \t]*:/im.test(fields)) added.unshift("MIME-Version: 1.0\r\n");
  return utf8(`${fields}${added.join("")}\r\n`);
}
