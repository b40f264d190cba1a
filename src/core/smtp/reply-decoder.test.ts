import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes, utf8 } from "../base/bytes.ts";
import { MiB, OUTBOUND } from "../base/limits.ts";
import { type MalformedReply, ReplyDecoder, type ServerReply } from "./reply-decoder.ts";

type Decoded = ServerReply | MalformedReply;

function decodeAll(pieces: readonly Uint8Array[]): Decoded[] {
  const decoder = new ReplyDecoder();
  const all: Decoded[] = [];
  for (const piece of pieces) {
    decoder.feed(piece);
    for (let decoded = decoder.next(); decoded !== undefined; decoded = decoder.next()) {
      all.push(decoded);
      if (decoded.kind === "malformed") return all;
    }
  }
  return all;
}

const decode = (text: string): Decoded[] => decodeAll([utf8(text)]);
const reply = (code: number, lines: string[], status?: string): ServerReply => ({ kind: "reply", code, status, lines });

function cut(octets: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (let i = 0; at < octets.length; i++) {
    const size = sizes.length === 0 ? octets.length : sizes[i % sizes.length]!;
    pieces.push(octets.slice(at, at + size));
    at += size;
  }
  return pieces;
}

describe("what is a reply", () => {
  test.each<[string, ServerReply[]]>([
    ["250 ok\r\n", [reply(250, ["ok"])]],
    ["250\r\n", [reply(250, [""])]],
    ["250 \r\n", [reply(250, [""])]],
    ["250-a\r\n250-\r\n250 b\r\n", [reply(250, ["a", "", "b"])]],
    ["250-a\r\n250\r\n", [reply(250, ["a", ""])]],
    ["\r\n\n250 ok\r\n\r\n220 hi\r\n", [reply(250, ["ok"]), reply(220, ["hi"])]],
    ["250-a\r\n\r\n250 b\r\n", [reply(250, ["a", "b"])]],
    ["250 ok\n550 no\n", [reply(250, ["ok"]), reply(550, ["no"])]],
    ["250 one\r250 two\r\n", [reply(250, ["one\r250 two"])]],
    ["599 x\r\n", [reply(599, ["x"])]],
    ["250 caf\u00e9 \u202e\u001b[0m \0\r\n", [reply(250, ["caf\u00e9 \u202e\u001b[0m \0"])]],
  ])("%j", (text, expected) => {
    expect(decode(text)).toEqual(expected);
  });

  test.each([
    ["25\r\n"],
    ["2500 ok\r\n"],
    ["abc\r\n"],
    ["000 x\r\n"],
    ["100 x\r\n"],
    ["199 x\r\n"],
    ["600 x\r\n"],
    ["850 x\r\n"],
    [" 250 ok\r\n"],
    ["250\tok\r\n"],
    ["2x0 ok\r\n"],
    ["-50 ok\r\n"],
    ["\r\r\n"],
    ["SSH-2.0-OpenSSH_9.7\r\n"],
    ["HTTP/1.1 400 Bad Request\r\n"],
    ["250-a\r\n550 b\r\n"],
    ["250-a\r\nb\r\n"],
  ])("%j is none", (text) => {
    expect(decode(text).map((d) => d.kind)).toEqual(["malformed"]);
  });

  test("UTF-8 is read as that, also where a line is cut within a character", () => {
    for (const shift of ["", "a"]) {
      const [decoded] = decodeAll([utf8(`250 ${shift}${"ü".repeat(OUTBOUND.replyLineOctetsMax)}\r\n`)]);
      expect(decoded).toMatchObject({ lines: [expect.stringMatching(/^a?ü+$/)] });
    }
  });

  test("octets that are not UTF-8 stay what they are", () => {
    const octets = concatBytes([utf8("250 "), new Uint8Array([0xe9, 0x80]), utf8("\r\n")]);
    expect(decodeAll([octets])).toEqual([reply(250, ["\u00e9\u0080"])]);
  });

  test("an unfinished reply is none", () => {
    expect(decode("250 ok")).toEqual([]);
    expect(decode("250 ok\r")).toEqual([]);
    expect(decode("250-ok\r\n")).toEqual([]);
  });
});

describe("the enhanced code", () => {
  test.each([
    ["550 5.1.1 no such user", "5.1.1"],
    ["550 5.7.2", "5.7.2"],
    ["250 2.0.0 ok", "2.0.0"],
    ["421 4.10.255 x", "4.10.255"],
    ["250 5.0.0 no", undefined],
    ["550 2.1.5 ok", undefined],
    ["550 5.999999.1 x", undefined],
    ["550 5.1.01 x", undefined],
    ["550 5.1.1x", undefined],
    ["550 5.1 x", undefined],
    ["550 x 5.1.1", undefined],
    ["354 3.0.0 x", undefined],
  ])("%j", (line, status) => {
    const [decoded] = decode(`${line}\r\n`);
    expect(decoded).toMatchObject({ kind: "reply", code: Number(line.slice(0, 3)), status });
  });

  test("stands in the first line of several", () => {
    expect(decode("550-5.1.1 a\r\n550 5.1.2 b\r\n")).toEqual([reply(550, ["5.1.1 a", "5.1.2 b"], "5.1.1")]);
  });
});

describe("bounds", () => {
  test("of a long line the start is kept", () => {
    const [decoded] = decode(`250 ${"x".repeat(1_000_000)}\r\n`);
    expect(decoded).toEqual(reply(250, ["x".repeat(OUTBOUND.replyLineOctetsMax - 4)]));
  });

  test("of a long reply 4096 characters are kept", () => {
    const [decoded] = decode(`${`250-${"x".repeat(1000)}\r\n`.repeat(1000)}250 end\r\n`);
    const lines = (decoded as ServerReply).lines;
    expect(lines.join("").length).toBe(OUTBOUND.replyTextMax);
  });

  test("of many lines the first hundred are kept", () => {
    const [decoded] = decode(`${"250-a\r\n".repeat(OUTBOUND.replyLinesFloodMax - 1)}250 end\r\n`);
    expect((decoded as ServerReply).lines.length).toBe(OUTBOUND.replyLinesMax);
  });

  test("a reply without an end is none, nor is a flood of blank lines", () => {
    expect(decode("250-a\r\n".repeat(OUTBOUND.replyLinesFloodMax + 1))).toMatchObject([{ kind: "malformed" }]);
    expect(decode("\r\n".repeat(OUTBOUND.replyLinesFloodMax + 1))).toMatchObject([{ kind: "malformed" }]);
  });

  test("nor is one of too many octets, in lines or in one without an end, however it is cut", () => {
    const endless = [
      `250-${"x".repeat(2000)}\r\n`.repeat(2000),
      `250 ${"x".repeat(3 * MiB)}`,
      `250 ${"x".repeat(3 * MiB)}\r\n`,
    ];
    for (const text of endless)
      expect(decode(text)).toMatchObject([{ kind: "malformed", why: "a reply without an end" }]);
    const decoder = new ReplyDecoder();
    decoder.feed(utf8("250 "));
    expect(decoder.next()).toBeUndefined();
    const piece = utf8("x".repeat(64 * 1024));
    let pieces = 0;
    do decoder.feed(piece);
    while (decoder.next() === undefined && pieces++ < 1000);
    expect(pieces).toBe(OUTBOUND.replyOctetsFloodMax / piece.length - 1);
  });
});

describe("hasRest", () => {
  test.each([
    ["250 ok\r\n", false],
    ["250 ok\r\n2", true],
    ["250 ok\r\n250-x\r\n", true],
    ["250 ok\r\n250 x\r\n", true],
  ])("%j after one reply: %s", (text, hasRest) => {
    const decoder = new ReplyDecoder();
    decoder.feed(utf8(text));
    expect(decoder.next()).toMatchObject({ code: 250 });
    expect(decoder.hasRest).toBe(hasRest);
  });

  test("a blank line behind a reply is none of it, wherever it is cut", () => {
    for (const [pieces, hasRest] of [
      [["250 ok\r\n\r\n"], false],
      [["250 ok\r\n\r"], false],
      [["250 ok\r\n\r", "\n"], false],
      [["250 ok\r\n\r", "2"], true],
    ] as const) {
      const decoder = new ReplyDecoder();
      for (const piece of pieces) {
        decoder.feed(utf8(piece));
        while (decoder.next() !== undefined);
      }
      expect(decoder.hasRest).toBe(hasRest);
    }
  });
});

const token = fc.constantFrom(
  "250 ok",
  "250-a",
  "550 5.1.1 no",
  "\r",
  "\n",
  "\r\n",
  "\r\n",
  "2",
  "abc",
  "é",
  "\0",
  "x".repeat(2045),
);

test("property: the cut does not matter", () => {
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.array(token, { maxLength: 40 }).map((tokens) => utf8(tokens.join(""))),
  );
  fc.assert(
    fc.property(octets, fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 5 }), (whole, sizes) => {
      const expected = decodeAll([whole]);
      expect(decodeAll(cut(whole, sizes))).toEqual(expected);
      expect(decodeAll(cut(whole, [1]))).toEqual(expected);
    }),
    { numRuns: 500 },
  );
});
