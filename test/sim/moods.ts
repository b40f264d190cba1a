import type { Dice } from "./dice.ts";

/** What a next hop does now, as probabilities at each place of a session. What is not named does not happen. */
export interface Mood {
  readonly name: string;
  /** Nobody listens; nobody answers. */
  readonly isDown?: boolean;
  readonly isSilent?: boolean;
  readonly greet421?: number;
  readonly greet554?: number;
  readonly greetNothing?: number;
  readonly garbage?: number;
  readonly ehlo4?: number;
  readonly tls454?: number;
  readonly tlsFails?: number;
  readonly tlsHangs?: number;
  readonly mail4?: number;
  readonly mail421?: number;
  readonly denies?: number;
  /** It wants a login that the relay does not have. */
  readonly wantsLogin?: number;
  readonly rcpt4?: number;
  readonly rcpt5?: number;
  readonly rcptHint?: number;
  readonly rcptTooMany?: number;
  readonly isGreylisting?: boolean;
  /** Its certificate is over. */
  readonly isExpired?: boolean;
  readonly data4?: number;
  readonly data5?: number;
  readonly contentReset?: number;
  readonly dot3?: number;
  readonly dot4?: number;
  readonly dot5?: number;
  readonly dotLost?: number;
  readonly takenThenClosed?: number;
  readonly takenThenReset?: number;
  readonly takenThen421?: number;
  readonly takenThenGarbage?: number;
  readonly takenThenSilent?: number;
  /** Of an answer, in milliseconds. */
  readonly tempo?: number;
}

export const WELL: Mood = { name: "well" };

const SICK: readonly Mood[] = [
  { name: "down", isDown: true },
  { name: "silent", isSilent: true },
  { name: "busy", greet421: 0.7, mail421: 0.4, rcpt4: 0.2 },
  { name: "refusing", greet554: 0.8, denies: 0.3, wantsLogin: 0.3 },
  { name: "mute", greetNothing: 0.8 },
  { name: "babbling", garbage: 0.4 },
  { name: "stiff", ehlo4: 0.3, tls454: 0.4, tlsFails: 0.4, tlsHangs: 0.1 },
  { name: "putting-off", mail4: 0.3, rcpt4: 0.5, rcptHint: 0.4, data4: 0.3, dot4: 0.4 },
  { name: "greylisting", isGreylisting: true },
  { name: "strict", rcpt5: 0.4, data5: 0.1, dot5: 0.2, rcptTooMany: 0.2 },
  {
    name: "forgetful",
    dotLost: 0.2,
    dot3: 0.1,
    takenThenClosed: 0.2,
    takenThenReset: 0.1,
    takenThen421: 0.1,
    takenThenGarbage: 0.1,
    takenThenSilent: 0.05,
    contentReset: 0.1,
  },
  { name: "expired", isExpired: true },
  { name: "tarpit", tempo: 20_000 },
];

const FLAKY: Mood = {
  name: "flaky",
  greet421: 0.02,
  garbage: 0.01,
  mail4: 0.02,
  rcpt4: 0.04,
  rcpt5: 0.03,
  rcptHint: 0.02,
  dot4: 0.03,
  dot5: 0.01,
  dotLost: 0.01,
  takenThenClosed: 0.01,
  takenThenReset: 0.01,
  tempo: 50,
};

/** Mostly something is a little wrong, and now and then very much. */
export function sickMood(dice: Dice): Mood {
  return dice.happens(0.3) ? FLAKY : dice.pick(SICK);
}
