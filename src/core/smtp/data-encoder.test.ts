import * as fc from "fast-check";
import { expect, test } from "vitest";
import { concatBytes, octetText, utf8 } from "../base/bytes.ts";
import { DataDecoder } from "./data-decoder.ts";
import { DataEncoder } from "./data-encoder.ts";

function encoded(pieces: readonly string[]): string {
  const encoder = new DataEncoder();
  const parts: Uint8Array[] = [];
  for (const piece of pieces) encoder.encode(utf8(piece), parts);
  encoder.end(parts);
  return octetText(concatBytes(parts));
}

test.each([
  ["", ".\r\n"],
  ["x\r\n", "x\r\n.\r\n"],
  ["x", "x\r\n.\r\n"],
  [".", "..\r\n.\r\n"],
  [".x\r\n..y\r\n", "..x\r\n...y\r\n.\r\n"],
  ["x\r\n\r\n", "x\r\n\r\n.\r\n"],
  ["x.y\r\n.", "x.y\r\n..\r\n.\r\n"],
  // What reception lets nobody bring: the end is sure all the same.
  ["x\n.\nx\n", "x\n..\nx\n\r\n.\r\n"],
  ["x\r", "x\r\r\n.\r\n"],
])("%j goes out as %j", (content, wire) => {
  expect(encoded([content])).toBe(wire);
});

const content = fc.array(fc.constantFrom("\r\n", ".", "x", "..", ".\r\n")).map((parts) => parts.join(""));

test("does not depend on how the content is cut", () => {
  fc.assert(
    fc.property(content, fc.nat(), (text, at) => {
      const cut = at % (text.length + 1);
      expect(encoded([text.slice(0, cut), text.slice(cut)])).toBe(encoded([text]));
      expect(encoded(text.split(""))).toBe(encoded([text]));
    }),
  );
  expect(encoded(["x\r", "\n"])).toBe("x\r\n.\r\n");
  expect(encoded(["x", "\n"])).toBe("x\n\r\n.\r\n");
});

test("decoding gives the content back, with its last line ended", () => {
  fc.assert(
    fc.property(content, (text) => {
      const decoder = new DataDecoder("reject");
      const parts: Uint8Array[] = [];
      const wire = utf8(encoded([text]));
      expect(decoder.decode(wire, 0, parts)).toBe(wire.length);
      expect(decoder.done).toBe(true);
      const ended = text === "" || text.endsWith("\r\n") ? text : `${text}\r\n`;
      expect(octetText(concatBytes([new Uint8Array(0), ...parts]))).toBe(ended);
    }),
  );
});
