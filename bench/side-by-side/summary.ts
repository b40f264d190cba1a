import type { Round } from "./round.ts";

/** Of rounds that took turns: the median of each number. */
export interface Summary extends Round {
  readonly rounds: number;
}

export function summaryOf(rounds: readonly Round[]): Summary {
  const middle = (of: (round: Round) => number): number => median(rounds.map(of));
  const known = (of: (round: Round) => number | undefined): number | undefined => {
    const values = rounds.map(of).filter((value) => value !== undefined);
    return values.length === 0 ? undefined : median(values);
  };
  return {
    contender: rounds[0]!.contender,
    messages: rounds[0]!.messages,
    rounds: rounds.length,
    acceptedPerSecond: middle((round) => round.acceptedPerSecond),
    relayedPerSecond: middle((round) => round.relayedPerSecond),
    relayMs: middle((round) => round.relayMs),
    loadMs: middle((round) => round.loadMs),
    peakMiB: middle((round) => round.peakMiB),
    acceptP50Ms: known((round) => round.acceptP50Ms),
    acceptP99Ms: known((round) => round.acceptP99Ms),
  };
}

/** Of an even number, the lower of the two in the middle. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)]!;
}

/** What one is to the other, of the rounds of one run. */
export function ratios(ours: Summary, theirs: Summary): { readonly relayed: number; readonly processor: number } {
  return {
    relayed: ours.relayedPerSecond / theirs.relayedPerSecond,
    processor: theirs.relayMs / ours.relayMs,
  };
}
