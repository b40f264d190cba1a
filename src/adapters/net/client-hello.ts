// The host name that a TLS client asks for, read before the handshake begins: Node can show another certificate by name,
// but only one of them, not one of each kind of key.

/** The name is `host`; undefined where the client names none, or what came is no ClientHello in one record. */
export type ServerName =
  { readonly kind: "incomplete" } | { readonly kind: "known"; readonly host: string | undefined };

/** Octets of a TLS record with its head, at most (RFC 8446 section 5.1). */
const RECORD_OCTETS_MAX = 5 + 16_384;

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const UNKNOWN: ServerName = { kind: "known", host: undefined };

/** Reads numbers and parts one after the other; undefined once it would go past the end. */
class Reader {
  readonly #octets: Uint8Array;
  #at = 0;

  constructor(octets: Uint8Array) {
    this.#octets = octets;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#octets.length;
  }

  number(width: 1 | 2 | 3): number | undefined {
    const octets = this.take(width);
    return octets?.reduce((value, octet) => value * 256 + octet, 0);
  }

  take(length: number): Uint8Array | undefined {
    if (this.#at + length > this.#octets.length) return undefined;
    this.#at += length;
    return this.#octets.subarray(this.#at - length, this.#at);
  }

  /** What stands behind its length. */
  part(width: 1 | 2 | 3): Uint8Array | undefined {
    const length = this.number(width);
    return length === undefined ? undefined : this.take(length);
  }
}

/** `octets` is all that came so far; linear in what it has, and it looks at one record. */
export function serverNameIn(octets: Uint8Array): ServerName {
  if (octets.length < 5) return { kind: "incomplete" };
  if (octets[0] !== HANDSHAKE) return UNKNOWN;
  const length = octets[3]! * 256 + octets[4]!;
  if (5 + length > RECORD_OCTETS_MAX) return UNKNOWN;
  if (octets.length < 5 + length) return { kind: "incomplete" };
  return { kind: "known", host: hostIn(new Reader(octets.subarray(5, 5 + length))) };
}

/** RFC 8446 section 4.1.2. */
function hostIn(record: Reader): string | undefined {
  if (record.number(1) !== CLIENT_HELLO) return undefined;
  const body = record.part(3);
  if (body === undefined) return undefined;
  const hello = new Reader(body);
  hello.take(2 + 32); // version and random
  hello.part(1); // session id
  hello.part(2); // cipher suites
  hello.part(1); // compression methods
  const extensions = new Reader(hello.part(2) ?? new Uint8Array(0));
  while (!extensions.isAtEnd) {
    const type = extensions.number(2);
    const content = extensions.part(2);
    if (content === undefined) return undefined;
    if (type === SERVER_NAME) return hostOf(new Reader(content));
  }
  return undefined;
}

/** RFC 6066 section 3: a list, in which host names are all there is; they are ASCII. */
function hostOf(extension: Reader): string | undefined {
  const list = new Reader(extension.part(2) ?? new Uint8Array(0));
  if (list.number(1) !== HOST_NAME) return undefined;
  const name = list.part(2) ?? new Uint8Array(0);
  const isPlain = name.length > 0 && name.length <= 255 && name.every((octet) => octet > 0x20 && octet < 0x7f);
  return isPlain ? String.fromCharCode(...name).toLowerCase() : undefined;
}
