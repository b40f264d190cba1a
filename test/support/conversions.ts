import { concatBytes, octetText } from "../../src/core/base/bytes.ts";
import { ConversionPlanner, Converter } from "../../src/core/mime/conversion.ts";

// Messages on their way to a server of 7 bits, as texts: a character is an octet.

export const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));
export const lines = (...all: readonly string[]): string => `${all.join("\r\n")}\r\n`;

/** The converted message, or why there is none. `step`: octets of each piece. */
export function converted(message: string, step = 1 << 20): string {
  const content = latin1(message);
  const pieces = Array.from({ length: Math.ceil(content.length / step) }, (_, at) =>
    content.subarray(at * step, (at + 1) * step),
  );
  const planner = new ConversionPlanner();
  for (const piece of pieces) planner.push(piece);
  const plan = planner.end();
  if (plan.kind === "impossible") return `impossible: ${plan.why}`;
  const out: Uint8Array[] = [];
  const converter = new Converter(plan.leaves, (parts) => void out.push(...parts));
  for (const piece of pieces) converter.push(piece);
  converter.end();
  return octetText(concatBytes([new Uint8Array(0), ...out]));
}

/** A body as its header says that it is encoded. Shares nothing with the encoders. */
export function decoded(message: string): string {
  const [header = "", ...rest] = message.split("\r\n\r\n");
  const body = rest.join("\r\n\r\n");
  const encoding = /content-transfer-encoding: (\S+)/i.exec(header)?.[1];
  if (encoding === "base64") return atob(body.replaceAll("\r\n", ""));
  if (encoding !== "quoted-printable") return body;
  return body
    .replaceAll("=\r\n", "")
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
