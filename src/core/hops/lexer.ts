/** A piece of a trace field (RFC 5322 section 3.2). */
export type Token =
  | { readonly kind: "word"; readonly text: string }
  /** Without its outer parentheses. */
  | { readonly kind: "comment"; readonly text: string }
  | { readonly kind: "semicolon" };

export interface Lexed {
  readonly tokens: readonly Token[];
  /** A parenthesis or a quote has no other end. */
  readonly isUnbalanced: boolean;
}

const SPACES = " \t\r\n";

/**
 * Cuts what a stranger wrote into words and comments, in one pass: a comment or a quoted string without an end is looked
 * for once, from there on its sign is a character like any other. Comments nest without a bound, by counting.
 */
export class Lexer {
  readonly #text: string;
  readonly #tokens: Token[] = [];
  #at = 0;
  #hasComments = true;
  #hasQuotes = true;
  #isUnbalanced = false;

  constructor(text: string) {
    this.#text = text;
  }

  run(): Lexed {
    while (this.#at < this.#text.length) this.#next();
    return { tokens: this.#tokens, isUnbalanced: this.#isUnbalanced };
  }

  #next(): void {
    const c = this.#text[this.#at]!;
    if (SPACES.includes(c)) this.#at++;
    else if (c === ";") {
      this.#tokens.push({ kind: "semicolon" });
      this.#at++;
    } else if (c === "(" && this.#hasComments) this.#comment();
    else if (c === "(" || c === ")") {
      this.#isUnbalanced = true;
      this.#at++;
    } else this.#word();
  }

  #comment(): void {
    const end = commentEnd(this.#text, this.#at);
    if (end === -1) {
      this.#hasComments = false;
      return;
    }
    this.#tokens.push({ kind: "comment", text: this.#text.slice(this.#at + 1, end).trim() });
    this.#at = end + 1;
  }

  #word(): void {
    const start = this.#at;
    while (this.#at < this.#text.length && !this.#isWordEnd(this.#text[this.#at]!)) this.#at = this.#afterPart();
    this.#tokens.push({ kind: "word", text: this.#text.slice(start, this.#at) });
  }

  #isWordEnd(c: string): boolean {
    return SPACES.includes(c) || c === "(" || c === ")" || c === ";";
  }

  /** Behind a quoted string, an address in its brackets, or a character. */
  #afterPart(): number {
    const c = this.#text[this.#at]!;
    if (c === '"' && this.#hasQuotes) {
      const end = quoteEnd(this.#text, this.#at);
      if (end !== -1) return end + 1;
      this.#hasQuotes = false;
      this.#isUnbalanced = true;
    }
    if (c === "<") {
      const end = angleEnd(this.#text, this.#at);
      if (end !== -1) return end + 1;
    }
    return this.#at + 1;
  }
}

function commentEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const c = text[at];
    if (c === "\\") at++;
    else if (c === "(") depth++;
    else if (c === ")" && --depth === 0) return at;
  }
  return -1;
}

function quoteEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at;
  }
  return -1;
}

/** It ends before the next one begins, and before the clause does: so that all looks together are one pass. */
function angleEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const c = text[at]!;
    if (c === ">") return at;
    if (c === "<" || c === ";") return -1;
  }
  return -1;
}

/** The words of a comment: what stands between white space, commas, quotes and further parentheses. */
export function commentWords(comment: string): string[] {
  return comment.split(/[\s,()";]/).filter((word) => word !== "");
}
