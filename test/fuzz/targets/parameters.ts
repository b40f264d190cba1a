import type { Notify } from "../../../src/core/mail/envelope.ts";
import {
  type Parameters,
  parseMailParameters,
  parseRcptParameters,
  readNotify,
} from "../../../src/core/smtp/parameters.ts";
import type { Chance } from "../../support/chance.ts";
import { transcriptLines } from "../material.ts";
import { type Target, holds, holdsNoHidden, octetsOf, oneOf, same, some } from "../target.ts";

// What stands behind an address in a command.

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

export const targets: readonly Target[] = [parameters];
