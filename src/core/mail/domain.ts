import { hasHidden } from "../base/printable.ts";
import { decodePunycode } from "./punycode.ts";

/** A domain name as everything compares it: A-labels, lower case, no trailing dot. */
export interface Domain {
  readonly kind: "domain";
  /** `example.com`, `xn--bcher-kva.example`. */
  readonly ascii: string;
  /** As the peer wrote it; U-labels stay U-labels. */
  readonly text: string;
}

/** `[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 section 4.1.3). */
export interface AddressLiteral {
  readonly kind: "literal";
  readonly address: string;
  readonly family: 4 | 6;
  readonly text: string;
}

const LABEL_OCTETS_MAX = 63;
const DOMAIN_OCTETS_MAX = 255; // RFC 5321 section 4.5.3.1.2

function isLetterDigitHyphen(label: string): boolean {
  for (let i = 0; i < label.length; i++) {
    const c = label.charCodeAt(i);
    const isLetter = (c >= 0x61 && c <= 0x7a) || (c >= 0x41 && c <= 0x5a);
    const isDigit = c >= 0x30 && c <= 0x39;
    if (!isLetter && !isDigit && c !== 0x2d) return false;
  }
  return true;
}

function isDigits(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c < 0x30 || c > 0x39) return false;
  }
  return text.length > 0;
}

function isAsciiText(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/**
 * The A-label of a label that is not plain letters, digits and hyphens (UTS 46 by way of the URL parser, which is used
 * for one such label at a time: for whole ASCII names it would turn `1.2.3` into an address).
 */
function convertedLabel(label: string): string | undefined {
  for (let i = 0; i < label.length; i++) {
    const c = label.charCodeAt(i);
    if (c <= 0x7f && !isLetterDigitHyphen(label[i]!)) return undefined;
  }
  let hostname: string;
  try {
    hostname = new URL(`http://${label}/`).hostname;
  } catch (error) {
    if (error instanceof TypeError) return undefined; // the parser's only way to say "not a host"
    throw error;
  }
  return isLetterDigitHyphen(hostname) ? hostname : undefined;
}

/** The URL parser takes any ASCII as it is: an A-label is one if what it says is written as this very label. */
function isALabel(lower: string): boolean {
  if (lower.length > LABEL_OCTETS_MAX) return false;
  const unicode = decodePunycode(lower.slice(4));
  return unicode !== undefined && !isAsciiText(unicode) && !hasHidden(unicode) && convertedLabel(unicode) === lower;
}

function asciiLabel(label: string): string | undefined {
  if (label === "" || label.length > DOMAIN_OCTETS_MAX) return undefined;
  let ascii = label;
  const lower = label.toLowerCase();
  if (!isAsciiText(label)) {
    const converted = convertedLabel(label);
    if (converted === undefined || converted === "") return undefined;
    ascii = converted;
  } else if (lower.startsWith("xn--")) ascii = lower;
  // Also of what is converted: a letter that stands for an ASCII one may have completed what is no A-label.
  if (ascii.startsWith("xn--") && !isALabel(ascii)) return undefined;
  if (!isLetterDigitHyphen(ascii) || ascii.startsWith("-") || ascii.endsWith("-")) return undefined;
  return ascii.length <= LABEL_OCTETS_MAX ? ascii.toLowerCase() : undefined;
}

/** Undefined where the text is no domain name: empty or long labels, `_`, a port, an address without brackets. */
export function parseDomain(text: string): Domain | undefined {
  if (text.length === 0 || text.length > DOMAIN_OCTETS_MAX) return undefined;
  const labels: string[] = [];
  for (const label of text.split(".")) {
    const ascii = asciiLabel(label);
    if (ascii === undefined) return undefined;
    labels.push(ascii);
  }
  // A name whose last label is a number is an address to most software: 127.0.0.1, 127.1, 2130706433.
  const last = labels.at(-1)!;
  if (isDigits(last) || /^0x[0-9a-f]*$/.test(last)) return undefined;
  const ascii = labels.join(".");
  return ascii.length <= DOMAIN_OCTETS_MAX ? { kind: "domain", ascii, text } : undefined;
}

/** A dotted quad of four decimal numbers without leading zeros; `127.1` and `0x7f.1` are not addresses here. */
export function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return (
    parts.length === 4 && parts.every((p) => isDigits(p) && p.length <= 3 && Number(p) <= 255 && `${Number(p)}` === p)
  );
}

/** RFC 4291 section 2.2 text forms, without zone. */
export function isIpv6(text: string): boolean {
  if (text.length < 2 || text.length > 45) return false;
  const halves = text.split("::");
  if (halves.length > 2) return false;
  let groups = 0;
  for (const [index, half] of halves.entries()) {
    if (half === "") continue;
    const parts = half.split(":");
    for (const [at, part] of parts.entries()) {
      const isLastOfAll = at === parts.length - 1 && index === halves.length - 1;
      if (isLastOfAll && part.includes(".")) {
        if (!isIpv4(part)) return false;
        groups += 2;
      } else if (/^[0-9a-f]{1,4}$/i.test(part)) groups += 1;
      else return false;
    }
  }
  return halves.length === 2 ? groups < 8 : groups === 8;
}

/** Takes `[...]` with its brackets. */
export function parseAddressLiteral(text: string): AddressLiteral | undefined {
  if (!text.startsWith("[") || !text.endsWith("]")) return undefined;
  const inner = text.slice(1, -1);
  if (isIpv4(inner)) return { kind: "literal", address: inner, family: 4, text };
  if (inner.length > 5 && inner.slice(0, 5).toLowerCase() === "ipv6:" && isIpv6(inner.slice(5))) {
    return { kind: "literal", address: inner.slice(5), family: 6, text };
  }
  return undefined;
}
