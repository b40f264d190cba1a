/** Insertions, deletions, replacements and swaps of neighbours between two short texts. */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      let least = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (isSame ? 0 : 1));
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwap) least = Math.min(least, beforeLast[j - 2]! + 1);
      row.push(least);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}

const WORD_MAX = 64; // longer than any word that is known

/** The known word that was surely meant: about a slip for each three characters is forgiven. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > WORD_MAX) return undefined;
  const plain = word.toLowerCase().replaceAll("-", "_");
  let best: { readonly word: string; readonly slips: number } | undefined;
  for (const candidate of known) {
    const slips = distance(plain, candidate);
    const forgiven = Math.floor((candidate.length + 1) / 3);
    if (slips <= forgiven && (best === undefined || slips < best.slips)) best = { word: candidate, slips };
  }
  return best?.word;
}
