import { expect, test } from "vitest";
import type { BareNewlines } from "../../src/core/smtp/data-decoder.ts";
import { DataDecoder } from "../../src/core/smtp/data-decoder.ts";
import { DataEncoder } from "../../src/core/smtp/data-encoder.ts";
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

interface Place {
  readonly name: string;
  readonly before: string;
  readonly after: string;
  readonly accepted: number;
  readonly endedEarly: number;
  readonly endedInside: number;
}

const PLACES: readonly Place[] = [
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

/** What is on the wire behind DATA, up to the end that a server sees, without the dots that the client put there. */
function unstuffed(wire: string): string {
  const end = `\r\n${wire}`.indexOf("\r\n.\r\n");
  expect(end).toBe(wire.length - 3); // and nothing behind it
  return wire.slice(0, end).replaceAll(/^\./gm, "");
}

/** Every string of up to so many characters there. Throws at the first that the decoder or the encoder takes for something else than the oracle. */
function sweep(place: Place, length: number, decodeBy = decode, encodeBy = encode) {
  const found = { placed: 0, accepted: 0, refused: 0, endedEarly: 0, endedInside: 0 };
  for (const string of strings(length)) {
    const input = octets(place.before + string + place.after);
    const expected = oracle(place.before + string + place.after);
    for (const isByteWise of [false, true]) {
      const strict = decodeBy(input, "reject", isByteWise);
      const isSame =
        strict.at === expected.end &&
        strict.isAccepted === (expected.content !== undefined) &&
        (!strict.isAccepted || strict.content === expected.content);
      if (!isSame) throw new Error(`${JSON.stringify(string)}: ${JSON.stringify({ strict, expected })}`);
      const tolerant = decodeBy(input, "normalize", isByteWise);
      if (tolerant.at !== expected.end) throw new Error(`${JSON.stringify(string)} normalized ends at ${tolerant.at}`);
      for (const { content } of strict.isAccepted ? [strict, tolerant] : [tolerant]) {
        const sent = encodeBy(octets(content), isByteWise);
        const isCanonical = !/\r(?!\n)|(?<!\r)\n|\0/.test(sent);
        if (!isCanonical || unstuffed(sent) !== content)
          throw new Error(`${JSON.stringify(string)} goes out as ${JSON.stringify(sent)}`);
      }
    }
    found.placed++;
    if (expected.content === undefined) found.refused++;
    else {
      found.accepted++;
      if (expected.end < input.length) found.endedEarly++;
      if (expected.end <= input.length - place.after.length) found.endedInside++;
    }
  }
  return found;
}

test.for(PLACES)("every string of up to 7 of CR LF . x NUL $name: one message or none, as the oracle says", (place) => {
  const found = sweep(place, 7);
  for (const name of ["placed", "accepted", "refused"] as const) counted.add(name, found[name]);
  const { accepted, endedEarly, endedInside } = place;
  expect(found).toEqual({ placed: 97_655, accepted, refused: 97_655 - accepted, endedEarly, endedInside });
});

const lenient: typeof decode = (input, mode, isByteWise) => {
  const text = input.reduce((all, octet) => all + String.fromCharCode(octet), "");
  return decode(octets(text.replaceAll(/(?<!\r)\n\.\r\n/g, "\r\n.\r\n")), mode, isByteWise);
};
const rewriting: typeof decode = (input, mode, isByteWise) => {
  const decoded = decode(input, mode, isByteWise);
  return { ...decoded, content: decoded.content.replaceAll("x", "y") };
};
const unstuffing: typeof encode = (content, isByteWise) => encode(content, isByteWise).replaceAll(/^\.\./gm, ".");
const dropping: typeof encode = (content, isByteWise) => encode(content, isByteWise).replaceAll("x", "");

test.each([
  ["a decoder that takes LF . CR LF for the end", lenient, encode],
  ["a decoder that hands on something else", rewriting, encode],
  ["an encoder that stuffs no dots", decode, unstuffing],
  ["an encoder that leaves something out", decode, dropping],
])("the sweep finds %s", (_, decodeBy, encodeBy) => {
  expect(() => sweep(PLACES[1]!, 7, decodeBy, encodeBy)).toThrow(/ normalized | goes out as |: \{/);
  counted.add("plantedFound");
});
