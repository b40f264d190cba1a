export interface Entropy {
  /** `count` octets that nobody can predict. */
  octets(count: number): Uint8Array;
  /** A number in [0, 1) for jitter; not for secrets. */
  fraction(): number;
}
