import { type Duration, hour, minute, second } from "../base/time.ts";

/**
 * A server may ask for more than it gets, and for less: who says "try again in 1 second" to everybody is not asked in a
 * circle, and no stranger's words make us come more often than this. Where our own wait is shorter anyway, that is the least.
 */
const HINT_MIN: Duration = 30 * second;
export const HINT_MAX: Duration = 4 * hour;

/** Words that make a length of time behind them a wish, within as many characters without a digit. */
const WISH =
  /\b(?:re-?try|(?:try|come|send|attempt)(?: it)? (?:again|later|back)|wait|gr[ae]y-?list(?:ed|ing)?)\b([^0-9]{0,40})/gi;
const CLOCK = /^(\d{1,2}):([0-5]\d):([0-5]\d)(?!\d)/;
const SPAN = /^(\d{1,6})\s{0,3}-?\s{0,3}(s|sec|secs|seconds?|m|min|mins|minutes?|h|hrs?|hours?)\b/i;

function unit(word: string): Duration {
  switch (word[0]!.toLowerCase()) {
    case "s":
      return second;
    case "m":
      return minute;
    default:
      return hour;
  }
}

function spanAt(text: string): Duration | undefined {
  const clock = CLOCK.exec(text);
  if (clock !== null) return Number(clock[1]) * hour + Number(clock[2]) * minute + Number(clock[3]) * second;
  const span = SPAN.exec(text);
  return span === null ? undefined : Number(span[1]) * unit(span[2]!);
}

/**
 * When the server wants to see the message again, as it says in words: `try again in 300 seconds`, `greylisted for 5
 * minutes`, `retry after 00:04:32`. At most 4 h, and at least 30 s or `planned`, the wait by schedule, where that is
 * shorter; undefined where it says nothing of the kind.
 */
export function retryHint(lines: readonly string[], planned: Duration): Duration | undefined {
  const text = lines.join(" ");
  for (const match of text.matchAll(WISH)) {
    const span = spanAt(text.slice(match.index + match[0].length));
    if (span !== undefined) return Math.min(HINT_MAX, Math.max(Math.min(HINT_MIN, planned), span));
  }
  return undefined;
}
