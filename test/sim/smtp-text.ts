// What the simulated peers know of SMTP. It shares nothing with the relay: one misunderstanding must not hide another.

const CR = 13;
const LF = 10;
const DOT = 46;

export function octetsOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "latin1"));
}

export function textOf(octets: Uint8Array): string {
  return Buffer.from(octets).toString("latin1");
}

/** Octets that came, until a whole line is there. */
export class Inbox {
  #octets: Buffer = Buffer.alloc(0);

  add(octets: Uint8Array): void {
    this.#octets = this.#octets.length === 0 ? Buffer.from(octets) : Buffer.concat([this.#octets, octets]);
  }

  get length(): number {
    return this.#octets.length;
  }

  /** The next line without its CR LF; undefined where none is whole. */
  line(): string | undefined {
    const at = this.#octets.indexOf("\r\n", 0, "latin1");
    if (at === -1) return undefined;
    const line = this.#octets.subarray(0, at).toString("latin1");
    this.#octets = this.#octets.subarray(at + 2);
    return line;
  }

  /** All that came up to the end of content; undefined where that is not there yet. */
  content(): Buffer | undefined {
    const isEmpty = this.#octets.subarray(0, 3).toString("latin1") === ".\r\n";
    const at = isEmpty ? -2 : this.#octets.indexOf("\r\n.\r\n", 0, "latin1");
    if (at === -1) return undefined;
    const content = this.#octets.subarray(0, at + 2);
    this.#octets = this.#octets.subarray(at + 5);
    return content;
  }
}

/** Dots that were put before dots go. */
export function unstuffed(content: Buffer): Buffer {
  const lines: Buffer[] = [];
  for (let from = 0; from < content.length;) {
    const newline = content.indexOf(LF, from);
    const to = newline === -1 ? content.length : newline + 1;
    lines.push(content.subarray(content[from] === DOT ? from + 1 : from, to));
    from = to;
  }
  return Buffer.concat(lines);
}

export function stuffed(content: Uint8Array): Buffer {
  return Buffer.from(
    Buffer.from(content)
      .toString("latin1")
      .replace(/(^|\r\n)\./g, "$1.."),
    "latin1",
  );
}

/** A CR or an LF alone: nobody sends such a thing (RFC 5321 section 2.3.8). */
export function hasBareNewline(content: Uint8Array): boolean {
  for (let at = content.indexOf(LF); at !== -1; at = content.indexOf(LF, at + 1))
    if (content[at - 1] !== CR) return true;
  for (let at = content.indexOf(CR); at !== -1; at = content.indexOf(CR, at + 1))
    if (content[at + 1] !== LF) return true;
  return false;
}

/** The first field of that name in a header; undefined where it has none. */
export function fieldIn(content: Uint8Array, name: string): string | undefined {
  const text = textOf(content.subarray(0, 8192));
  const end = text.indexOf("\r\n\r\n");
  const header = `\r\n${end === -1 ? text : text.slice(0, end)}\r\n`;
  const at = header.toLowerCase().indexOf(`\r\n${name.toLowerCase()}:`);
  if (at === -1) return undefined;
  const from = at + name.length + 3;
  return header.slice(from, header.indexOf("\r\n", from)).trim();
}
