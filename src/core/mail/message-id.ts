import { invariant } from "../base/invariant.ts";
import type { Instant } from "../base/time.ts";

/** Opaque to everybody but this file: `[0-9A-Za-z]{14}`, time first, so that ids order messages roughly. */
export type MessageId = string;

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const TIME_DIGITS = 8; // 62^8 ms: good for 6,900 years
const CHANCE_DIGITS = 6; // 62^6 = 5.7e10 ids a millisecond

/** `chance` is at least five octets that nobody can predict. */
export function messageId(now: Instant, chance: Uint8Array): MessageId {
  invariant(chance.length >= 5, "a message id takes five octets of chance");
  let time = Math.max(0, Math.floor(now));
  let text = "";
  for (let i = 0; i < TIME_DIGITS; i++) {
    text = DIGITS[time % 62]! + text;
    time = Math.floor(time / 62);
  }
  let rest = chance[0]! * 2 ** 32 + chance[1]! * 2 ** 24 + chance[2]! * 2 ** 16 + chance[3]! * 2 ** 8 + chance[4]!;
  for (let i = 0; i < CHANCE_DIGITS; i++) {
    text += DIGITS[rest % 62]!;
    rest = Math.floor(rest / 62);
  }
  return text;
}

export function isMessageId(text: string): boolean {
  return /^[0-9A-Za-z]{14}$/.test(text);
}

/** When the id was made. */
export function timeOf(id: MessageId): Instant {
  let time = 0;
  for (let i = 0; i < TIME_DIGITS; i++) time = time * 62 + DIGITS.indexOf(id[i]!);
  return time;
}
