// As much of DER (ITU-T X.690) as a certificate takes. Each function makes one whole value: tag, length, contents.

import { invariant } from "../../core/base/invariant.ts";

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  contextPrimitive: 0x80,
  contextConstructed: 0xa0,
} as const;

function lengthOctets(length: number): readonly number[] {
  if (length < 0x80) return [length];
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return [0x80 | octets.length, ...octets];
}

function value(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const length = contents.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Uint8Array.of(tag, ...lengthOctets(length)), ...contents]);
}

export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return value(TAG.sequence, ...parts);
}

/** Of one part, so that DER's order of a set does not matter. */
export function setOf(part: Uint8Array): Buffer {
  return value(TAG.set, part);
}

export const TRUE: Buffer = value(TAG.boolean, Uint8Array.of(0xff));

/** A number that is not negative, most significant octet first, without leading zeros. */
export function unsignedInteger(octets: Uint8Array): Buffer {
  invariant(octets.length > 0 && (octets.length === 1 || octets[0] !== 0), "a number has no leading zeros");
  return value(TAG.integer, octets[0]! >= 0x80 ? Buffer.concat([Uint8Array.of(0), octets]) : octets);
}

function base128(arc: number): readonly number[] {
  const octets = [arc % 128];
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) octets.unshift(0x80 | (rest % 128));
  return octets;
}

/** `2.5.29.17` */
export function oid(dotted: string): Buffer {
  const [first, second, ...rest] = dotted.split(".").map(Number);
  return value(TAG.oid, Uint8Array.from([first! * 40 + second!, ...rest].flatMap(base128)));
}

export function utf8String(text: string): Buffer {
  return value(TAG.utf8String, Buffer.from(text, "utf8"));
}

export function octetString(octets: Uint8Array): Buffer {
  return value(TAG.octetString, octets);
}

/** `unusedBits` are the last ones of the last octet. */
export function bitString(octets: Uint8Array, unusedBits = 0): Buffer {
  return value(TAG.bitString, Uint8Array.of(unusedBits), octets);
}

/** `[tag] IMPLICIT` of a value without inner ones. */
export function contextPrimitive(tag: number, octets: Uint8Array): Buffer {
  return value(TAG.contextPrimitive | tag, octets);
}

/** `[tag] EXPLICIT` */
export function contextConstructed(tag: number, inner: Uint8Array): Buffer {
  return value(TAG.contextConstructed | tag, inner);
}

const UTC_TIME_END = 2050; // RFC 5280 section 4.1.2.5

/** To the second, in UTC. */
export function time(date: Date): Buffer {
  const digits = `${date.toISOString().slice(0, 19).replace(/[-:T]/g, "")}Z`;
  const isShort = date.getUTCFullYear() < UTC_TIME_END;
  return isShort
    ? value(TAG.utcTime, Buffer.from(digits.slice(2), "ascii"))
    : value(TAG.generalizedTime, Buffer.from(digits, "ascii"));
}
