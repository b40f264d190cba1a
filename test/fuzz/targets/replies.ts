import { NO_FEATURES, parseFeatures } from "../../../src/core/outbound/features.ts";
import { retryHint } from "../../../src/core/queue/retry-hint.ts";
import { type MalformedReply, ReplyDecoder, type ServerReply } from "../../../src/core/smtp/reply-decoder.ts";
import type { Chance } from "../../support/chance.ts";
import { hopWords } from "../material.ts";
import { type Target, chanceOf, cut, holds, octetsOf, oneOf, same, some, textOf } from "../target.ts";

// What a next hop says.

const CODES = ["220", "250", "354", "421", "450", "550", "199", "600", "2", "25", "999", "250-", "250 ", "5500"];
const WORDS = ["ok", "5.7.1 no", "2.0.0 ok", "4.2.0", "5.1.1000", "5.01.1", "2.1.5x", "\u00e4", "\xff", "x".repeat(70)];

function aLine(chance: Chance): string {
  return `${oneOf(chance, CODES)}${oneOf(chance, ["-", " ", " ", "", "_"])}${oneOf(chance, WORDS)}${oneOf(chance, ["\r\n", "\r\n", "\n", "\r"])}`;
}

function aReply(chance: Chance): string {
  const code = oneOf(chance, CODES.slice(0, 6));
  return `${some(chance, 4, () => `${code}-${oneOf(chance, WORDS)}\r\n`)}${code} ${oneOf(chance, WORDS)}\r\n`;
}

type Found = ServerReply | MalformedReply;

function decoded(pieces: readonly Uint8Array[]): { readonly replies: Found[]; readonly hasRest: boolean } {
  const decoder = new ReplyDecoder();
  const replies: Found[] = [];
  for (const piece of pieces) {
    decoder.feed(piece);
    for (;;) {
      const reply = decoder.next();
      if (reply === undefined) break;
      replies.push(reply);
      if (reply.kind === "malformed") return { replies, hasRest: false };
    }
  }
  return { replies, hasRest: decoder.hasRest };
}

interface Line {
  readonly code: number;
  readonly separator: string;
  readonly text: string;
}

/** The oracle: lines by splitting, replies by grouping. Undefined from the first line on that is none. */
function expected(text: string): {
  readonly codes: readonly number[];
  readonly texts: readonly string[];
  readonly isMalformed: boolean;
} {
  const lines = text.split("\n").slice(0, -1);
  const codes: number[] = [];
  const texts: string[] = [];
  let open: Line[] = [];
  let seen = 0;
  for (const whole of lines) {
    const line = whole.endsWith("\r") ? whole.slice(0, -1) : whole;
    if (++seen > 5000) return { codes, texts, isMalformed: true };
    if (line === "") continue;
    const found = /^([2-5][0-9]{2})([ -]|$)([^]*)$/.exec(line);
    if (found === null || (open.length > 0 && open[0]!.code !== Number(found[1])))
      return { codes, texts, isMalformed: true };
    open.push({ code: Number(found[1]), separator: found[2]!, text: found[3]! });
    if (found[2] === "-") continue;
    codes.push(Number(found[1]));
    texts.push(open[0]!.text);
    open = [];
    seen = 0;
  }
  return { codes, texts, isMalformed: false };
}

function checkReply(reply: ServerReply, expectedText: string): void {
  const { code, status, lines } = reply;
  holds(Number.isInteger(code) && code >= 200 && code <= 599, "a code is one", code);
  holds(lines.length >= 1 && lines.length <= 100, "lines are bounded", lines.length);
  const characters = lines.reduce((sum, line) => sum + line.length, 0);
  holds(characters <= 4096, "text is bounded", characters);
  holds(
    lines.every((line) => !line.includes("\n")),
    "a line has no end in it",
  );
  if (status !== undefined) {
    holds(/^[245]\.[0-9]{1,3}\.[0-9]{1,3}$/.test(status), "a status is one (RFC 3463 section 2)", status);
    same(status[0], `${code}`[0], "code and status are of one class");
    holds(lines[0]!.startsWith(status), "the status stands in the text", lines);
  }
  const kept = expectedText.slice(0, 2048 - 4);
  if (/^[\0-\x7f]*$/.test(kept) && kept.length <= 2000) same(lines[0], kept, "the text is what was said");
}

const reply: Target = {
  name: "reply",
  files: ["core/smtp/reply-decoder.ts"],
  lengthMax: 12_000,
  seeds: [
    "250 ok\r\n",
    "250-a\r\n250-b\r\n250 c\r\n220 x\r\n",
    "250-a\r\n251 b\r\n",
    "\r\n\r\n250\r\n",
    "250\n250 \n",
    "hello\r\n",
    `250 ${"x".repeat(2100)}\r\n`,
    "250-x\r\n".repeat(110) + "250 y\r\n",
    `${"250-yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n".repeat(90)}250 y\r\n`,
    "\n".repeat(5002),
    "550 5.7.1 no\r\n",
    ...hopWords().map((text) => `${text}\r\n`),
  ],
  tokens: [...CODES, ...WORDS, "-", " ", "\r\n", "\n", "\r", "\r\r\n", "250-x\r\n", "250 x\r\n"],
  generate: (chance) => (chance() < 0.5 ? some(chance, 6, () => aLine(chance)) : some(chance, 4, () => aReply(chance))),
  check(input) {
    const octets = octetsOf(input);
    const whole = decoded([octets]);
    const inPieces = decoded(cut(octets, chanceOf(input)));
    same(inPieces, whole, "however it is cut");
    const { codes, texts, isMalformed } = expected(textOf(octets));
    same(whole.replies.at(-1)?.kind === "malformed", isMalformed, "no reply is none");
    const replies = whole.replies.filter((found) => found.kind === "reply");
    same(
      replies.map(({ code }) => code),
      codes,
      "each reply has its code",
    );
    for (const [at, found] of replies.entries()) checkReply(found, texts[at]!);
    const last = whole.replies.at(-1);
    if (last?.kind === "malformed") holds(last.why.length <= 200, "what is told of it is bounded", last.why.length);
    else same(whole.hasRest, isOpen(textOf(octets)), "what is left is known");
  },
};

/** Something stands behind the last whole reply: a line, or a part of one. */
function isOpen(text: string): boolean {
  const end = text.lastIndexOf("\n") + 1;
  const last = text
    .slice(0, end)
    .split("\n")
    .map((line) => line.replace(/\r$/, ""))
    .filter((line) => line !== "")
    .at(-1);
  return !/^\r?$/.test(text.slice(end)) || (last !== undefined && last[3] === "-");
}

const KEYWORDS = [
  "PIPELINING",
  "SIZE",
  "SIZE 1000",
  "SIZE 0",
  "SIZE x",
  "SIZE 99999999999999999",
  "8BITMIME",
  "SMTPUTF8",
];
const MORE = [
  "DSN",
  "STARTTLS",
  "AUTH PLAIN LOGIN",
  "AUTH=LOGIN",
  "AUTH",
  "CHUNKING",
  "ENHANCEDSTATUSCODES",
  "__proto__",
];

const features: Target = {
  name: "features",
  files: ["core/outbound/features.ts"],
  lengthMax: 2000,
  seeds: [
    [...KEYWORDS, ...MORE].join("\n"),
    "host.test\nSIZE\nsize 10",
    "x\n\nAUTH\tPLAIN",
    "x\nauth=plain\nAUTH login",
  ],
  tokens: [...KEYWORDS, ...MORE, "\n", "\t", " ", "=", "\u0131", "\u017f", "\u00a0"],
  generate: (chance) => `host.test\n${some(chance, 8, () => oneOf(chance, [...KEYWORDS, ...MORE]), "\n")}`,
  check(input) {
    const lines = input.split("\n");
    const found = parseFeatures({ kind: "reply", code: 250, status: undefined, lines });
    same(Object.keys(found).sort(), Object.keys(NO_FEATURES).sort(), "the same is known of every server");
    const said = lines.slice(1).map((line) => line.trim().toUpperCase());
    const offers = (word: string): boolean => said.some((line) => line.split(/[ \t]+/)[0] === word);
    same(found.startTls, offers("STARTTLS"), "STARTTLS is offered where a line says it");
    same(found.pipelining, offers("PIPELINING"), "PIPELINING is offered where a line says it");
    same(found.chunking, offers("CHUNKING"), "CHUNKING is offered where a line says it");
    same(found.dsn, offers("DSN"), "DSN is offered where a line says it");
    same(found.eightBitMime, offers("8BITMIME"), "8BITMIME is offered where a line says it");
    same(found.smtpUtf8, offers("SMTPUTF8"), "SMTPUTF8 is offered where a line says it");
    same(found.enhanced, offers("ENHANCEDSTATUSCODES"), "status codes are offered where a line says it");
    same(found.size === undefined, !offers("SIZE"), "SIZE is offered where a line says it");
    const size = /^SIZE[ \t]+([0-9]{1,15})(?:[ \t]|$)/.exec(
      said.find((line) => /^SIZE(?:[ \t]|$)/.test(line)) ?? "",
    )?.[1];
    if (size !== undefined) same(found.size, Number(size), "the size is the one of the first line");
    holds(
      found.size === undefined || (Number.isSafeInteger(found.size) && found.size >= 0),
      "a size is one",
      found.size,
    );
    for (const mechanism of found.auth) holds(/^[^ \t]+$/.test(mechanism), "a mechanism is a word", mechanism);
    const unequal = lines.slice(1).map((line) =>
      line
        .toUpperCase()
        .replace(/^AUTH=/, "AUTH ")
        .trim(),
    );
    const mechanisms = unequal.flatMap((line) => /^AUTH[ \t]([^]*)$/.exec(line)?.[1]?.split(/[ \t]+/) ?? []);
    same([...found.auth].sort(), [...new Set(mechanisms)].filter((word) => word !== "").sort(), "mechanisms add up");
  },
};

const HINTS = ["try again in ", "retry after ", "greylisted for ", "wait ", "come back later ", "Gray-Listing "];
const SPANS = [
  "300 seconds",
  "5 minutes",
  "1 hour",
  "00:04:32",
  "5m",
  "1s",
  "999999 h",
  "99:59:59",
  "5 m5",
  "1000000 s",
];
const HOUR = 3_600_000;

const hint: Target = {
  name: "retry-hint",
  files: ["core/queue/retry-hint.ts"],
  lengthMax: 5000,
  seeds: HINTS.flatMap((hint) => SPANS.map((span) => `${hint}${span}`)),
  tokens: [...HINTS, ...SPANS, " ", "\n", "minutes", ":", "-", "retry", "again", "0", "later", "x".repeat(39)],
  generate: (chance) => `${oneOf(chance, HINTS)}${oneOf(chance, SPANS)} ${oneOf(chance, HINTS)}${oneOf(chance, SPANS)}`,
  check(input) {
    const lines = input.split("\n");
    for (const planned of [1000, 60_000, 12 * HOUR]) {
      const found = retryHint(lines, planned);
      if (found === undefined) {
        holds(!/^try again in [1-9] minutes$/.test(input), "a plain wish is understood");
        continue;
      }
      holds(found >= Math.min(30_000, planned), "nobody makes us come more often", found, planned);
      holds(found <= 4 * HOUR, "nobody makes us wait for ever", found);
      const text = lines.join(" ");
      holds(/[0-9]/.test(text) && /try|wait|again|gr[ae]y|later|back/i.test(text), "it was said", text);
    }
    const spoken = /^try again in ([0-9]{1,5}) (second|minute)s$/.exec(input);
    if (spoken === null) return;
    const span = Number(spoken[1]) * (spoken[2] === "second" ? 1000 : 60_000);
    same(retryHint(lines, 0), Math.min(4 * HOUR, span), "it is as long as it says");
  },
};

export const targets: readonly Target[] = [reply, features, hint];
