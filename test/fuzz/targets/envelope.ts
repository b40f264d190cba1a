import { isIP } from "node:net";
import { domainToUnicode } from "node:url";
import { parseAddressLiteral, parseDomain } from "../../../src/core/mail/domain.ts";
import type { Notify } from "../../../src/core/mail/envelope.ts";
import {
  type ForwardPath,
  type Malformed,
  type Mailbox,
  type Parsed,
  type ReversePath,
  addressed,
  parseForwardPath,
  parseMailbox,
  parseReversePath,
  pathKey,
  pathText,
} from "../../../src/core/mail/path.ts";
import { decodePunycode } from "../../../src/core/mail/punycode.ts";
import { keyword, parseCommand } from "../../../src/core/smtp/command.ts";
import {
  type Parameters,
  parseMailParameters,
  parseRcptParameters,
  readNotify,
} from "../../../src/core/smtp/parameters.ts";
import { decodeXtext, encodeXtext } from "../../../src/core/smtp/xtext.ts";
import type { Chance } from "../../support/chance.ts";
import { transcriptLines } from "../material.ts";
import { type Target, holds, holdsNoHidden, octetsOf, oneOf, same, some } from "../target.ts";

// What stands in the lines of a command: verb, address, parameters.

const VERBS = "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY EXPN HELP AUTH STARTTLS ETRN GET".split(" ");

const command: Target = {
  name: "command",
  files: ["core/smtp/command.ts"],
  seeds: transcriptLines(),
  tokens: [...VERBS, " ", "\t", "  ", "FROM:", "TO:", "<a@b.test>", "\u0131", "\u017f", "\u212a"],
  generate: (chance) => `${some(chance, 2, () => " ")}${oneOf(chance, VERBS)} ${some(chance, 3, () => "x\t ")}`,
  check(line) {
    const { verb, argument } = parseCommand(line);
    // The oracle: white space is space and tab, and nothing else is dropped or moved.
    const [, first = "", rest = ""] = /^([^ \t]*)[ \t]*([^]*?)[ \t]*$/.exec(line) ?? [];
    same(argument, rest, "the argument is what stands behind the verb");
    const isPlain = /^[\0-\x7f]*$/.test(first);
    same(verb, isPlain ? first.replace(/[a-z]/g, (c) => c.toUpperCase()) : first, "the verb is the first word");
    holds(isPlain || !VERBS.includes(verb), "a verb of other letters is none of ours", line);
    same(keyword(keyword(line)), keyword(line), "to make it a keyword twice is once");
  },
};

const xtext: Target = {
  name: "xtext",
  files: ["core/smtp/xtext.ts"],
  seeds: ["a+2Bb", "rfc822;a+40b", "+41+42", "+", "+4", "+4g", "+4a", "=", "a b", "+00", "+FF", "~", "\x7f"],
  tokens: ["+", "+2B", "+3D", "+0D+0A", "+00", "+FF", "+7F", "=", "a", "A", "F", "G", "~", "!", " "],
  generate: (chance) => some(chance, 12, () => oneOf(chance, ["+2B", "+3D", "x", "~", "!", "+20", "+7E"])),
  check(text) {
    const decoded = decodeXtext(text);
    const isXtext = /^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/.test(text); // RFC 3461 section 4, as it stands there
    same(decoded !== undefined, isXtext, "xtext is what the RFC says");
    if (decoded !== undefined) {
      holds(decoded.length <= text.length, "it does not grow");
      same(decodeXtext(encodeXtext(decoded)), decoded, "decoding what was encoded is what was there");
    }
    const ascii = text.replace(/[^\0-\x7f]/g, "");
    const encoded = encodeXtext(ascii);
    holds(/^[!-<>-~]*$/.test(encoded), "what is encoded can stand in a command", encoded);
    same(decodeXtext(encoded), ascii, "what is encoded can be decoded");
  },
};

const LOCAL = ["a", "user", '"a b"', '"a@b"', '"\\""', '"\\\\"', "a.b", ".", "..", "*", "\u00e4", "postmaster", "x+y"];
const DOMAINS = [
  "b.test",
  "[192.0.2.1]",
  "[IPv6:2001:db8::1]",
  "xn--bcher-kva.test",
  "b\u00fccher.test",
  "b.",
  "127.1",
];

function anAddress(chance: Chance): string {
  const local = some(chance, 3, () => oneOf(chance, LOCAL), oneOf(chance, ["", ".", "@"]));
  return `${local}@${some(chance, 3, () => oneOf(chance, DOMAINS), ".")}`;
}

const PATH_SEEDS = [
  "<>",
  "<postmaster>",
  "<a@b.test>",
  '<"a b"@b.test>',
  '<"a\\"@c"@b.test>',
  "<@x.test,@y.test:a@b.test>",
  "<a@[192.0.2.1]>",
  "<a@[IPv6:2001:db8::1]> SIZE=1",
  "<\u00e4@b\u00fccher.test>",
  '<"a"@b.test> x',
  '<"a>b"@b.test>',
  "<a@b.test>x",
  "<a@b.test",
  "<a@b@c.test>",
  "<a@b.test.>",
  "<a@@b.test>",
  '<"a"b@c.test>',
  '<"@c.test>',
  '"a\\',
  "<@:a@b.test>",
];

/** What any address that was taken is like. */
function checkMailbox(mailbox: Mailbox, isParsedAgain = true): void {
  const { text, localPart, domain, isInternational } = mailbox;
  holdsNoHidden(text, "an address");
  holds(text.length <= 1000, "an address is bounded", text.length);
  same(text, `${localPart}@${domain.text}`, "an address is its parts");
  same(isInternational, /[^\0-\x7f]/.test(text), "international is what is not ASCII");
  // Split at the last @, which no quote can hide: a domain has none.
  same(text.lastIndexOf("@"), localPart.length, "the domain is what follows the last @");
  const atoms = localPart.split(".").every((atom) => /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\x80-\uffff]+$/.test(atom));
  holds(atoms || /^"(?:[^"\\]|\\["\\])*"$/.test(localPart), "a local part is dots and atoms, or quoted", localPart);
  holds(!/[<>,;:\s]/.test(domain.text) || domain.kind === "literal", "a domain has no sign of the envelope", text);
  if (!isParsedAgain) return;
  const again = parseMailbox(text);
  holds(again.kind === "mailbox", "what was parsed is parsed again", text);
  same(again, mailbox, "and it is the same");
}

function checkParsed(text: string, found: Parsed<ReversePath | ForwardPath> | Malformed): void {
  if (found.kind === "malformed") {
    holds(found.why !== "" && found.why.length < 100, "it is said why", found.why);
    return;
  }
  holds(text.startsWith("<") && text.includes(">"), "an address stands in brackets", text);
  holds(
    found.rest === "" || text.endsWith(found.rest) || text.replace(/[ \t]+$/, "").endsWith(found.rest),
    "the rest is the rest",
  );
  holds(!/^[ \t]|[ \t]$/.test(found.rest), "the rest has no blanks around it", found.rest);
  // No bracket of the envelope but in quotes.
  if (found.path.kind === "mailbox" && !found.path.localPart.startsWith('"'))
    holds(!/[<>]/.test(pathText(found.path)), "no bracket within", text);
  if (found.path.kind === "mailbox") checkMailbox(found.path);
  holds(found.path.kind !== "null" || text.startsWith("<>"), "the null path is <>", text);
}

const path: Target = {
  name: "path",
  files: ["core/mail/path.ts"],
  seeds: [...PATH_SEEDS, ...transcriptLines().flatMap((line) => /<.*>.*/.exec(line) ?? [])],
  tokens: ["<", ">", "@", '"', "\\", ":", ",", ".", "[", "]", "IPv6:", " ", ...LOCAL, ...DOMAINS, "xn--", "@x.test:"],
  generate: (chance) =>
    `<${oneOf(chance, ["", "", "", "@x.test:", "@x.test,@y.test:", "@"])}${anAddress(chance)}>${oneOf(chance, ["", " x", "x"])}`,
  check(text) {
    const forward = parseForwardPath(text);
    const reverse = parseReversePath(text);
    checkParsed(text, forward);
    checkParsed(text, reverse);
    const whole = `<${text}>`;
    const alone = parseMailbox(text);
    if (alone.kind === "mailbox") {
      checkMailbox(alone);
      holds(text.length <= 1000, "a long address is none", text.length);
      same(domainPart(text), alone.domain.text, "its domain is what follows the last @ that is not quoted");
      const inBrackets = parseReversePath(whole);
      holds(inBrackets.kind === "path" && inBrackets.path.kind === "mailbox", "an address is one in brackets", text);
      same(inBrackets.path, alone, "and the same one");
      const key = pathKey(alone);
      holds(key === key.normalize("NFC") || alone.domain.kind === "literal", "a key is in one form", key);
    }
    if (forward.kind === "path") {
      const { path: found } = forward;
      const to = addressed(found, undefined);
      same(to, found, "without an address of its own postmaster stays");
      same(parseForwardPath(`<${pathText(found)}>`), { kind: "path", path: found, rest: "" }, "printed and parsed");
    }
    if (reverse.kind === "path")
      same(parseReversePath(`<${pathText(reverse.path)}>`), { ...reverse, rest: "" }, "printed and parsed");
  },
};

/** By another way than the parser's: quoted strings are taken out first. */
function domainPart(text: string): string {
  const bare = text.replace(/^"(?:[^"\\]|\\[^])*"/, (quoted) => "q".repeat(quoted.length));
  const domain = text.slice(bare.indexOf("@") + 1);
  return domain.endsWith(".") && !domain.startsWith("[") ? domain.slice(0, -1) : domain;
}

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

const NAMES = ["SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "AUTH", "NOTIFY", "ORCPT"];
const VALUES = [
  "1",
  "999999999999999",
  "1000000000000000",
  "7BIT",
  "8BITMIME",
  "FULL",
  "HDRS",
  "a+40b",
  "<>",
  "NEVER",
  "SUCCESS",
  "FAILURE",
  "DELAY",
  "SUCCESS,DELAY",
  "rfc822;a+40b.test",
  "utf-8;a\\x{E4}@b",
  "utf-8;\u00e4@b",
  "+0D",
];

/** Each as RFC 3461, 1870, 6152 and 6533 have it, by regular expressions alone; undefined where nothing can be said so easily. */
const FORMS: Readonly<Record<string, RegExp>> = {
  SIZE: /^[0-9]{1,15}$/,
  BODY: /^(?:7bit|8bitmime)$/i,
  RET: /^(?:full|hdrs)$/i,
  ENVID: /^(?:[!-*,-<>-~]|\+[0-9A-F]{2}){1,100}$/,
  ORCPT: /^[a-z0-9-]+;[^= \t]+$/i,
};

function aParameter(chance: Chance): string {
  return `${oneOf(chance, NAMES)}${chance() < 0.1 ? "" : "="}${oneOf(chance, VALUES)}`;
}

function checkParameters(text: string, found: Parameters<object>, most: number): void {
  const words = text.split(/[ \t]+/).filter((word) => word !== "");
  if (found.kind === "refused") {
    const { code, status = "", lines } = found.reply;
    holds(code === 501 || code === 555, "a refusal is one of two", code);
    holds(status.startsWith("5.5.4"), "its status is of the same class", status);
    holdsNoHidden(lines.join(""), "a refusal");
    return;
  }
  const names = words.map((word) => word.split("=", 1)[0]!.toUpperCase());
  holds(words.length <= 20, "no more than twenty", words.length);
  holds(
    names.every((name) => NAMES.includes(name)),
    "only what is known",
    names,
  );
  same(new Set(names).size, names.length, "nothing twice");
  holds(Object.keys(found.value).length <= most, "nothing that was not said", found.value);
  for (const [at, word] of words.entries()) {
    const value = word.slice(names[at]!.length + 1);
    holds(FORMS[names[at]!]?.test(value) !== false, "a value is of its form", word);
  }
}

const parameters: Target = {
  name: "parameters",
  files: ["core/smtp/parameters.ts"],
  lengthMax: 2048,
  seeds: [
    "SIZE=1 BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=a+40b AUTH=<>",
    "NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+40b.test",
    "ORCPT=utf-8;\\x{E4}@b.test NOTIFY=NEVER",
    "ORCPT=utf-8;\u00e4+40b.test",
    "AUTH=a+40b.test",
    "SIZE=1 SIZE=2",
    ...transcriptLines().flatMap((line) => /> (.*)/.exec(line)?.[1] ?? []),
  ],
  tokens: [...NAMES, ...VALUES, "=", " ", "\t", ",", "\\x{", "}", "\\x{D800}", "\\x{110000}", "\\x{202E}", "+2B", ";"],
  generate: (chance) => some(chance, 5, () => aParameter(chance), " "),
  check(text) {
    // What reception gives has no white space around it.
    const trimmed = text.trim();
    const mail = parseMailParameters(trimmed);
    checkParameters(trimmed, mail, 6);
    if (mail.kind === "parameters") {
      const { declaredOctets = 0, smtpUtf8 } = mail.value;
      holds(Number.isSafeInteger(declaredOctets) && declaredOctets >= 0, "a size is one", declaredOctets);
      same(smtpUtf8, /(?:^|[ \t])smtputf8(?:[ \t]|$)/i.test(trimmed), "SMTPUTF8 was said or not");
    }
    for (const isUtf8 of [false, true]) {
      const rcpt = parseRcptParameters(trimmed, isUtf8);
      checkParameters(trimmed, rcpt, 2);
      if (rcpt.kind === "refused") continue;
      const { notify, originalRecipient } = rcpt.value;
      checkNotify(notify);
      if (originalRecipient !== undefined) checkOriginal(originalRecipient);
    }
  },
};

function checkNotify(notify: Notify | undefined): void {
  if (notify === undefined) return;
  const text = notify === "never" ? "NEVER" : notify.join(",").toUpperCase();
  same(readNotify(text), notify, "NOTIFY printed and read");
}

/** It goes to the next hop and into reports as it is. */
function checkOriginal(text: string): void {
  holds(text.length <= 500, "ORCPT is bounded (RFC 3461 section 4.2)", text.length);
  holds(/^[!-~]+$/.test(text), "ORCPT can stand in a command", text);
  const again = parseRcptParameters(`ORCPT=${text}`, false);
  same(again, { kind: "parameters", value: { originalRecipient: text } }, "ORCPT printed and read");
  const address = text
    .slice(text.indexOf(";") + 1)
    .replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  holdsNoHidden(address, "ORCPT decoded");
  if (!text.toLowerCase().startsWith("utf-8;")) return;
  const unicode = address.replace(/\\x\{([0-9A-F]{2,6})\}/g, (_, hex: string) => {
    const point = Number.parseInt(hex, 16);
    holds(point <= 0x10ffff && (point < 0xd800 || point > 0xdfff), "a character there is one", text);
    return String.fromCodePoint(point);
  });
  holdsNoHidden(unicode, "ORCPT decoded from UTF-8's 7-bit form");
  holds(octetsOf(unicode).length > 0, "ORCPT is not empty");
}

export const targets: readonly Target[] = [command, xtext, path, domain, parameters];
