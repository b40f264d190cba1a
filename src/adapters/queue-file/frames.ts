import { IMPORT } from "../../core/base/limits.ts";
import { EMPTY, concatBytes } from "../../core/base/bytes.ts";

const LINE_FEED = 10;

/** What is read ends too early, or has a line that is too long. */
export class BrokenFrames extends Error {
  override readonly name = "BrokenFrames";
}

/** Octets as they come, cut into lines and contents. */
export class Frames {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = EMPTY;
  #position = 0;

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** Octets that were read: where the next line or content begins. */
  get position(): number {
    return this.#position;
  }

  /** Without its line feed; undefined at the end. Throws `BrokenFrames`. */
  async line(): Promise<string | undefined> {
    const parts: Uint8Array[] = [];
    for (let octets = 0; octets <= IMPORT.lineOctetsMax;) {
      if (this.#rest.length === 0 && !(await this.#more())) {
        if (octets === 0) return undefined;
        throw new BrokenFrames("it ends in a line");
      }
      const end = this.#rest.indexOf(LINE_FEED);
      parts.push(this.#take(end === -1 ? this.#rest.length : end));
      if (end !== -1) {
        this.#take(1);
        return new TextDecoder().decode(concatBytes(parts));
      }
      octets += parts.at(-1)!.length;
    }
    throw new BrokenFrames(`a line is longer than ${IMPORT.lineOctetsMax} octets`);
  }

  /** So many octets, and the line feed behind them; to be read to its end. Throws `BrokenFrames`. */
  async *content(octets: number): AsyncGenerator<Uint8Array, void, void> {
    for (let left = octets; left > 0;) {
      if (this.#rest.length === 0 && !(await this.#more())) throw new BrokenFrames("it ends in a content");
      const piece = this.#take(Math.min(left, this.#rest.length));
      left -= piece.length;
      yield piece;
    }
    if (this.#rest.length === 0 && !(await this.#more())) throw new BrokenFrames("it ends behind a content");
    if (this.#take(1)[0] !== LINE_FEED) throw new BrokenFrames("a content has not the length that its line says");
  }

  async #more(): Promise<boolean> {
    for (;;) {
      const next = await this.#pieces.next();
      if (next.done === true) return false;
      this.#rest = next.value;
      if (next.value.length > 0) return true;
    }
  }

  #take(octets: number): Uint8Array {
    const taken = this.#rest.subarray(0, octets);
    this.#rest = this.#rest.subarray(octets);
    this.#position += octets;
    return taken;
  }
}
