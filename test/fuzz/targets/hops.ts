import { readChain } from "../../../src/core/hops/chain.ts";
import { dateAmong, parseDate } from "../../../src/core/hops/date.ts";
import { readHeader } from "../../../src/core/hops/fields.ts";
import { Lexer, commentWords } from "../../../src/core/hops/lexer.ts";
import { addressIn } from "../../../src/core/hops/peer.ts";
import { parseReceived } from "../../../src/core/hops/received.ts";
import type { Chance } from "../../support/chance.ts";
import { chains } from "../material.ts";
import { type Target, holds, octetsOf, oneOf, same, some, textOf } from "../target.ts";
import { isIP } from "node:net";

// What other servers wrote into a header.

const DATES = [
  "Sat, 21 Nov 2026 23:05:39 +0000",
  "21 Nov 26 23:05 GMT",
  "Nov 21 23:05:39 2026",
  "Sat Nov 21 23:05:39 CET 2026",
  "2026-11-21T23:05:39.123Z",
  "21-Nov-2026 23:05:39 -0800 (PST)",
  "31 Nov 2026 10:00:00 +0000",
  "29 Feb 2028 23:59:60 +2400",
  "1 Jan 1900 00:00:00 -2359",
  "21 Nov 126 1:00:00 EST",
  "2026-11-21 23:05:39 XYZ",
  "24:00:00",
  "1 Jan 1899 0:00 Z",
];
const CLAUSES = [
  "from mx.a.test (mail.a.test [192.0.2.1])",
  "from [10.0.0.1] (helo=x) by b",
  "from unknown (HELO x) (user@192.0.2.9)",
  "by mx.b.test (Postfix)",
  "by b ([127.0.0.1]) (amavisd-new)",
  "by b ([127.0.0.1] c d e f g h i j k)",
  "with ESMTPSA (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)) id 4AbC",
  "with Microsoft SMTP Server (version=TLS1_2, cipher=X-AES) id 15.20.1.1",
  "(Authenticated sender: user)",
  "(authenticated user=x)",
  "for <a@b.test>",
  '(envelope-from <"TLSv1.3"@c.test>)',
  "via TCP",
  "tls TLS1.3",
  "(qmail 1234 invoked by uid 89)",
  "(may be forged)",
  "(Google Transport Security)",
  "from a by a",
];
const SIGNS = ["(", ")", '"', "\\", "<", ">", ";", ",", " ", "=", "[", "]", ":", "%", "@", "/", "\t", "helo", "ehlo="];

function aStamp(chance: Chance): string {
  return `${some(chance, 6, () => oneOf(chance, CLAUSES), " ")}${oneOf(chance, ["; ", ";", " "])}${oneOf(chance, DATES)}`;
}

const lexer: Target = {
  name: "lexer",
  files: ["core/hops/lexer.ts"],
  lengthMax: 6000,
  seeds: [...CLAUSES, "a(b(c)d)e;f", '"a;b"(c', "<a;b> c", "(", ")", "\\(a", '"a', "((((", "<a<b>"],
  tokens: [...SIGNS, ...CLAUSES],
  generate: aStamp,
  check(text) {
    const { tokens, isUnbalanced } = new Lexer(text).run();
    holds(tokens.length <= text.length, "no more tokens than characters");
    let at = 0;
    for (const token of tokens) {
      if (token.kind === "semicolon") {
        const found = text.indexOf(";", at);
        holds(found !== -1, "a semicolon was there", tokens);
        at = found + 1;
        continue;
      }
      const found = token.text === "" ? at : text.indexOf(token.text, at);
      holds(found !== -1, "each token stands in the text, one behind the other", token.text);
      at = found + token.text.length;
      if (token.kind === "word") holds(token.text !== "", "no word is empty");
      else
        for (const word of commentWords(token.text)) holds(!/[\s,()";]/.test(word), "a word of a comment is one", word);
    }
    if (!/["\\<]/.test(text)) checkBrackets(text, tokens, isUnbalanced);
    if (/[()"\\<]/.test(text)) return;
    same(isUnbalanced, false, "what has no brackets is balanced");
    const words = text.split(/[ \t\r\n;]+/).filter((word) => word !== "");
    same(
      tokens.flatMap((token) => (token.kind === "word" ? [token.text] : [])),
      words,
      "words are what stands between",
    );
    same(tokens.filter(({ kind }) => kind === "semicolon").length, text.split(";").length - 1, "each semicolon is one");
  },
};

/** By counting. */
function checkBrackets(text: string, tokens: readonly { readonly kind: string }[], isUnbalanced: boolean): void {
  let depth = 0;
  let comments = 0;
  let isWrong = false;
  for (const c of text) {
    if (c === "(" && depth++ === 0) comments++;
    if (c === ")" && --depth < 0) isWrong = true;
    depth = Math.max(0, depth);
  }
  same(isUnbalanced, isWrong || depth > 0, "a parenthesis has its other end or not");
  if (!isUnbalanced) same(tokens.filter(({ kind }) => kind === "comment").length, comments, "each comment is one");
}

const received: Target = {
  name: "received",
  files: ["core/hops/received.ts", "core/hops/peer.ts", "core/hops/protocol.ts", "core/hops/encryption.ts"],
  lengthMax: 6000,
  seeds: chains().flatMap((text) =>
    [...text.matchAll(/^Received:((?:.*\r?\n[ \t])*.*)/gim)].map(([, value]) => value!),
  ),
  tokens: [
    ...CLAUSES,
    ...DATES,
    ...SIGNS,
    "from ",
    "by ",
    "with ",
    "id ",
    "for ",
    "TLSv1.2",
    "encrypted",
    "helo=",
    "port=1",
  ],
  generate: aStamp,
  check(text) {
    const stamp = parseReceived(text);
    same(parseReceived(text), stamp, "the same every time");
    const { from, byAddress, byNames, recipient, id, encryption, date } = stamp;
    holds(byNames.length <= 8, "names are bounded", byNames.length);
    for (const address of [from?.address ?? "", byAddress]) {
      const isOne = address === "" || isIP(address) !== 0 || /^[0-9.]+$/.test(address);
      holds(isOne, "an address is one", address);
    }
    for (const word of [stamp.by, id, from?.hello ?? ""])
      holds(!/[\r\n;]/.test(word) || /["<]/.test(text), "a name is a word", word);
    holds(/^(?:(?:TLS|SSL) [0-9](?:\.[0-9])?)?$/.test(encryption.version), "a version is one", encryption);
    holds(recipient.length <= text.length, "nothing is made up");
    if (stamp.isTls !== true && encryption.version !== "") holds(false, "with a version TLS is said", stamp);
    if (date.kind === "known") holds(Number.isFinite(date.at), "a date is one", date);
    // What the client says of itself is no word of the server about TLS.
    const said = /^from (\S+) by b$/.exec(text);
    if (said !== null) same(stamp.isTls, undefined, "a client's name says nothing of TLS");
    same(
      addressIn(from?.address ?? ""),
      isIP(from?.address ?? "") === 0 ? "" : from?.address,
      "an address is found in itself",
    );
  },
};

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (n: number): string => `${n}`.padStart(2, "0");

/** RFC 5322 section 3.3, by the runtime's own calendar. */
function plainDate(text: string): number | "other" | "none" {
  const form = /^([0-9]{1,2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})$/;
  const found = form.exec(text);
  if (found === null) return "other";
  const [
    ,
    day = "",
    month = "",
    year = "",
    hours = "",
    minutes = "",
    seconds = "",
    sign = "",
    zoneHours = "",
    zone = "",
  ] = found;
  const number = MONTHS.indexOf(month) + 1;
  if (number === 0 || Number(zone) > 59 || Number(zoneHours) > 23 || Number(seconds) > 59 || Number(hours) > 23)
    return Number(hours) > 23 || number === 0 ? "none" : "other";
  const iso = `${year}-${two(number)}-${two(Number(day))}T${hours}:${minutes}:${seconds}.000Z`;
  const at = Date.parse(iso);
  if (Number.isNaN(at) || new Date(at).toISOString() !== iso || Number(year) < 1900) return "none";
  return at - (sign === "-" ? -1 : 1) * (Number(zoneHours) * 60 + Number(zone)) * 60_000;
}

const date: Target = {
  name: "date",
  files: ["core/hops/date.ts"],
  lengthMax: 500,
  seeds: DATES,
  tokens: [
    ...MONTHS,
    "Sat,",
    "+0000",
    "-2359",
    "GMT",
    "EST",
    "Z",
    ":",
    "-",
    "+",
    " ",
    "T",
    "2026",
    "26",
    "126",
    "1899",
    "60",
    "24",
    ".5",
  ],
  generate: (chance) => {
    const n = (most: number): number => Math.floor(chance() * most);
    const zone = `${oneOf(chance, ["+", "-"])}${two(n(25))}${two(n(61))}`;
    return `${n(33)} ${oneOf(chance, MONTHS)} ${1898 + n(250)} ${two(n(25))}:${two(n(61))}:${two(n(62))} ${zone}`;
  },
  check(text) {
    const found = parseDate(text);
    const plain = plainDate(text);
    if (plain === "none") same(found.kind, "broken", "what the calendar does not have is no date");
    if (typeof plain === "number")
      same(found.kind === "known" ? found.at : found, plain, "a plain date is what the calendar says");
    if (found.kind === "known") {
      holds(Number.isSafeInteger(found.at) || Math.abs(found.at) < 1e15, "a date is a time", found.at);
      holds(
        found.at > Date.UTC(1899, 11, 29) && found.at < Date.UTC(10_000, 0, 3),
        "of a year that there is",
        found.at,
      );
      const again = parseDate(new Date(found.at).toISOString());
      if (found.at >= Date.UTC(1900, 0, 1) && found.at < Date.UTC(10_000, 0, 1))
        same(again.kind === "known" ? again.at : again, found.at, "printed and parsed");
    }
    same(found.kind === "missing", /^[\s,]*$/.test(text), "missing is what is not there");
    const words = text.split(/\s+/).filter((word) => word !== "");
    const among = dateAmong(["x", ...words]);
    if (among !== undefined) {
      holds(among.from >= 1 && among.from <= words.length, "a date among words has its place", among);
      holds(among.date.kind === "known" || among.date.kind === "vague", "and is one", among);
    }
  },
};

const MARKS = [
  "Authentication-Results: mx; spf=pass (x) smtp.mailfrom=a; dkim=fail\r\n",
  "DKIM-Signature: v=1; d=a.test; s=b\r\n",
  "ARC-Seal: i=1; d=a; cv=none\r\n",
  "X-Spam-Status: No\r\n",
  "X-Forefront-Antispam-Report: SCL:5;CAT:SPM\r\n",
  "X-MS-Exchange-Organization-SCL: 1\r\n",
  "Received-SPF: pass (x)\r\n",
  "X-Virus-Scanned: x\r\n",
  "Subject: a\r\n",
  "From: a@b.test\r\n",
  "Message-ID: <a@b>\r\n",
  "Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n",
  "From a@b Sat Nov 21\r\n",
  ">From a@b\r\n",
  "stray line\r\n",
  "\r\n",
  "\n",
  " folded\r\n",
];
const ADDRESSES = [
  "127.0.0.1",
  "10.0.0.1",
  "172.16.0.1",
  "172.32.0.1",
  "192.0.2.1",
  "0.1.1.1",
  "224.0.0.1",
  "fe80::1",
  "fd00::1",
  "::1",
  "::",
  "ff02::1",
  "::ffff:10.0.0.1",
  "100.64.0.1",
  "2001:db8::1",
];

const chain: Target = {
  name: "chain",
  files: [
    "core/hops/chain.ts",
    "core/hops/fields.ts",
    "core/hops/clocks.ts",
    "core/hops/filters.ts",
    "core/hops/doubts.ts",
    "core/hops/host-names.ts",
  ],
  unreachable: {
    'return "nobody";': "who asks has an address that was parsed",
  },
  lengthMax: 8000,
  seeds: chains(),
  tokens: [...MARKS, ...CLAUSES, ...DATES, ...ADDRESSES, "Received: ", "\r\n", "\n", "\t", "; "],
  generate: (chance) =>
    some(chance, 8, () =>
      chance() < 0.6
        ? `Received: from ${oneOf(chance, ["a.test", "[1.2.3.4]", "mx.b.test", "localhost"])} (c.d.test [${oneOf(chance, ADDRESSES)}]) by ${oneOf(chance, ["mx.b.test", "mail.b.test", "localhost", "mailserver1.c.test", "gmail.com"])} ([${oneOf(chance, ADDRESSES)}]) with ESMTPS id ${oneOf(chance, ["1", "2", "15.1.2"])}; ${oneOf(chance, DATES)}\r\n`
        : oneOf(chance, MARKS),
    ),
  check(input) {
    const octets = octetsOf(input);
    const found = readChain(octets);
    const { hops, hopsLeftOut, total, longest, networked, encrypted, marksAfter } = found;
    const { fields, strayLines, isCut } = readHeader(octets);
    same(found.strayLines, strayLines, "stray lines are counted");
    same(found.isCut, isCut, "what is cut is known");
    const stamps = fields.filter(({ name }) => name.toLowerCase() === "received");
    same(hops.length + hopsLeftOut, stamps.length, "each stamp is a hop");
    holds(hops.length <= 1000, "hops are bounded");
    holds(encrypted <= networked && networked <= hops.length, "some of some", encrypted, networked, hops.length);
    let sum = 0;
    for (const [at, hop] of hops.entries()) {
      const { delay, since, back } = hop.timing;
      same(hop.number, at + 1, "hops are in order");
      holds(
        delay === undefined || (delay >= 0 && since > 0 && since < hop.number),
        "a delay is since a hop before",
        hop.timing,
      );
      holds(back >= 0 && since >= 0, "nothing is negative", hop.timing);
      sum += delay ?? 0;
    }
    holds(total === undefined || (total >= 0 && total <= sum), "the total is a sum of delays", total, sum);
    if (longest !== undefined) same(longest.delay, hops[longest.hop - 1]?.timing.delay, "the longest is one of them");
    for (const mark of [...marksAfter, ...hops.flatMap(({ marksBefore }) => marksBefore)])
      holds(mark.text.length <= 121 && mark.text !== "", "what a filter said is short", mark);
    checkFields(textOf(octets), fields);
  },
};

function checkFields(text: string, fields: ReturnType<typeof readHeader>["fields"]): void {
  const small = readHeader(octetsOf(text), 200);
  holds(
    small.fields.every(({ name }, at) => fields[at]?.name === name),
    "of a part the fields are the first ones",
    small,
  );
  same(
    small.isCut,
    text.length > 200 && small.fields.length <= fields.length && isLongerThan(text, 200),
    "a cut is told",
  );
  for (const { name, value } of fields) {
    holds(/^[!-9;-~]{1,199}$/.test(name), "a name is one (RFC 5322 section 2.2)", name);
    holds(!/\n/.test(value), "a value is unfolded", value);
  }
}

/** Whether the header goes on beyond the last whole line within so many octets. */
function isLongerThan(text: string, octetsMax: number): boolean {
  const read = text.slice(0, text.lastIndexOf("\n", octetsMax - 1) + 1);
  let hasFields = false;
  for (const whole of read.split("\n").slice(0, -1)) {
    const line = whole.endsWith("\r") ? whole.slice(0, -1) : whole;
    if (line === "" && hasFields) return false;
    hasFields ||= /^[!-9;-~]+[ \t\v\f\r\xa0]*:/.test(line.slice(0, 200));
  }
  return true;
}

export const targets: readonly Target[] = [lexer, received, date, chain];
