import { headerOf, hasWholeHeader, sevenBitObstacle } from "../../../src/core/dsn/returned.ts";
import { faultInFields, hidesHeader } from "../../../src/core/mail/added-fields.ts";
import { HeaderExaminer, type HeaderFacts } from "../../../src/core/mail/header.ts";
import { type Conversion, ConversionPlanner, Converter } from "../../../src/core/mime/conversion.ts";
import { faultIn } from "../../../src/core/smtp/content-fault.ts";
import {
  type BareNewlines,
  ChunkDecoder,
  type ContentFacts,
  DataDecoder,
} from "../../../src/core/smtp/data-decoder.ts";
import { DataEncoder } from "../../../src/core/smtp/data-encoder.ts";
import type { Chance } from "../../support/chance.ts";
import { chains } from "../material.ts";
import { type Target, chanceOf, cut, holds, joined, octetsOf, oneOf, same, some, textOf } from "../target.ts";

// What stands between DATA and the final dot.

const ENDS = ["\r\n", "\n", "\r", "\r\n.\r\n", "\n.\n", "\r.\r", "\n.\r\n", "\r\n.", ".\r\n", "\r\n..", "\0", "\r\0\n"];
const PARTS = [
  ...ENDS,
  ".",
  "..",
  "x",
  "abc",
  "\x80",
  "\xff",
  "Subject: a\r\n",
  "\r\n\r\n",
  "x".repeat(998),
  "x".repeat(999),
];

function someContent(chance: Chance): string {
  return some(chance, 10, () => oneOf(chance, PARTS));
}

interface Decoded {
  readonly content: string;
  readonly used: number;
  readonly facts: ContentFacts;
  readonly done: boolean;
}

function decodedData(pieces: readonly Uint8Array[], mode: BareNewlines): Decoded {
  const decoder = new DataDecoder(mode);
  const content: Uint8Array[] = [];
  let used = 0;
  for (const piece of pieces) {
    if (decoder.done) break;
    used += decoder.decode(piece, 0, content);
  }
  return { content: textOf(joined(content)), used, facts: { ...decoder.facts }, done: decoder.done };
}

function decodedChunks(pieces: readonly Uint8Array[], mode: BareNewlines): Decoded {
  const decoder = new ChunkDecoder(mode);
  const content: Uint8Array[] = [];
  for (const piece of pieces) same(decoder.decode(piece, 0, content), piece.length, "all of a chunk is taken");
  decoder.finish(content);
  return { content: textOf(joined(content)), used: 0, facts: { ...decoder.facts }, done: false };
}

/** The oracle: by search for the end, and by regular expressions. */
function factsOf(text: string): ContentFacts {
  const content = text;
  return {
    octets: content.length,
    bareNewline: /\r(?!\n)|(?<!\r)\n/.test(content),
    nul: content.includes("\0"),
    eightBit: /[\x80-\xff]/.test(content),
    longestLine: content.split(/\r\n|\r|\n/).reduce((most, line) => Math.max(most, line.length), 0),
    endsWithNewline: content === "" || content.endsWith("\r\n"),
  };
}

const normalized = (text: string): string => text.replaceAll("\0", "").replace(/\r\n|\r|\n/g, "\r\n");

/** A NUL within CR LF does not make one line end of two: it was none when it came. */
function normalizedContent(text: string): string {
  return text.replace(/\r\n|\r|\n/g, "\r\n").replaceAll("\0", "");
}

function checkData(text: string): void {
  const framed = `\r\n${text}`;
  const end = framed.indexOf("\r\n.\r\n");
  const raw = end === -1 ? undefined : framed.slice(2, end + 2);
  const octets = octetsOf(text);
  const pieces = cut(octets, chanceOf(text));
  for (const mode of ["reject", "normalize"] as const) {
    const whole = decodedData([octets], mode);
    const inPieces = decodedData(pieces, mode);
    same(whole.done, raw !== undefined, "CR LF . CR LF is the end, and nothing else is");
    same(inPieces.done, whole.done, "the end does not depend on the cuts");
    same(inPieces.content, whole.content, "content does not depend on the cuts");
    if (raw === undefined) continue;
    same(whole.used, end + 3, "what follows the end is left");
    same(inPieces.used, whole.used, "so it is in pieces");
    same(inPieces.facts, whole.facts, "facts do not depend on the cuts");
    const bare = raw
      .split("\r\n")
      .map((line) => line.replace(/^\./, ""))
      .join("\r\n");
    const expected = mode === "reject" ? bare : normalizedContent(bare);
    same(whole.content, expected, "content is what was sent without the stuffing");
    const { facts } = whole;
    same(facts.octets, whole.content.length, "octets are counted");
    same(facts.bareNewline, factsOf(bare).bareNewline, "a bare newline is seen");
    same(facts.nul, bare.includes("\0"), "a NUL is seen");
    same(facts.eightBit, factsOf(bare).eightBit, "eight bits are seen");
    same(facts.endsWithNewline, true, "it ended with a line");
    if (mode === "reject") same(facts.longestLine, factsOf(bare).longestLine, "the longest line is measured");
    else holds(!/\r(?!\n)|(?<!\r)\n|\0/.test(whole.content), "what is normalized is clean");
  }
}

function checkChunks(text: string): void {
  const octets = octetsOf(text);
  for (const mode of ["reject", "normalize"] as const) {
    const whole = decodedChunks([octets], mode);
    same(decodedChunks(cut(octets, chanceOf(text)), mode), whole, "a chunk does not depend on the cuts");
    same(whole.content, mode === "reject" ? text : normalizedContent(text), "chunks are content");
    const expected = factsOf(whole.content);
    same(whole.facts.octets, expected.octets, "octets of chunks are counted");
    same(whole.facts.bareNewline, factsOf(text).bareNewline, "a bare newline in a chunk is seen");
    same(whole.facts.nul, text.includes("\0"), "a NUL in a chunk is seen");
    same(whole.facts.endsWithNewline, expected.endsWithNewline, "how it ends is known");
    if (mode === "reject") same(whole.facts.longestLine, expected.longestLine, "the longest line of a chunk");
  }
  const fault = faultIn(octets);
  const facts = factsOf(text);
  same(
    fault !== undefined,
    facts.nul || facts.bareNewline || facts.longestLine > 998,
    "a fault is told where there is one",
  );
}

const dataDecoder: Target = {
  name: "data-decoder",
  files: ["core/smtp/data-decoder.ts", "core/smtp/content-fault.ts"],
  lengthMax: 6000,
  seeds: [
    ...PARTS.map((part) => `a\r\n${part}\r\n.\r\n`),
    ".\r\n",
    "..\r\n.\r\n",
    "x\r\n.\r\nQUIT\r\n",
    "\r\n.\r\0\n.\r\n",
  ],
  tokens: PARTS,
  generate: (chance) => `${someContent(chance)}\r\n.\r\n${oneOf(chance, ["", "NOOP\r\n"])}`,
  check(input) {
    const text = textOf(octetsOf(input));
    checkData(text);
    checkChunks(text);
  },
};

function encoded(pieces: readonly Uint8Array[]): string {
  const encoder = new DataEncoder();
  const out: Uint8Array[] = [];
  for (const piece of pieces) encoder.encode(piece, out);
  encoder.end(out);
  return textOf(joined(out));
}

const dataEncoder: Target = {
  name: "data-encoder",
  files: ["core/smtp/data-encoder.ts"],
  lengthMax: 6000,
  seeds: PARTS.map((part) => `a\r\n${part}b\r\n`),
  tokens: PARTS,
  generate: someContent,
  check(input) {
    // Whatever it is given, the end is the end; what is canonical comes back as it was.
    const text = textOf(octetsOf(input));
    const octets = octetsOf(text);
    const wire = encoded([octets]);
    same(encoded(cut(octets, chanceOf(text))), wire, "what is sent does not depend on the cuts");
    same(`\r\n${wire}`.indexOf("\r\n.\r\n") + 3, wire.length, "there is one end, and it is at the end");
    const isCanonical = !/\r(?!\n)|(?<!\r)\n|\0/.test(text);
    if (!isCanonical) return;
    holds(!/(?:^|[\r\n])\.[\r\n]/.test(wire.slice(0, -3)), "nothing that a lenient server takes for the end", wire);
    const back = decodedData([octetsOf(wire)], "reject");
    same(back.content, text === "" || text.endsWith("\r\n") ? text : `${text}\r\n`, "decoded it is what was sent");
  },
};

const FIELDS = [
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

function aHeader(chance: Chance): string {
  return `${some(chance, 8, () => oneOf(chance, FIELDS))}${oneOf(chance, ["\r\n", "", "\r\nbody\r\n"])}`;
}

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

/** Of the inputs: what takes a megabyte. */
const HUGE_SHARE = 0.001;
const MiB = 1024 * 1024;

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
    if (chanceOf(text)() < HUGE_SHARE)
      holds(faultInFields(`A: b\r\n${text}`.repeat(MiB / 6)) !== undefined, "what is too long is told");
    if (fault !== undefined) return;
    for (const needsSeparator of [false, true])
      same(
        hidesHeader(text, { needsSeparator }),
        text.endsWith("\r\n\r\n") && !needsSeparator,
        "what hides a header is told",
      );
  },
};

const TYPES = [
  "Content-Type: text/plain; charset=utf-8\r\n",
  "Content-Type: multipart/mixed; boundary=b\r\n",
  'Content-Type: multipart/signed; boundary="b c"\r\n',
  "Content-Type: multipart/digest; boundary=b\r\n",
  "Content-Type: message/rfc822\r\n",
  "Content-Type: message/partial\r\n",
  "Content-Type: image/png\r\n",
  "Content-Type: multipart/mixed\r\n",
  "Content-Type: message/global\r\n",
  "Content-Transfer-Encoding: 8bit\r\n",
  "Content-Transfer-Encoding: (c) binary\r\n",
  "Content-Transfer-Encoding: base64\r\n",
  "Content-Transfer-Encoding: quoted-printable\r\n",
  "Content-Transfer-Encoding: 7bit\r\n",
  "MIME-Version: 1.0\r\n",
];
const BODIES = [
  "--b\r\n",
  "--b--\r\n",
  "--b c\r\n",
  "--b c--\r\n",
  "--b \t\r\n",
  "\r\n",
  "text\r\n",
  "\xc3\xa4\r\n",
  "=\r\n",
  " \r\n",
  "tab\t\r\n",
  "\xff\xfe\x80\r\n",
  `${"x".repeat(998)}\r\n`,
  `${"x".repeat(999)}\r\n`,
  `${"\xe4".repeat(80)}\r\n`,
  "last line",
  ".\r\n",
  "From x\r\n",
];

function aMessage(chance: Chance): string {
  const part = (): string =>
    `${some(chance, 3, () => oneOf(chance, TYPES))}\r\n${some(chance, 4, () => oneOf(chance, BODIES))}`;
  return some(chance, 4, part, oneOf(chance, ["--b\r\n", "--b c\r\n", ""]));
}

/** Content as reception keeps it: CR LF alone, no NUL. */
function canonical(input: string): string {
  return normalized(textOf(octetsOf(input)));
}

function planned(pieces: readonly Uint8Array[]): Conversion {
  const planner = new ConversionPlanner();
  for (const piece of pieces) planner.push(piece);
  return planner.end();
}

function converted(pieces: readonly Uint8Array[], plan: Extract<Conversion, { kind: "possible" }>): string {
  const out: Uint8Array[] = [];
  const converter = new Converter(plan.leaves, (parts) => void out.push(...parts.map((part) => part.slice())));
  for (const piece of pieces) converter.push(piece);
  converter.end();
  return textOf(joined(out));
}

const isSevenBit = (text: string): boolean => /^[\0-\x7f]*$/.test(text);
const hasShortLines = (text: string): boolean => text.split("\r\n").every((line) => line.length <= 998);

const mime: Target = {
  name: "mime",
  unreachable: { "this.#escaped(CR);": "for content that is not canonical: a CR alone" },
  files: ["core/mime/walker.ts", "core/mime/entity.ts", "core/mime/conversion.ts", "core/mime/encoders.ts"],
  lengthMax: 8000,
  seeds: [
    "Subject: a\r\n\r\n\xc3\xa4\r\n",
    `${TYPES[1]}\r\n--b\r\n${TYPES[0]}\r\n\xe4\r\n--b\r\n${TYPES[6]}\r\n\xff\xfe\r\n--b--\r\nepilogue\r\n`,
    `${TYPES[2]}\r\n--b c\r\n\r\n\xe4\r\n--b c--\r\n`,
    `${TYPES[3]}\r\n--b\r\n\r\nSubject: x\r\n\r\n\xe4\r\n--b--\r\n`,
    `${TYPES[4]}\r\nSubject: x\r\n\r\n\xe4\r\n`,
    `${TYPES[4]}${TYPES[9]}\r\nSubject: x\r\n\r\n\xe4 \r\n`,
    `${TYPES[0]}${TYPES[9]}\r\n${"x".repeat(1200)}\r\n`,
    `${TYPES[9]}${TYPES[11]}\r\n\xe4`,
    `${TYPES[10]}\r\n\xe4\r\n\xff`,
    `Content-Type: multipart/mixed;\r\n boundary="a\\"b"\r\n\r\n--a"b\r\n\r\nx\r\n--a"b--\r\n`,
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n".repeat(52),
    `A: ${"x".repeat(5000)}\r\n\r\n${"y".repeat(5000)}\r\n`,
    ...chains().map((text) => text.replace(/\r?\n/g, "\r\n")),
  ],
  tokens: [...TYPES, ...BODIES, "boundary=", "--", ";", '"', "\\", "(", ")", "multipart/", "message/", "Content-Type:"],
  generate: aMessage,
  check(input) {
    const text = canonical(input);
    const octets = octetsOf(text);
    const pieces = cut(octets, chanceOf(text));
    const plan = planned([octets]);
    same(planned(pieces), plan, "the plan does not depend on the cuts");
    if (plan.kind === "impossible") {
      holds(
        !isSevenBit(text) || !hasShortLines(text) || plan.why.includes("deep") || plan.why.includes("header"),
        "what is fine is possible",
        plan.why,
      );
      return;
    }
    const result = converted([octets], plan);
    same(converted(pieces, plan), result, "the conversion does not depend on the cuts");
    holds(isSevenBit(result), "what is converted has seven bits");
    holds(!/\r(?!\n)|(?<!\r)\n/.test(result), "and no bare newline");
    holds(result.length <= 4 * text.length + 500 * (plan.leaves.length + 1), "and is bounded", result.length);
    const isLabelled = /^content-transfer-encoding[ \t]*:/im.test(text);
    if (plan.leaves.every((leaf) => leaf === "as-is"))
      same(result === text || isLabelled, true, "as it is is as it is");
    const again = planned([octetsOf(result)]);
    holds(again.kind === "possible", "converted it is a message that can go", again);
    holds(
      again.leaves.every((leaf) => leaf === "as-is"),
      "and nothing is left to do",
      again,
    );
    if (chanceOf(text)() < HUGE_SHARE) checkHugePart(text);
    checkLeaves(text, result, plan);
    const isOne = !/multipart|message|digest/i.test(text) && plan.leaves.length === 1;
    if (isOne && !hasShortLines(bodyOf(text) ?? ""))
      holds(plan.leaves[0] !== "as-is", "long lines are not left as they are");
  },
};

function checkHugePart(text: string): void {
  const part = octetsOf(`A: ${"x\r\n ".repeat(70_000)}\r\n${text}`);
  same(planned([part]).kind, "impossible", "a header beyond its bound is not looked into");
  same(planned(cut(part, chanceOf(text))).kind, "impossible", "however it is cut");
}

/** A message of one part: decoded by other code it is what it was. */
function checkLeaves(text: string, result: string, plan: Extract<Conversion, { kind: "possible" }>): void {
  const [leaf] = plan.leaves;
  if (
    plan.leaves.length !== 1 ||
    leaf === undefined ||
    leaf === "as-is" ||
    /^content-type[ \t]*:[^]*?(?:multipart|message)/im.test(text)
  )
    return;
  const [before, after] = [bodyOf(text), bodyOf(result)];
  if (before === undefined || after === undefined) return;
  const decoded = leaf === "base64" ? Buffer.from(after, "base64").toString("latin1") : fromQuotedPrintable(after);
  same(decoded, before, "decoded the body is what it was");
  holds(hasShortLines(after), "and has short lines");
}

function bodyOf(text: string): string | undefined {
  if (text.startsWith("\r\n")) return text.slice(2);
  const end = text.indexOf("\r\n\r\n");
  return end === -1 ? undefined : text.slice(end + 4);
}

function fromQuotedPrintable(text: string): string {
  return text
    .replaceAll("=\r\n", "")
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

const returned: Target = {
  name: "dsn-returned",
  files: ["core/dsn/returned.ts"],
  lengthMax: 6000,
  seeds: [
    ...FIELDS.map((field) => `${field}Subject: a\r\n\r\nbody`),
    `A: ${"x".repeat(1100)}\r\n\r\n`,
    `A: ${"\xc3\xa4".repeat(600)}\r\nB: c\r\n\r\n`,
    `A: b\n${"\x80".repeat(1100)}\r\n\r\n`,
    "A: b\nC: d\n\nbody\n",
    "\r\nbody",
    "A: b\r\n",
  ],
  tokens: [...FIELDS, "\r\n\r\n", "\n\n", "\r\r", "\0", "x".repeat(999), "\xc3\xa4", "\xf0\x9f\x98\x80"],
  generate: (chance) => `${aHeader(chance)}${oneOf(chance, ["\r\n", "\n", "x".repeat(1000)])}`,
  check(input) {
    const text = textOf(octetsOf(input));
    const octets = octetsOf(text);
    same(hasWholeHeader(octets), text.startsWith("\r\n") || text.includes("\r\n\r\n"), "the end of a header is seen");
    for (const octetsMax of [100, 64 * 1024]) {
      const found = headerOf(octets, octetsMax);
      holds(
        found.kind === "header" && found.octets.length <= octetsMax,
        "what goes back is bounded",
        found.octets.length,
      );
      const back = textOf(found.octets);
      holds(!/\r(?!\n)|(?<!\r)\n|\0/.test(back), "no server refuses it for its lines", back);
      holds(hasShortLines(back), "nor for their length");
      holds(!back.includes("\r\n\r\n") && !back.startsWith("\r\n"), "it is the header alone", back);
      holds(!found.isCut || back === "" || back.endsWith("\r\n"), "whole lines where it is cut", back);
      if (found.mended === undefined && !found.isCut) holds(text.startsWith(back), "unmended it is what came", back);
      same(
        found.mended !== undefined,
        faultIn(octetsOf(headerPart(text))) !== undefined,
        "it is said that it was mended",
      );
    }
    const obstacle = sevenBitObstacle(octetsOf(normalized(text)));
    holds(obstacle === undefined || !isSevenBit(normalized(text)), "seven bits are no obstacle", obstacle);
  },
};

function headerPart(text: string): string {
  const framed = text.indexOf("\r\n\r\n");
  if (text.startsWith("\r\n")) return "";
  return framed === -1 ? text : text.slice(0, framed + 2);
}

export const targets: readonly Target[] = [dataDecoder, dataEncoder, header, addedFields, mime, returned];
