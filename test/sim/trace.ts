/** A digest of all that happened, in order: the same world run twice has the same one. */
export class Trace {
  #high = 0x811c9dc5;
  #low = 0x1b873593;
  entries = 0;

  add(at: number, text: string): void {
    this.entries++;
    this.#mix(`${at} ${text}`);
  }

  get digest(): string {
    return [this.#high, this.#low].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
  }

  /** FNV-1a and a second one beside it, which is enough to see that two runs differ. */
  #mix(text: string): void {
    let high = this.#high;
    let low = this.#low;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      high = Math.imul(high ^ code, 0x01000193);
      low = Math.imul(low ^ code, 0x5bd1e995) ^ (low >>> 15);
    }
    this.#high = high;
    this.#low = low;
  }
}
