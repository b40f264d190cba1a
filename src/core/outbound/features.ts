import type { ServerReply } from "../smtp/reply-decoder.ts";

/** What a server offers (RFC 5321 section 4.1.1.1). Forgotten when TLS starts: what came in clear is anybody's. */
export interface Features {
  readonly pipelining: boolean;
  /** RFC 1870: undefined where SIZE is not offered, 0 where it is offered without a limit. Octets. */
  readonly size: number | undefined;
  readonly eightBitMime: boolean;
  readonly smtpUtf8: boolean;
  readonly dsn: boolean;
  readonly startTls: boolean;
  /** SASL mechanisms in upper case. */
  readonly auth: ReadonlySet<string>;
  readonly chunking: boolean;
  readonly enhanced: boolean;
}

/** What a server that knows only HELO offers. */
export const NO_FEATURES: Features = {
  pipelining: false,
  size: undefined,
  eightBitMime: false,
  smtpUtf8: false,
  dsn: false,
  startTls: false,
  auth: new Set(),
  chunking: false,
  enhanced: false,
};

/** A limit that is no number says no more than that there is one; the server will tell at MAIL. */
function sizeLimit(value: string | undefined): number {
  const size = value !== undefined && /^[0-9]+$/.test(value) ? Number(value) : 0;
  return Number.isSafeInteger(size) ? size : 0;
}

/** Lines beyond `OUTBOUND.replyLinesMax` are gone by now. Of a keyword given twice the first counts; AUTH adds up. */
export function parseFeatures(reply: ServerReply): Features {
  const keywords = new Map<string, string[]>();
  const auth = new Set<string>();
  for (let i = 1; i < reply.lines.length; i++) {
    // `AUTH=LOGIN` is what servers said before RFC 2554, and some still do.
    const [keyword = "", ...values] = reply.lines[i]!.toUpperCase()
      .replace(/^AUTH=/, "AUTH ")
      .trim()
      .split(/[ \t]+/);
    if (keyword === "AUTH") for (const mechanism of values) auth.add(mechanism);
    if (!keywords.has(keyword)) keywords.set(keyword, values);
  }
  return {
    pipelining: keywords.has("PIPELINING"),
    size: keywords.has("SIZE") ? sizeLimit(keywords.get("SIZE")?.[0]) : undefined,
    eightBitMime: keywords.has("8BITMIME"),
    smtpUtf8: keywords.has("SMTPUTF8"),
    dsn: keywords.has("DSN"),
    startTls: keywords.has("STARTTLS"),
    auth,
    chunking: keywords.has("CHUNKING"),
    enhanced: keywords.has("ENHANCEDSTATUSCODES"),
  };
}
