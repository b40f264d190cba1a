import { CR, LF, concatBytes, isAscii } from "../base/bytes.ts";
import { INBOUND } from "../base/limits.ts";
import { ConversionPlanner } from "../mime/conversion.ts";
import { faultIn } from "../smtp/content-fault.ts";
import { ChunkDecoder } from "../smtp/data-decoder.ts";
import type { Returned } from "./report.ts";

/** Where the first empty line starts, which ends the header; -1 where there is none. */
function emptyLine(octets: Uint8Array): number {
  if (octets[0] === CR && octets[1] === LF) return 0;
  for (let at = octets.indexOf(LF); at !== -1; at = octets.indexOf(LF, at + 1))
    if (octets[at - 1] === CR && octets[at + 1] === CR && octets[at + 2] === LF) return at + 1;
  return -1;
}

/** True where the header ends in these octets, so that no more of the message is needed. */
export function hasWholeHeader(octets: Uint8Array): boolean {
  return emptyLine(octets) !== -1;
}

/**
 * The header section of the message that starts with these octets, in whole lines, at most `octetsMax`; without the
 * empty line behind it. What no server takes is mended: a report that is refused for what it quotes tells nobody.
 */
export function headerOf(octets: Uint8Array, octetsMax: number): Returned {
  const came = untilEmptyLine(octets);
  const mended = faultIn(came);
  // A lone LF may have been meant as a line end, and two as the end of the header.
  const header = mended === undefined ? came : withShortLines(untilEmptyLine(withLineEnds(came)));
  const isCut = header.length > octetsMax;
  return {
    kind: "header",
    octets: isCut ? header.subarray(0, header.lastIndexOf(LF, octetsMax - 1) + 1) : header,
    isCut,
    ...(mended === undefined ? {} : { mended }),
  };
}

function untilEmptyLine(octets: Uint8Array): Uint8Array {
  const end = emptyLine(octets);
  return end === -1 ? octets : octets.subarray(0, end);
}

/** CR LF for what stands alone, and no NUL. */
function withLineEnds(octets: Uint8Array): Uint8Array {
  const pieces: Uint8Array[] = [];
  const decoder = new ChunkDecoder("normalize");
  decoder.decode(octets, 0, pieces);
  decoder.finish(pieces);
  return concatBytes(pieces);
}

/** What is too long of a line stays here. */
function withShortLines(octets: Uint8Array): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (let start = 0; start < octets.length;) {
    const newline = octets.indexOf(LF, start);
    const end = newline === -1 ? octets.length : newline - 1;
    pieces.push(octets.subarray(start, shortened(octets, start, end)));
    if (newline !== -1) pieces.push(octets.subarray(end, newline + 1));
    start = newline === -1 ? octets.length : newline + 1;
  }
  return concatBytes(pieces);
}

/** Not in the middle of a character of UTF-8, which has four octets at most. */
function shortened(octets: Uint8Array, start: number, end: number): number {
  if (end - start <= INBOUND.contentLineOctetsMax) return end;
  const most = start + INBOUND.contentLineOctetsMax;
  for (let at = most; at > most - 4; at--) if ((octets[at]! & 0xc0) !== 0x80) return at;
  return most;
}

/** Why a report with this content could not go to a server without 8BITMIME; undefined where it could. */
export function sevenBitObstacle(content: Uint8Array): string | undefined {
  if (isAscii(content)) return undefined;
  const planner = new ConversionPlanner();
  planner.push(content);
  const conversion = planner.end();
  return conversion.kind === "impossible" ? conversion.why : undefined;
}
