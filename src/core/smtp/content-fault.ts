import { INBOUND } from "../base/limits.ts";
import { ChunkDecoder, type ContentFacts } from "./data-decoder.ts";

/** What of content no server has to take, and many refuse: what a lone CR or LF means to a next hop is what smuggling lives on. */
export function contentFault({
  nul,
  bareNewline,
  longestLine,
}: Pick<ContentFacts, "nul" | "bareNewline" | "longestLine">): string | undefined {
  if (nul) return "a NUL";
  if (bareNewline) return "a CR or LF alone";
  return longestLine > INBOUND.contentLineOctetsMax ? `a line of ${longestLine} octets` : undefined;
}

/** The same of octets that are all there. */
export function faultIn(octets: Uint8Array): string | undefined {
  const checked = new ChunkDecoder("reject");
  checked.decode(octets, 0, []);
  checked.finish([]);
  return contentFault(checked.facts);
}
