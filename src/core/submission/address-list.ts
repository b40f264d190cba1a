// RFC 5322 section 3.4: the addresses of To, Cc and Bcc, as programs write them.

export type AddressList =
  /** As they would stand between brackets: without names, comments and white space. */
  | { readonly kind: "addresses"; readonly addresses: readonly string[] }
  | { readonly kind: "malformed"; readonly why: string };

const ENCODED_WORD = /=\?[^?\s]+\?[BbQq]\?[^?\s]*\?=/y; // programs leave commas and colons in the names they encode
const SPACE = /[ \t\r\n]/;

/** One entry as it is read: what stands before, in and behind brackets. */
interface Entry {
  /** Outside of brackets, white space kept as one space. */
  plain: string;
  /** Inside them. */
  bracketed: string | undefined;
  /** It stands in a name, and in no address (RFC 2047 section 5). */
  hasEncodedWord: boolean;
}

const EMPTY: Entry = { plain: "", bracketed: undefined, hasEncodedWord: false };

/** Reads a list once, from its first character to its last. */
class Reader {
  readonly #text: string;
  #at = 0;
  readonly addresses: string[] = [];
  #entry: Entry = { ...EMPTY };
  #isInGroup = false;

  constructor(text: string) {
    this.#text = text;
  }

  /** What is wrong; undefined where nothing is. */
  read(): string | undefined {
    while (this.#at < this.#text.length) {
      const wrong = this.#step(this.#text[this.#at]!);
      if (wrong !== undefined) return wrong;
    }
    return this.#isInGroup ? "a group has no ; at its end" : this.#end();
  }

  #step(c: string): string | undefined {
    switch (c) {
      case "(":
        return this.#comment();
      case ",":
        this.#at++;
        return this.#end();
      case ":":
        return this.#beginGroup();
      case ";": // programs of another world part addresses by it
        this.#at++;
        this.#isInGroup = false;
        return this.#end();
      case "<":
        return this.#brackets();
      case ">":
        return "a > has no < before it";
      default:
        return this.#isEncodedWord() ? undefined : this.#append((text) => (this.#entry.plain += text));
    }
  }

  /** Takes it, where one stands here. */
  #isEncodedWord(): boolean {
    ENCODED_WORD.lastIndex = this.#at;
    const word = this.#text[this.#at] === "=" ? ENCODED_WORD.exec(this.#text)?.[0] : undefined;
    if (word === undefined) return false;
    this.#at += word.length;
    this.#entry.plain += word;
    this.#entry.hasEncodedWord = true;
    return true;
  }

  /** The next piece that is not divided: a quoted string, a literal, a character. */
  #append(take: (text: string) => void): string | undefined {
    const c = this.#text[this.#at]!;
    if (c === '"') return this.#quoted(take);
    if (c === "[") return this.#literal(take);
    this.#at++;
    take(SPACE.test(c) ? " " : c);
    return undefined;
  }

  #quoted(take: (text: string) => void): string | undefined {
    const start = this.#at;
    for (let at = start + 1; at < this.#text.length; at++) {
      if (this.#text[at] === "\\") at++;
      else if (this.#text[at] === '"') {
        this.#at = at + 1;
        take(this.#text.slice(start, at + 1).replace(/\r\n/g, "")); // folded
        return undefined;
      }
    }
    return "a quote has no end";
  }

  #literal(take: (text: string) => void): string | undefined {
    const end = this.#text.indexOf("]", this.#at);
    const literal = this.#text.slice(this.#at, end + 1);
    if (end === -1 || /["\\]/.test(literal)) return "a [ has no ]";
    this.#at = end + 1;
    take(literal.replace(/\s/g, ""));
    return undefined;
  }

  /** They nest. */
  #comment(): string | undefined {
    let depth = 0;
    for (; this.#at < this.#text.length; this.#at++) {
      const c = this.#text[this.#at];
      if (c === "\\") this.#at++;
      else if (c === "(") depth++;
      else if (c === ")" && --depth === 0) {
        this.#at++;
        this.#entry.plain += " ";
        return undefined;
      }
    }
    return "a comment has no end";
  }

  #beginGroup(): string | undefined {
    if (this.#isInGroup || this.#entry.bracketed !== undefined) return "a : stands where none belongs";
    this.#at++;
    this.#isInGroup = true;
    this.#entry = { ...EMPTY };
    return undefined;
  }

  #brackets(): string | undefined {
    if (this.#entry.bracketed !== undefined) return "two addresses have no comma between them";
    this.#at++;
    let inner = "";
    while (this.#at < this.#text.length) {
      const c = this.#text[this.#at]!;
      if (c === ">") {
        this.#at++;
        this.#entry.bracketed = inner.trim();
        return inner.trim() === "" ? "an address is empty" : undefined;
      }
      const wrong = c === "(" ? this.#comment() : this.#append((text) => (inner += text));
      if (wrong !== undefined) return wrong;
    }
    return "a < has no >";
  }

  #end(): string | undefined {
    const { plain, bracketed, hasEncodedWord } = this.#entry;
    this.#entry = { ...EMPTY };
    const address = bracketed === undefined && hasEncodedWord ? undefined : together(bracketed ?? plain);
    if (address === "") return undefined; // an empty entry: obsolete, and legal (RFC 5322 section 4.4)
    if (address === undefined) return "words stand where an address belongs; a name takes < > around the address";
    this.addresses.push(address);
    return undefined;
  }
}

/** Without the white space that may stand around `@` and dots; undefined where other white space is left. */
function together(text: string): string | undefined {
  let address = "";
  let isQuoted = false;
  let hasGap = false;
  for (let at = 0; at < text.length; at++) {
    const c = text[at]!;
    if (isQuoted && c === "\\") {
      address += c + (text[++at] ?? "");
      continue;
    }
    if (c === '"') isQuoted = !isQuoted;
    if (c === " " && !isQuoted) {
      hasGap = address !== "";
      continue;
    }
    if (hasGap && !isJoint(address.at(-1)!) && !isJoint(c)) return undefined;
    hasGap = false;
    address += c;
  }
  return address;
}

function isJoint(c: string): boolean {
  return c === "@" || c === "." || c === "," || c === ":"; // the last two in routes
}

/** Linear in the length of the text. Groups give their members; that they are addresses is for others to say. */
export function parseAddressList(text: string): AddressList {
  const reader = new Reader(text);
  const why = reader.read();
  return why === undefined ? { kind: "addresses", addresses: reader.addresses } : { kind: "malformed", why };
}
