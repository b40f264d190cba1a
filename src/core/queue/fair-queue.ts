/**
 * What waits for one thing, by key: each key has its turn, and within a key it is first come, first served. A key with
 * ten thousand entries delays one with a single entry by one entry.
 */
export class FairQueue<Key, Entry> {
  /** In the order of their turns; none is empty. */
  readonly #rows = new Map<Key, Entry[]>();
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(key: Key, entry: Entry): void {
    const row = this.#rows.get(key);
    if (row === undefined) this.#rows.set(key, [entry]);
    else row.push(entry);
    this.#length++;
  }

  /** It goes before all others of its key. */
  unshift(key: Key, entry: Entry): void {
    const row = this.#rows.get(key);
    if (row === undefined) this.#rows.set(key, [entry]);
    else row.unshift(entry);
    this.#length++;
  }

  shift(): Entry | undefined {
    const [turn] = this.#rows;
    if (turn === undefined) return undefined;
    const [key, row] = turn;
    const entry = row.shift();
    this.#length--;
    if (row.length === 0 || this.#rows.size > 1) this.#rows.delete(key);
    if (row.length > 0) this.#rows.set(key, row); // behind the others
    return entry;
  }

  /** Takes those that are wanted; the others keep their places. */
  take(isWanted: (entry: Entry) => boolean): Entry[] {
    const taken: Entry[] = [];
    for (const [key, row] of this.#rows) {
      if (!row.some(isWanted)) continue;
      taken.push(...row.filter(isWanted));
      const left = row.filter((entry) => !isWanted(entry));
      if (left.length === 0) this.#rows.delete(key);
      else this.#rows.set(key, left);
    }
    this.#length -= taken.length;
    return taken;
  }

  /** Takes all whose key is wanted. */
  drain(isWanted: (key: Key) => boolean = () => true): Entry[] {
    const taken: Entry[] = [];
    for (const [key, row] of this.#rows) {
      if (!isWanted(key)) continue;
      taken.push(...row);
      this.#rows.delete(key);
    }
    this.#length -= taken.length;
    return taken;
  }
}
