import { faultIn } from "../../../src/core/smtp/content-fault.ts";
import {
  type BareNewlines,
  ChunkDecoder,
  type ContentFacts,
  DataDecoder,
} from "../../../src/core/smtp/data-decoder.ts";
import { DataEncoder } from "../../../src/core/smtp/data-encoder.ts";
import type { Chance } from "../../support/chance.ts";
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

export const targets: readonly Target[] = [dataDecoder, dataEncoder];
