export const NUL = 0x00;
export const TAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SPACE = 0x20;
export const DOT = 0x2e;

const encoder = new TextEncoder();
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const UTF8_OCTETS_MAX = 4; // of a character (RFC 3629)
const CODE_UNITS_PER_CALL = 8192; // String.fromCharCode takes its arguments on the stack

export const EMPTY: Uint8Array = new Uint8Array(0);

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The text, or undefined where the octets are not well-formed UTF-8 (overlong forms, surrogates, truncation). */
export function utf8Text(octets: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(octets);
  } catch (error) {
    if (error instanceof TypeError) return undefined; // the decoder's only way to say "malformed"
    throw error;
  }
}

/** One code unit per octet. (`TextDecoder("latin1")` would be windows-1252.) */
export function octetText(octets: Uint8Array): string {
  if (octets.length <= CODE_UNITS_PER_CALL) return String.fromCharCode.apply(null, octets as unknown as number[]);
  let text = "";
  for (let at = 0; at < octets.length; at += CODE_UNITS_PER_CALL) {
    text += String.fromCharCode.apply(null, octets.subarray(at, at + CODE_UNITS_PER_CALL) as unknown as number[]);
  }
  return text;
}

/** For people: UTF-8 where the octets are that (`isCut`: but for the character at their end), else one code unit each. */
export function readableText(octets: Uint8Array, isCut: boolean): string {
  if (isAscii(octets)) return octetText(octets);
  const cutMax = isCut ? UTF8_OCTETS_MAX - 1 : 0;
  for (let cut = 0; cut <= cutMax; cut++) {
    const text = utf8Text(octets.subarray(0, octets.length - cut));
    if (text !== undefined) return text;
  }
  return octetText(octets);
}

export function isAscii(octets: Uint8Array): boolean {
  for (let i = 0; i < octets.length; i++) if (octets[i]! > 0x7f) return false;
  return true;
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
