import { isIP } from "node:net";
import { domainToUnicode } from "node:url";
import { parseAddressLiteral, parseDomain } from "../../../src/core/mail/domain.ts";
import { decodePunycode } from "../../../src/core/mail/punycode.ts";
import { type Target, holds, holdsNoHidden, oneOf, same, some } from "../target.ts";

// What stands behind the @.

const LABELS = [
  "a",
  "xn--bcher-kva",
  "xn--",
  "xn--a",
  "b\u00fccher",
  "1",
  "0x7f",
  "-",
  "a-b",
  "_",
  "test",
  "com",
  "\u3002",
];

const domain: Target = {
  name: "domain",
  files: ["core/mail/domain.ts", "core/mail/punycode.ts"],
  unreachable: {
    "throw error;": "the URL parser throws nothing but TypeError",
  },
  lengthMax: 600,
  seeds: [
    "example.test",
    "xn--bcher-kva.example",
    "b\u00fccher.example",
    "\u4f8b\u3048.\u30c6\u30b9\u30c8",
    "[192.0.2.1]",
    "[IPv6:2001:db8::1]",
    "[IPv6:::ffff:192.0.2.1]",
    "[IPv6:1:2:3:4:5:6:7:8]",
    "[IPv6:1:2:3:4:5:6:7::]",
    "1.2.3",
    "0x7f.1",
    "a.0xff",
    "xn--fa-hia.test",
    "fa\u00df.test",
    "xn--a-ecp.ru",
    "xn--ls8h.la",
    `${"a".repeat(63)}.test`,
    "a..b",
    "-a.test",
    "xn--0.test",
    "xn--99999999.test",
  ],
  tokens: [
    ...LABELS,
    ".",
    "[",
    "]",
    "IPv6:",
    "::",
    ":",
    "192.0.2.1",
    "ffff",
    "0",
    "255",
    "256",
    "01",
    "@",
    "/",
    "#",
    "%41",
  ],
  generate: (chance) =>
    chance() < 0.3
      ? `[IPv6:${some(chance, 9, () => oneOf(chance, ["0", "1", "ffff", "12345", "", "1.2.3.4"]), ":")}]`
      : some(chance, 5, () => oneOf(chance, LABELS), "."),
  check(text) {
    const parsed = parseDomain(text);
    if (parsed !== undefined) {
      const { ascii } = parsed;
      same(parsed.text, text, "it keeps what was written");
      const labels = ascii.split(".");
      holds(ascii.length <= 255 && text.length <= 255, "a domain is bounded", text);
      const isLabel = (label: string): boolean => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(label);
      holds(labels.every(isLabel), "each label is one (RFC 1035 section 2.3.4)", ascii);
      holds(isIP(ascii) === 0 && !/^(?:[0-9]+|0x[0-9a-f]*)$/.test(labels.at(-1)!), "no name is an address", ascii);
      same(parseDomain(ascii)?.ascii, ascii, "what everything compares stays as it is");
      same(parseDomain(text.toUpperCase())?.ascii === ascii || /[^\0-\x7f]/.test(text), true, "without regard to case");
      holdsNoHidden(domainToUnicode(ascii), "what a domain shows");
    } else
      holds(
        !/^[a-z](?:[a-z-]{0,61}[a-z])?(?:\.[a-z]{1,63}){1,2}$/.test(text) || text.includes("xn--"),
        "a plain name is a domain",
        text,
      );
    const literal = parseAddressLiteral(text);
    if (literal !== undefined) {
      same(isIP(literal.address), literal.family, "the address of a literal is one to everybody");
      same(
        text.toLowerCase().replace("ipv6:", ""),
        `[${literal.address.toLowerCase()}]`,
        "and it is what stands there",
      );
    } else {
      const inner = /^\[(?:ipv6:)?(.*)\]$/i.exec(text)?.[1] ?? "";
      const isMeant = isIP(inner) === (/^\[ipv6:/i.test(text) ? 6 : 4) && !inner.includes("%");
      holds(!isMeant, "an address in brackets is a literal", text);
    }
    const decoded = decodePunycode(text.toLowerCase().slice(0, 63));
    holds(decoded === undefined || decoded.length <= 2 * 63, "what is decoded is bounded", decoded);
  },
};

export const targets: readonly Target[] = [domain];
