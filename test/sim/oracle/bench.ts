/** Where judges sit: what time it is, and who is told of what they find. */
export interface Bench {
  readonly now: () => number;
  readonly violation: (promise: string, text: string) => void;
}

/** What wall clocks, channels and connections may differ by. */
export const SLACK_MS = 3 * 60_000;
