import { type Conversion, ConversionPlanner, Converter } from "../../../src/core/mime/conversion.ts";
import type { Chance } from "../../support/chance.ts";
import { HUGE_SHARE, hasShortLines, isSevenBit, normalized } from "../content.ts";
import { chains } from "../material.ts";
import { type Target, chanceOf, cut, holds, joined, octetsOf, oneOf, same, some, textOf } from "../target.ts";

// What parts a message has, and how they are made fit for seven bits.

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

export const targets: readonly Target[] = [mime];
