import type { Answer, Place, RawAnswer, Script } from "./scripted-host.ts";

// ATTACKS 17 as a table: what a next hop does wrong, and what has to become of each recipient.

export interface Cell {
  readonly isTls: boolean;
  readonly isPipelined: boolean;
  readonly recipients: number;
}

export type Fate = "delivered" | "deferred" | "failed";

export interface Row {
  /** Of the catalogue. */
  readonly id: string;
  readonly what: string;
  /** Made anew for each cell. */
  readonly script: (cell: Cell) => Script;
  /** One for all recipients, or one for each. */
  readonly fate: Fate | readonly Fate[] | ((cell: Cell) => Fate);
  /** Instead of the cell's. */
  readonly recipients?: number;
  /** Further words of EHLO. */
  readonly keywords?: readonly string[];
  /** The relay has a password for it. */
  readonly hasLogin?: boolean;
  /** Of the message's body. */
  readonly octets?: number;
  /** Whether it may have been taken: the host had all of it, and what it said is no answer. */
  readonly isInDoubt?: boolean | "maybe";
  /** What it must not hear. */
  readonly neverHears?: RegExp;
}

const MiB = 1024 * 1024;

export function raw(octets: string, after?: RawAnswer["after"]): RawAnswer {
  return { octets, ...(after === undefined ? {} : { after }) };
}

/** EHLO as a session that stands asks for it: after TLS where there is TLS. */
function isAt(place: Place, at: Place, isTls: boolean, cell: Cell): boolean {
  return place === at && (at !== "EHLO" || isTls === cell.isTls);
}

function says(at: Place, answer: Answer): Row["script"] {
  return (cell) => (place, told) => (isAt(place, at, told.isTls, cell) ? answer : undefined);
}

/** `a b` of EHLO. */
function ehlo(cell: Cell, lines: readonly string[]): string {
  const all = ["host.test", ...(cell.isPipelined ? ["PIPELINING"] : []), ...lines];
  return all.map((line, n) => `250${n === all.length - 1 ? " " : "-"}${line}`).join("\r\n");
}

function offers(lines: readonly string[]): Row["script"] {
  return (cell) => (place, told) => (isAt(place, "EHLO", told.isTls, cell) ? ehlo(cell, lines) : undefined);
}

function greeting(what: string, answer: Answer, fate: Fate): Row {
  return { id: "1-6", what: `greeting: ${what}`, script: says("CONNECT", answer), fate };
}

const GREETINGS: readonly Row[] = [
  greeting("close", "close", "deferred"),
  greeting("RST", "reset", "deferred"),
  greeting("421", "421 4.3.2 busy", "deferred"),
  greeting("421 and close", raw("421 4.3.2 busy\r\n", "close"), "deferred"),
  greeting("450", "450 4.7.1 later", "deferred"),
  greeting("521", "521 no mail here", "deferred"),
  greeting("554", "554 5.7.1 blocked", "deferred"),
  greeting("250", "250 hello", "deferred"),
  greeting("SSH", "SSH-2.0-OpenSSH_9.2", "deferred"),
  greeting("HTTP", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n", "deferred"),
  greeting("two", "220 hi\r\n220 hi", "deferred"),
  greeting("no text", "220", "delivered"),
  greeting("several lines", "220-mx\r\n220-hello\r\n220 go", "delivered"),
  greeting("1 MiB in a line", `220 ${"x".repeat(MiB)}`, "delivered"),
  greeting("1 MiB in lines", `${`220-${"x".repeat(1000)}\r\n`.repeat(1000)}220 go`, "delivered"),
  greeting("lines without an end", raw("220-x\r\n".repeat(20_000)), "deferred"),
];

function hello(what: string, answer: Answer, fate: Fate): Row {
  return { id: "7-12", what: `EHLO: ${what}`, script: says("EHLO", answer), fate };
}

function offer(what: string, lines: readonly string[], fate: Fate): Row {
  return { id: "7-12", what: `EHLO: ${what}`, script: offers(lines), fate };
}

const HELLOS: readonly Row[] = [
  hello("500, then HELO", "500 5.5.1 what", "delivered"),
  hello("502, then HELO", "502 5.5.1 no", "delivered"),
  hello("550 and close", raw("550 5.7.1 no\r\n", "close"), "deferred"),
  {
    id: "7-12",
    what: "EHLO and HELO: 550",
    script: (cell) => (place, told) =>
      isAt(place, "EHLO", told.isTls, cell) || place === "HELO" ? "550 5.7.1 no" : undefined,
    fate: "deferred",
  },
  hello("450", "450 4.3.0 later", "deferred"),
  hello("421", "421 4.3.2 bye", "deferred"),
  hello("close", "close", "deferred"),
  hello("RST", "reset", "deferred"),
  hello("220", "220 hm", "deferred"),
  hello("malformed", "2500 ok", "deferred"),
  hello("10,000 lines", `${"250-X\r\n".repeat(10_000)}250 X`, "deferred"),
  offer(
    "1,000 lines",
    Array.from({ length: 1000 }, (_, n) => `X-${n}`),
    "delivered",
  ),
  offer("every keyword twice", ["SIZE 1000000", "SIZE 5", "8BITMIME", "8BITMIME"], "delivered"),
  offer("SIZE 0", ["SIZE 0"], "delivered"),
  offer("SIZE abc", ["SIZE abc"], "delivered"),
  { ...offer("SIZE 5", ["SIZE 5"], "failed"), neverHears: /^(MAIL|RCPT|DATA)/ },
];

interface Reply {
  readonly what: string;
  readonly answer: Answer;
  readonly fate: Fate;
  readonly isNone?: boolean;
}

/** What no place may take for an answer. */
const MALFORMED: readonly Reply[] = (
  [
    ["1yz", "150 hm"],
    ["000", "000 x"],
    ["600", "600 x"],
    ["850", "850 x"],
    ["two digits", "25"],
    ["four digits", "2500 ok"],
    ["letters", "abc"],
    ["a leading space", " 250 ok"],
    ["a leading space before 354", " 354 ok"],
    ["two codes in one reply", "250-ok\r\n550 no"],
    ["half a reply and close", raw("250 o", "close")],
    ["half a reply and RST", raw("250 o", "reset")],
    ["the first of several lines, and close", raw("250-ok\r\n", "close")],
    ["CR alone, and close", raw("250 ok\r", "close")],
    ["an empty line, and close", raw("\r\n", "close")],
    ["lines without an end", raw("250-x\r\n".repeat(20_000))],
    ["lines of another code without an end", raw("550-x\r\n".repeat(20_000))],
    ["NUL before it", "\u0000250 ok"],
    ["HTTP", "HTTP/1.1 200 OK"],
    ["close", "close"],
    ["RST", "reset"],
    ["421", "421 4.3.2 going"],
    ["421 and close", raw("421 4.3.2 going\r\n", "close")],
    ["two codes, the first 421", "421-4.3.2 going\r\n250 ok"],
  ] as const
).map(([what, answer]) => ({ what, answer, fate: "deferred", isNone: true })); // 421 answers nothing that was asked

const REFUSALS: readonly Reply[] = (
  [
    ["451", "451 4.3.0 later", "deferred"],
    ["450 without a status", "450 later", "deferred"],
    ["550", "550 5.7.1 no", "failed"],
    ["554 without a status", "554 no", "failed"],
    ["550 without text", "550", "failed"],
    ["530: our login", "530 5.7.0 log in", "deferred"],
    ["535: our login", "535 5.7.139 basic authentication is off", "deferred"],
    // Row 24: the basic code is what counts.
    ["550 with a status of success", "550 2.1.5 ok", "failed"],
    ["450 with a status of failure", "450 5.1.1 who", "deferred"],
    ["550 with a status and no text", "550 5.7.2", "failed"],
    ["550 with a status of too many digits", "550 5.999999.1", "failed"],
  ] as const
).map(([what, answer, fate]) => ({ what, answer, fate }));

const HOSTILE = "\u0000\u001b[2J\u001b]0;x\u0007\u00ff\u00fe\u00e2\u0080\u00ae\u009b1m<script>alert(1)</script>\r x";

/** Where 2yz is asked for. */
const SUCCESSES: readonly Reply[] = (
  [
    ["without text", "250"],
    ["with a status of failure", "250 5.0.0 ok"],
    ["with a status of too many digits", "250 2.999999.1 ok"],
    ["251", "251 2.1.5 forwards to <x@elsewhere.test>"],
    ["blank lines before it", "\r\n\r\n250 ok"],
    ["LF alone", raw("250-a\n250 ok\n")],
    ["octet by octet", { octets: "250-a\r\n250 ok\r\n", isBytewise: true }],
    ["a line of 1 MiB", `250 ${"x".repeat(MiB)}`],
    ["1 MiB in lines", `${`250-${"x".repeat(1000)}\r\n`.repeat(1000)}250 ok`],
    ["hostile octets", raw(`250 ${HOSTILE}\r\n`)],
  ] as const
).map(([what, answer]) => ({ what, answer, fate: "delivered" }));

const INTERMEDIATE: Reply = { what: "354", answer: "354 go", fate: "deferred", isNone: true };
const PLACES = [
  ["MAIL", "MAIL"],
  ["RCPT", "RCPT"],
  ["DATA", "DATA"],
  ["dot", "CONTENT"],
] as const;

function repliesAt(place: Place): readonly Reply[] {
  if (place !== "DATA") return [INTERMEDIATE, ...MALFORMED, ...REFUSALS, ...SUCCESSES];
  const notWanted = SUCCESSES.map((reply) => ({ ...reply, fate: "deferred" as const }));
  return [
    { what: "220", answer: "220 ok", fate: "deferred" },
    { what: "334", answer: "334 ok", fate: "deferred" },
    { what: "354 without text", answer: "354", fate: "delivered" },
    { what: "blank lines before it", answer: "\r\n354 go", fate: "delivered" },
    { what: "354 of several lines", answer: "354-go\r\n354 on", fate: "delivered" },
    { what: "354 and the answer to the dot", answer: "354 go\r\n250 queued", fate: "deferred" },
    { what: "354 and a refusal", answer: "354 go\r\n552 5.3.4 too big", fate: "failed" },
    ...MALFORMED,
    ...REFUSALS,
    ...notWanted,
  ];
}

const REPLIES: readonly Row[] = PLACES.flatMap(([name, place]) =>
  repliesAt(place).map(({ what, answer, fate, isNone = false }) => ({
    id: name === "DATA" ? "28" : "13-20",
    what: `${name}: ${what}`,
    script: says(place, answer),
    fate,
    isInDoubt: name === "dot" && isNone,
  })),
);

const BIG = 2 * MiB;
/** More than the system takes off our hands before the server reads it: what comes early is known to come early. */
const HUGE = 16 * MiB;

const CONTENT: readonly Row[] = [
  { id: "29", what: "body: 552", script: says("BODY", "552 5.3.4 too big"), fate: "failed", octets: BIG },
  {
    id: "29",
    what: "body: 552 and the end",
    script: says("BODY", raw("552 5.3.4 too big\r\n", "close")),
    fate: "failed",
    octets: BIG,
  },
  {
    id: "29",
    what: "body: 451",
    script: says("BODY", "451 4.3.0 later"),
    fate: "deferred",
    octets: BIG,
    isInDoubt: "maybe",
  },
  {
    id: "29",
    what: "body: 250",
    script: says("BODY", "250 taken already"),
    fate: "deferred",
    octets: HUGE,
    isInDoubt: false,
  },
  {
    id: "29",
    what: "body: 250 and close",
    script: says("BODY", raw("250 taken\r\n", "close")),
    fate: "deferred",
    octets: HUGE,
    isInDoubt: false,
  },
  { id: "30", what: "body: close", script: says("BODY", "close"), fate: "deferred", octets: BIG, isInDoubt: "maybe" },
  { id: "30", what: "body: RST", script: says("BODY", "reset"), fate: "deferred", octets: BIG, isInDoubt: "maybe" },
  {
    id: "31",
    what: "dot: a large one, close",
    script: says("CONTENT", "close"),
    fate: "deferred",
    octets: BIG,
    isInDoubt: true,
  },
  { id: "31", what: "dot: 250 and close", script: says("CONTENT", raw("250 ok\r\n", "close")), fate: "delivered" },
  { id: "31", what: "dot: 250 and 421", script: says("CONTENT", "250 ok\r\n421 bye"), fate: "delivered" },
  { id: "31", what: "dot: 250 twice", script: says("CONTENT", "250 ok\r\n250 ok"), fate: "delivered" },
  { id: "31", what: "dot: 250 and 550", script: says("CONTENT", "250 ok\r\n550 5.0.0 no"), fate: "delivered" },
];

const FLOODS: readonly Row[] = PLACES.map(([name, place]) => ({
  id: "22",
  what: `${name}: 4 MiB without a line's end, and close`,
  script: says(place, { octets: "2".repeat(64 * 1024), times: 64, after: "close" }),
  fate: "deferred",
  isInDoubt: name === "dot",
}));

const HOSTILE_REFUSALS: readonly Row[] = PLACES.map(([name, place]) => ({
  id: "23",
  what: `${name}: 550 with hostile octets`,
  script: says(place, raw(`550-5.7.1 ${HOSTILE}\r\n550 5.7.1 ${HOSTILE}\r\n`)),
  fate: "failed",
}));

const ONE_BY_ONE: readonly Row[] = [
  {
    id: "23",
    what: "dot: a second reply behind a bare LF",
    script: says("CONTENT", raw("550 5.0.0 no\n250 ok\r\n")),
    fate: "failed",
  },
  {
    id: "25",
    what: "RCPT: 250, 450, 550, 452, 250",
    recipients: 5,
    script: () => {
      let isFirst = true;
      return (place, { line }) => {
        if (place !== "RCPT") return undefined;
        if (line.includes("<r2@")) return "450 4.2.1 grey";
        if (line.includes("<r3@")) return "550 5.1.1 who";
        if (!line.includes("<r4@") || !isFirst) return undefined;
        isFirst = false;
        return "452 4.5.3 too many";
      };
    },
    fate: ["delivered", "deferred", "failed", "delivered", "delivered"],
  },
  {
    id: "35",
    what: "MAIL: answered twice",
    script: says("MAIL", "250 ok\r\n250 ok"),
    fate: "deferred",
  },
  {
    id: "35",
    what: "RCPT: each answered twice",
    script: says("RCPT", "250 ok\r\n250 ok"),
    fate: "deferred",
  },
  {
    id: "38",
    what: "RCPT: 551 with another address",
    script: says("RCPT", "551 5.1.6 try <x@elsewhere.test>"),
    fate: "failed",
  },
  {
    id: "42",
    what: "RCPT: 451, and 250 when it comes again",
    script: () => {
      const seen = new Set<string>();
      return (place, { line }) => {
        if (place !== "RCPT" || seen.has(line)) return undefined;
        seen.add(line);
        return "451 4.7.1 greylisted";
      };
    },
    fate: "delivered",
  },
];

function login(what: string, keywords: readonly string[], answer?: Answer): Row {
  const script = answer === undefined ? (): Script => () => undefined : says("AUTH", answer);
  return { id: "37", what: `AUTH: ${what}`, keywords, script, hasLogin: true, fate: "deferred" };
}

const LOGINS: readonly Row[] = [
  // A password is never sent in clear, nor is mail that should go with one.
  { ...login("235", ["AUTH PLAIN"]), fate: ({ isTls }) => (isTls ? "delivered" : "deferred") },
  login("535", ["AUTH PLAIN"], "535 5.7.8 wrong"),
  login("454", ["AUTH PLAIN"], "454 4.7.0 later"),
  login("550", ["AUTH PLAIN"], "550 5.7.1 no"),
  login("250", ["AUTH PLAIN"], "250 ok"),
  login("334 without an end", ["AUTH PLAIN"], "334 "),
  login("334 with garbage, LOGIN without an end", ["AUTH LOGIN"], raw("334 \u0000\u00ff!!\r\n")),
  login("malformed", ["AUTH PLAIN LOGIN"], "2350 ok"),
  login("close", ["AUTH PLAIN"], "close"),
  login("XOAUTH2 only", ["AUTH XOAUTH2"]),
  login("nothing offered", []),
  {
    ...login("offered before TLS only", ["AUTH PLAIN"]),
    script: offers([]),
  },
];

export const ROWS: readonly Row[] = [
  ...GREETINGS,
  ...HELLOS,
  ...REPLIES,
  ...CONTENT,
  ...FLOODS,
  ...HOSTILE_REFUSALS,
  ...ONE_BY_ONE,
  ...LOGINS,
];

/** What has to become of each recipient. */
export function fatesOf({ fate, recipients }: Row, cell: Cell): readonly Fate[] {
  if (Array.isArray(fate)) return fate as readonly Fate[];
  const one = typeof fate === "function" ? fate(cell) : (fate as Fate);
  return Array.from({ length: recipients ?? cell.recipients }, () => one);
}
