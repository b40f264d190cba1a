import { octetText, utf8 } from "../base/bytes.ts";
import type { ServerReply } from "../smtp/reply-decoder.ts";
import { type PasswordAttempt, encodeBase64, plainResponse } from "../smtp/sasl.ts";

const SECRET_CHARACTERS_MIN = 4; // shorter ones are in every text
const REDACTED = "[redacted]";
const ENHANCED = /^[245]\.[0-9]{1,3}\.[0-9]{1,3}(?: |$)/;
const HEX = /^[0-9a-f]+$/;

/** Keeps passwords out of what is shown: some servers quote the line that they refuse, and that may be ours. */
export class Redaction {
  readonly #secrets: readonly string[];
  readonly #needles: readonly string[];

  constructor(credentials: PasswordAttempt) {
    this.#secrets = secretsOf(credentials);
    this.#needles = this.#secrets.map(needleOf).filter((needle) => needle.length >= SECRET_CHARACTERS_MIN);
  }

  /** Without what AUTH sent, wherever it stands as it was sent. */
  clear(reply: ServerReply): ServerReply {
    if (!reply.lines.some((line) => this.#secrets.some((secret) => line.includes(secret)))) return reply;
    return { ...reply, lines: reply.lines.map((line) => this.#cleared(line)) };
  }

  /** For an answer to AUTH: also where it is encoded otherwise, or broken. */
  clearAll(reply: ServerReply): ServerReply {
    let lines = reply.lines.map((line) => this.clearText(line));
    // Broken over lines it is in none of them.
    if (this.#hides(lines.map((line) => line.replace(ENHANCED, "")).join(""))) lines = lines.map(redacted);
    return lines.every((line, at) => line === reply.lines[at]) ? reply : { ...reply, lines };
  }

  /** Any text of ours that may quote the server. */
  clearText(text: string): string {
    const cleared = this.#cleared(text);
    return this.#hides(cleared) ? redacted(cleared) : cleared;
  }

  #cleared(line: string): string {
    return this.#secrets.reduce((text, secret) => text.replaceAll(secret, REDACTED), line);
  }

  /** The text is made plain, and then looked through. */
  #hides(text: string): boolean {
    const squeezed = text.replaceAll(/\s/g, "");
    return [squeezed, percentDecoded(squeezed)].some((plain) => {
      const base64 = plain.replaceAll("-", "+").replaceAll("_", "/"); // RFC 4648 section 5
      const lower = plain.toLowerCase();
      return this.#needles.some(
        (needle) => plain.includes(needle) || base64.includes(needle) || (HEX.test(needle) && lower.includes(needle)),
      );
    });
  }
}

/** Everything that an AUTH exchange sends, and forms in which servers quote it. */
function secretsOf(credentials: PasswordAttempt): readonly string[] {
  const { password } = credentials;
  const octets = utf8(password);
  const sent = [plainResponse(credentials), encodeBase64(octets), password];
  // The password octet by octet, as percent-decoding gives it, and in hex.
  const quoted = password.length < SECRET_CHARACTERS_MIN ? [] : [octetText(octets), hexOf(octets)];
  return [...new Set([...sent, ...quoted])].filter((secret) => secret.length >= SECRET_CHARACTERS_MIN);
}

function hexOf(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
}

function redacted(line: string): string {
  return `${ENHANCED.exec(line)?.[0] ?? ""}${REDACTED}`;
}

/** Without white space, and without the padding of base64. */
function needleOf(secret: string): string {
  return secret.replaceAll(/\s/g, "").replace(/=+$/, "");
}

/** A character for each octet. */
function percentDecoded(text: string): string {
  return text.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
