import { expect, test } from "vitest";
import type { BareNewlines } from "../../src/core/smtp/data-decoder.ts";
import { DataDecoder } from "../../src/core/smtp/data-decoder.ts";
import { DataEncoder } from "../../src/core/smtp/data-encoder.ts";
import { EMPTY } from "../../src/core/base/bytes.ts";
import { tally } from "../support/recorded.ts";

const counted = tally("smuggling");

// --- The oracle: RFC 5321 by text search; shares nothing with the decoder. ---
function oracle(input: string): { end: number; content: string | undefined } {
  const framed = `\r\n${input}`;
  const end = framed.indexOf("\r\n.\r\n");
  const raw = framed.slice(2, end + 2); // with the CR LF that belongs to the last line
  const isClean = !/\r(?!\n)|(?<!\r)\n|\0/.test(raw);
  const content = raw
    .split("\r\n")
    .map((line) => line.replace(/^\./, ""))
    .join("\r\n");
  return { end: end + 3, content: isClean ? content : undefined };
}
// --- end of the oracle ---

const octets = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const text = (parts: readonly Uint8Array[]): string => parts.map((p) => String.fromCharCode(...p)).join("");

function* strings(lengthMax: number): Generator<string> {
  const alphabet = ["\r", "\n", ".", "x", "\0"];
  let level = [""];
  for (let length = 1; length <= lengthMax; length++) {
    level = level.flatMap((prefix) => alphabet.map((c) => prefix + c));
    yield* level;
  }
}

function decode(
  input: Uint8Array,
  mode: BareNewlines,
  isByteWise: boolean,
): { at: number; content: string; isAccepted: boolean } {
  const decoder = new DataDecoder(mode);
  const content: Uint8Array[] = [];
  let at = 0;
  if (isByteWise)
    for (; at < input.length && !decoder.done; at++) decoder.decode(input.subarray(at, at + 1), 0, content);
  else at = decoder.decode(input, 0, content);
  expect(decoder.done).toBe(true);
  const { bareNewline, nul, octets: counted } = decoder.facts;
  const decoded = text(content);
  expect(counted).toBe(decoded.length);
  return { at, content: decoded, isAccepted: mode === "normalize" || (!bareNewline && !nul) };
}

function encode(content: Uint8Array, isByteWise: boolean): string {
  const wire: Uint8Array[] = [];
  const encoder = new DataEncoder();
  const pieces = isByteWise ? Array.from(content, (octet) => Uint8Array.of(octet)) : [content];
  for (const piece of pieces) encoder.encode(piece, wire);
  encoder.end(wire);
  return text(wire);
}

const PLACES = [
  {
    name: "in the middle",
    before: "Subject: a\r\n\r\nx",
    after: "y\r\n.\r\n",
    accepted: 724,
    endedEarly: 48,
    endedInside: 48,
  },
  {
    name: "at the start of the body",
    before: "Subject: a\r\n\r\n",
    after: "y\r\n.\r\n",
    accepted: 1453,
    endedEarly: 823,
    endedInside: 823,
  },
  {
    name: "before the end of data",
    before: "Subject: a\r\n\r\nx\r\n",
    after: "\r\n.\r\n",
    accepted: 1453,
    endedEarly: 867, // in 44 of them with the CR LF that follows the string
    endedInside: 823,
  },
];

test.for(PLACES)("every string of up to 7 of CR LF . x NUL $name: one message or none, as the oracle says", (place) => {
  let accepted = 0;
  let endedEarly = 0;
  let endedInside = 0;
  let refused = 0;
  for (const string of strings(7)) {
    const input = octets(place.before + string + place.after);
    const expected = oracle(place.before + string + place.after);
    for (const isByteWise of [false, true]) {
      const strict = decode(input, "reject", isByteWise);
      const isSame =
        strict.at === expected.end &&
        strict.isAccepted === (expected.content !== undefined) &&
        (!strict.isAccepted || strict.content === expected.content);
      if (!isSame) expect.fail(`${JSON.stringify(string)}: ${JSON.stringify({ strict, expected })}`);
      const tolerant = decode(input, "normalize", isByteWise);
      const sent = encode(octets(tolerant.content), isByteWise);
      const isCanonical = !/\r(?!\n)|(?<!\r)\n|\0/.test(sent) && `\r\n${sent}`.indexOf("\r\n.\r\n") === sent.length - 3;
      if (tolerant.at !== expected.end || !isCanonical)
        expect.fail(`${JSON.stringify(string)} normalized: ${JSON.stringify(sent)}`);
    }
    counted.add("placed");
    if (expected.content === undefined) refused++;
    else {
      accepted++;
      if (expected.end < input.length) endedEarly++;
      if (expected.end <= input.length - place.after.length) endedInside++;
    }
  }
  counted.add("accepted", accepted);
  counted.add("refused", refused);
  expect({ accepted, endedEarly, endedInside, total: accepted + refused }).toEqual({
    accepted: place.accepted,
    endedEarly: place.endedEarly,
    endedInside: place.endedInside,
    total: 97_655,
  });
});

test("the sweep notices a decoder that takes LF . CR LF for the end", () => {
  const lenient = "Subject: a\r\n\r\nx\n.\r\ny\r\n.\r\n";
  expect(oracle(lenient).end).not.toBe(lenient.indexOf("\n.\r\n") + 4);
  expect(EMPTY.length).toBe(0);
});
