// RFC 2045 sections 6.7 and 6.8 as the simulated servers read them. It shares nothing with the relay.

const LINE_CHARACTERS_MAX = 76;
const CRLF = "\r\n";

/** Undefined where it is none. Stricter than readers are: who writes it has to keep to all of the rules. */
export function decodedQuotedPrintable(text: string): Buffer | undefined {
  let decoded = "";
  const lines = text.split(CRLF);
  for (const [at, line] of lines.entries()) {
    const isSoft = line.endsWith("=");
    const words = isSoft ? line.slice(0, -1) : line;
    if (line.length > LINE_CHARACTERS_MAX || (!isSoft && /[ \t]$/.test(line))) return undefined;
    if (!/^(?:[\t -<>-~]|=[0-9A-F]{2})*$/.test(words)) return undefined;
    decoded += words.replace(/=(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
    if (!isSoft && at < lines.length - 1) decoded += CRLF;
  }
  return Buffer.from(decoded, "latin1");
}

/** Undefined where it is none. */
export function decodedBase64(text: string): Buffer | undefined {
  const lines = text.split(CRLF);
  if (lines.some((line) => line.length > LINE_CHARACTERS_MAX)) return undefined;
  const letters = lines.join("");
  if (letters.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(letters)) return undefined;
  return Buffer.from(letters, "base64");
}

/** Octets of a body in these encodings, with the lines that they are broken into. */
export function octetsEncoded(body: Uint8Array): { readonly quotedPrintable: number; readonly base64: number } {
  let quotedPrintable = 0;
  let column = 0;
  for (const octet of body) {
    const isPlain = octet === 10 || octet === 13 || octet === 9 || (octet >= 32 && octet < 127 && octet !== 61);
    const characters = isPlain ? 1 : 3;
    column = octet === 10 ? 0 : column + characters;
    quotedPrintable += characters;
    if (column < LINE_CHARACTERS_MAX) continue;
    quotedPrintable += 3; // a soft end of line
    column = characters;
  }
  const letters = 4 * Math.ceil(body.length / 3);
  return { quotedPrintable, base64: letters + 2 * Math.ceil(letters / LINE_CHARACTERS_MAX) };
}
