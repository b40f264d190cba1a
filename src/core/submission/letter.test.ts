import { spawnSync } from "node:child_process";
import { execPath } from "node:process";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { octetText, utf8 } from "../base/bytes.ts";
import { MiB } from "../base/limits.ts";
import { DataEncoder } from "../smtp/data-encoder.ts";
import { HeaderExaminer } from "../mail/header.ts";
import { contentOf, readLetter, valuesOf, without } from "./letter.ts";

const MISSING = {
  from: { address: "u@h.test", name: "" },
  date: "Sat, 21 Nov 2026 23:05:39 +0000",
  messageId: "i@h.test",
};
const COMPLETE = "From: a@b.test\r\nDate: x\r\nMessage-ID: <y>\r\n";

function read(text: string, endsAtDot = true) {
  const found = readLetter(utf8(text), { endsAtDot });
  if (found.kind === "malformed") throw new Error(found.why);
  return found.letter;
}

function whole(text: string, endsAtDot = true, missing = MISSING): string {
  return octetText(contentOf(read(text, endsAtDot), missing));
}

test.each<[name: string, input: string, output: string]>([
  ["LF", "From: a@b.test\nDate: x\nMessage-ID: <y>\n\nhi\n", `${COMPLETE}\r\nhi\r\n`],
  ["CR LF", `${COMPLETE}\r\nhi\r\n`, `${COMPLETE}\r\nhi\r\n`],
  ["both, and CR CR LF", "From: a@b.test\r\r\nDate: x\nMessage-ID: <y>\r\n\nhi\r\r\n", `${COMPLETE}\r\nhi\r\n`],
  ["no end of the last line", `${COMPLETE}\r\nhi`, `${COMPLETE}\r\nhi\r\n`],
  ["CR within a line of the body", `${COMPLETE}\r\n10%\r20%\rdone\n`, `${COMPLETE}\r\n10%\r\n20%\r\ndone\r\n`],
  ["a dot ends it", `${COMPLETE}\r\nhi\n.\nmore\n`, `${COMPLETE}\r\nhi\r\n`],
  ["a line that begins with a dot does not", `${COMPLETE}\r\n..\n.x\n`, `${COMPLETE}\r\n..\r\n.x\r\n`],
  ["mbox", `From a@b.test Sat Nov 21 23:05:39 2026\n${COMPLETE}\r\nhi\n`, `${COMPLETE}\r\nhi\r\n`],
  ["a field that is folded", `X-A: b\n\tc\n${COMPLETE}\n`, `X-A: b\r\n\tc\r\n${COMPLETE}\r\n`],
  ["the body begins without an empty line", `${COMPLETE}hello there\n`, `${COMPLETE}\r\nhello there\r\n`],
])("%s", (_, input, output) => {
  expect(whole(input)).toBe(output);
});

test("with -i a line that is a dot is a line", () => {
  expect(whole(`${COMPLETE}\nhi\n.\nmore\n`, false)).toBe(`${COMPLETE}\r\nhi\r\n.\r\nmore\r\n`);
});

test("what is missing is added before what is there, and no header is one of its own", () => {
  const added = "From: u@h.test\r\nDate: Sat, 21 Nov 2026 23:05:39 +0000\r\nMessage-ID: <i@h.test>\r\n";
  expect(whole("just text\nmore\n")).toBe(`${added}\r\njust text\r\nmore\r\n`);
  expect(whole(" x: y\n")).toBe(`${added}\r\n x: y\r\n`);
  expect(whole("")).toBe(`${added}\r\n`);
  expect(whole("Subject: s\n")).toBe(`${added}Subject: s\r\n\r\n`);
  expect(whole("DKIM-Signature: s\n\nx")).toBe("DKIM-Signature: s\r\n\r\nx\r\n");
});

test.each([
  ["Ann Bee", 'From: "Ann Bee"\r\n <u@h.test>'],
  ['A "B" \\ <x@y.test>, c', 'From: "A \\"B\\" \\\\ <x@y.test>, c"\r\n <u@h.test>'],
  ["A\r\nBcc: x@y.test", 'From: "A\\\\x0d\\\\x0aBcc: x@y.test"\r\n <u@h.test>'],
  ["Ann Bée", "From: =?utf-8?Q?Ann=20B=C3=A9e?=\r\n <u@h.test>"],
  ["=?utf-8?Q?x?=", "From: =?utf-8?Q?=3D=3Futf-8=3FQ=3Fx=3F=3D?=\r\n <u@h.test>"],
  ["   ", "From: u@h.test"],
])("the name %j cannot be more than a name", (name, field) => {
  expect(whole("", true, { ...MISSING, from: { address: "u@h.test", name } })).toContain(`${field}\r\nDate:`);
});

test("a long name is words that fit, and no character is cut", () => {
  const text = whole("", true, { ...MISSING, from: { address: "u@h.test", name: "é".repeat(300) } });
  const lines = text.split("\r\n").filter((line) => line.includes("=?utf-8"));
  expect(lines.length).toBeGreaterThan(5);
  for (const line of lines) expect(line.replace("From: ", "")).toMatch(/^ ?=\?utf-8\?Q\?(=C3=A9|=E2=80=A6)+\?=$/);
});

test.each([
  ["X: a\0b\n", "there is a NUL in it, which no mail may have"],
  ["Subject: a\rBcc: x@y.test\n\n", "line 1, in the header, has a CR that ends no line"],
  [
    `Subject: a\n\n${"x".repeat(999)}\n`,
    /^line 3 has 999 octets, and mail has lines of 998 at most: let the program encode it/,
  ],
  [`Subject: a\n\nb\r${"x".repeat(1200)}\n`, /^line 3 has 1200 octets/],
])("%j is refused, and why", (text, why) => {
  const found = readLetter(utf8(text), { endsAtDot: true });
  expect(found).toEqual({ kind: "malformed", why: typeof why === "string" ? why : expect.stringMatching(why) });
});

test("fields are found whatever their case, folds and gap before the colon; Bcc goes", () => {
  const letter = read("To: a@b.test,\n c@d.test\nBCC : e@f.test\n g@h.test\nbcc: i@j.test\nX: y\n\nBcc: body\n");
  expect(valuesOf(letter, "to")).toEqual([" a@b.test, c@d.test"]);
  expect(valuesOf(letter, "bcc")).toEqual([" e@f.test g@h.test", " i@j.test"]);
  expect(octetText(contentOf(without(letter, ["bcc"]), MISSING))).toMatch(
    /^From: [^]*\r\nTo: a@b\.test,\r\n c@d\.test\r\nX: y\r\n\r\nBcc: body\r\n$/,
  );
});

test("whatever comes in is refused or canonical: CR LF alone, lines of 998, one header as reception sees it", () => {
  const pieces = fc.constantFrom("a", ":", " ", "\t", ".", "\r", "\n", "\r\n", "To: x", "\0", "x".repeat(500), "é");
  fc.assert(
    fc.property(fc.array(pieces), fc.boolean(), (parts, endsAtDot) => {
      const found = readLetter(utf8(parts.join("")), { endsAtDot });
      if (found.kind === "malformed") return;
      const content = contentOf(found.letter, MISSING);
      expect(octetText(content)).toMatch(/^(?:[^\r\n\0]{0,998}\r\n)+$/);
      const examiner = new HeaderExaminer();
      examiner.examine(content);
      expect(examiner.finish()).toMatchObject({ needsSeparator: false, hasDate: true, hasMessageId: true });
      const wire: Uint8Array[] = [];
      new DataEncoder().encode(content, wire);
      expect(wire.map(octetText).join("")).not.toContain("\r\n.\r\n");
    }),
    { numRuns: 500 },
  );
});

// Attack law L4: linear, also in memory. A list of these lines has some 100 octets of heap for each; a process of its own has
// a heap that cannot hold that, whatever else the tests leave in theirs. What the body is copied into is no part of it.
test("a message of nothing but line ends takes memory by its octets, not a hundred times that", () => {
  const code = `
    const { readLetter } = await import(${JSON.stringify(new URL("letter.ts", import.meta.url).href)});
    const read = readLetter(new Uint8Array(${4 * MiB}).fill(0x0a), { endsAtDot: false });
    console.log(read.letter.body.length);`;
  const heap = "--max-old-space-size=64";
  const { stdout, status } = spawnSync(execPath, [heap, "--input-type=module", "-e", code], {
    encoding: "utf8",
  });
  expect([status, Number(stdout)]).toEqual([0, 2 * (4 * MiB - 1)]); // the first ends the header
});
