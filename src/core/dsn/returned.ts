import { CR, LF, isAscii } from "../base/bytes.ts";
import { ConversionPlanner } from "../mime/conversion.ts";
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
 * empty line behind it.
 */
export function headerOf(octets: Uint8Array, octetsMax: number): Returned {
  const end = emptyLine(octets);
  const header = end === -1 ? octets : octets.subarray(0, end);
  if (header.length <= octetsMax) return { kind: "header", octets: header, isCut: false };
  return { kind: "header", octets: header.subarray(0, header.lastIndexOf(LF, octetsMax - 1) + 1), isCut: true };
}

/** Why a report with this content could not go to a server without 8BITMIME; undefined where it could. */
export function sevenBitObstacle(content: Uint8Array): string | undefined {
  if (isAscii(content)) return undefined;
  const planner = new ConversionPlanner();
  planner.push(content);
  const conversion = planner.end();
  return conversion.kind === "impossible" ? conversion.why : undefined;
}
