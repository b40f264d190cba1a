import type { Chance } from "../support/chance.ts";
import { oneOf, some } from "./target.ts";

// What targets share that are about content.

export const normalized = (text: string): string => text.replaceAll("\0", "").replace(/\r\n|\r|\n/g, "\r\n");

export const FIELDS = [
  "Received: from a by b; Sat, 21 Nov 2026 10:00:00 +0000\r\n",
  "received :x\r\n",
  "Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n",
  "Message-ID: <a@b>\r\n",
  "DKIM-Signature: v=1\r\n",
  "Subject: a\r\n",
  "Subject:\r\n b\r\n",
  " folded\r\n",
  "\tfolded\r\n",
  "no field\r\n",
  "From x\r\n",
  ": x\r\n",
  "\r\n",
  "a: b\n",
  "b\xe4d: x\r\n",
  "S: \xff\r\n",
];

export function aHeader(chance: Chance): string {
  return `${some(chance, 8, () => oneOf(chance, FIELDS))}${oneOf(chance, ["\r\n", "", "\r\nbody\r\n"])}`;
}

/** Of the inputs: what takes a megabyte. */
export const HUGE_SHARE = 0.001;
export const MiB = 1024 * 1024;

export const isSevenBit = (text: string): boolean => /^[\0-\x7f]*$/.test(text);
export const hasShortLines = (text: string): boolean => text.split("\r\n").every((line) => line.length <= 998);
