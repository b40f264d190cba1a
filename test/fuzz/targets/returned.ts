import { headerOf, hasWholeHeader, sevenBitObstacle } from "../../../src/core/dsn/returned.ts";
import { faultIn } from "../../../src/core/smtp/content-fault.ts";
import { FIELDS, aHeader, hasShortLines, isSevenBit, normalized } from "../content.ts";
import { type Target, holds, octetsOf, oneOf, same, textOf } from "../target.ts";

// What goes back with a report.

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

export const targets: readonly Target[] = [returned];
