import { faultInFields, hidesHeader } from "../../../src/core/mail/added-fields.ts";
import { HeaderExaminer, type HeaderFacts } from "../../../src/core/mail/header.ts";
import { FIELDS, HUGE_SHARE, MiB, aHeader } from "../content.ts";
import { chains } from "../material.ts";
import { type Target, chanceOf, cut, holds, joined, octetsOf, oneOf, same, some, textOf } from "../target.ts";

// What stands before the first empty line.

function examined(pieces: readonly Uint8Array[]): HeaderFacts {
  const examiner = new HeaderExaminer();
  for (const piece of pieces) examiner.examine(piece);
  return { ...examiner.finish() };
}

/** The oracle: lines by splitting. */
function linesOfHeader(text: string): {
  readonly fields: string[];
  readonly isAtOnceNone: boolean;
  readonly header: string;
} {
  const fields: string[] = [];
  let header = "";
  for (const whole of text.split(/(?<=\n)/)) {
    const line = whole.replace(/[\r\n]+$/, "");
    header += whole;
    if (line === "") break;
    if (/^[ \t]/.test(line) && fields.length > 0) continue;
    const name = /^([^:]*):/.exec(line.slice(0, 592))?.[1]?.trimEnd() ?? "";
    if (name === "" || /[^!-~]/.test(name)) return { fields, isAtOnceNone: fields.length === 0, header };
    fields.push(name.toLowerCase());
  }
  return { fields, isAtOnceNone: false, header };
}

const header: Target = {
  name: "header",
  files: ["core/mail/header.ts"],
  lengthMax: 8000,
  seeds: [
    ...FIELDS.map((field) => `${field}\r\n`),
    ...chains().map((text) => text.replace(/\r?\n/g, "\r\n")),
    longHeader(),
  ],
  tokens: [...FIELDS, ":", " ", "\t", "\r\n", "\n", "\r", "Subject:", "\xc3", "\xc3\xa4", "x".repeat(600)],
  generate: aHeader,
  check(input) {
    const octets = octetsOf(input);
    const facts = examined([octets]);
    same(examined(cut(octets, chanceOf(input))), facts, "a header does not depend on the cuts");
    holds(facts.subject.length <= 512, "the subject is bounded", facts.subject.length);
    same(facts.isTooLong, false, "it is too long where it is");
    if (chanceOf(input)() < HUGE_SHARE) checkHugeHeader(octets);
    const { fields, isAtOnceNone, header: read } = linesOfHeader(textOf(octets));
    const count = (name: string): number => fields.filter((field) => field === name).length;
    same(facts.received, count("received"), "trace fields are counted");
    same(facts.hasDate, count("date") > 0, "a Date is seen");
    same(facts.hasMessageId, count("message-id") > 0, "a Message-ID is seen");
    same(facts.hasDkimSignature, count("dkim-signature") > 0, "a signature is seen");
    same(facts.needsSeparator, isAtOnceNone, "content without a header is known");
    same(facts.isInternational, /[\x80-\xff]/.test(read), "what is not ASCII is seen");
  },
};

function checkHugeHeader(octets: Uint8Array): void {
  const huge = joined([octetsOf("A: b\r\n"), new Uint8Array(MiB).fill(0x78), octets]);
  for (const facts of [examined([huge]), examined([huge.subarray(0, MiB), huge.subarray(MiB)])])
    same(facts.isTooLong, true, "what is too long is told");
  same(examined([huge.subarray(0, MiB)]).isTooLong, false, "up to there it is not");
}

function longHeader(): string {
  return `Subject: ${"x".repeat(590)}\r\n ${"y".repeat(600)}\r\n\r\n`;
}

const addedFields: Target = {
  name: "added-fields",
  files: ["core/mail/added-fields.ts"],
  lengthMax: 3000,
  seeds: [...FIELDS, FIELDS.slice(0, 8).join(""), "A: b\r\n\r\n", "A: b\r\n \r\n", "", "\r\n", "A:\r\n\tb\r\n"],
  tokens: [...FIELDS, "\r\n", "\n", "\r", "\0", "\x7f", "\x0b", ":", " ", "A: b\r\n"],
  generate: (chance) => some(chance, 5, () => oneOf(chance, FIELDS)),
  check(text) {
    const fault = faultInFields(text);
    // RFC 5322 section 2.2, in one expression; one empty line may end it.
    const isWhole = /^(?:[!-9;-~]+[ \t]*:[^\r\n]*\r\n(?:[ \t]+[^ \t\r\n][^\r\n]*\r\n)*)*(?:(?<=\n)\r\n)?$/.test(text);
    const hasControl = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/.test(text);
    const isLong = text.split("\r\n").some((line) => Buffer.byteLength(line) > 998);
    same(fault === undefined, isWhole && !hasControl && !isLong, "fields are taken where they are some");
    holds(fault === undefined || fault.length < 120, "it is said why", fault);
    if (chanceOf(text)() < HUGE_SHARE) {
      const some = `A: b\r\n${text}`;
      holds(faultInFields(some.repeat(Math.ceil(MiB / some.length) + 1)) !== undefined, "what is too long is told");
    }
    if (fault !== undefined) return;
    for (const needsSeparator of [false, true])
      same(
        hidesHeader(text, { needsSeparator }),
        text.endsWith("\r\n\r\n") && !needsSeparator,
        "what hides a header is told",
      );
  },
};

export const targets: readonly Target[] = [header, addedFields];
