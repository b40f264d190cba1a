import { CR, DOT, LF } from "../base/bytes.ts";

const DOT_BYTES = new Uint8Array([DOT]);
const END_AFTER_NEWLINE = new Uint8Array([DOT, CR, LF]);
const END_AFTER_LINE = new Uint8Array([CR, LF, DOT, CR, LF]);

/**
 * Dot-stuffing (RFC 5321 section 4.5.2), the last step before the wire. Its input is canonical (only CR LF, no NUL):
 * reception saw to that. The output does not depend on how the input is cut.
 */
export class DataEncoder {
  #lineStart = true;
  /** Nothing, or CR LF, was the last of it: the end is sure also behind what should not be there, a lone LF. */
  #isLineEnded = true;
  #last = 0;

  encode(content: Uint8Array, out: Uint8Array[]): void {
    let start = 0;
    let at = 0;
    if (content.length === 0) return;
    const before = content.length === 1 ? this.#last : content[content.length - 2];
    this.#last = content[content.length - 1]!;
    this.#isLineEnded = this.#last === LF && before === CR;
    for (;;) {
      if (this.#lineStart && content[at] === DOT) {
        if (at > start) out.push(content.subarray(start, at));
        out.push(DOT_BYTES);
        start = at;
      }
      this.#lineStart = false;
      const newline = content.indexOf(LF, at);
      if (newline === -1) break;
      this.#lineStart = true;
      at = newline + 1;
      if (at === content.length) break;
    }
    out.push(start === 0 ? content : content.subarray(start));
  }

  /** The end of data; content without a final CR LF gets one, since the end has to stand on a line of its own. */
  end(out: Uint8Array[]): void {
    out.push(this.#isLineEnded ? END_AFTER_NEWLINE : END_AFTER_LINE);
  }
}
