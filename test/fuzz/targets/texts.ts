import { decodeWords } from "../../../src/core/dsn/encoded-word.ts";
import { field, paragraph, spanText } from "../../../src/core/dsn/text.ts";
import { isMessageId, messageId, timeOf } from "../../../src/core/mail/message-id.ts";
import {
  type StoredEnvelope,
  arrivalOf,
  readArrival,
  readOptions,
  storeArrival,
  storeOptions,
} from "../../../src/core/mail/stored.ts";
import { longestGap, phasesOf } from "../../../src/core/outbound/attempt-times.ts";
import { Redaction } from "../../../src/core/outbound/redaction.ts";
import { standingOf } from "../../../src/core/outbound/standing.ts";
import { Transcript } from "../../../src/core/outbound/transcript.ts";
import type { ServerReply } from "../../../src/core/smtp/reply-decoder.ts";
import { type Chance, between } from "../../support/chance.ts";
import { type Target, chanceOf, holds, holdsNoHidden, oneOf, same, some } from "../target.ts";

// Texts that others wrote, on their way to people.

const WORDS = [
  "=?utf-8?Q?=C3=A4?=",
  "=?utf-8?B?w6Q=?=",
  "=?iso-8859-1?q?=E4_x?=",
  "=?utf-8?Q?=C3?= =?utf-8?Q?=A4?=",
  "=?x?Q?a?=",
  "=?utf-8*de?q?a?=",
  "=?us-ascii?q?=E4?=",
  "=?windows-1252?Q?=80?=",
  "=?utf-8?B?w6?=",
  "=?utf-8?Q?=0D=0ABcc:_x?=",
  "=?utf-8?q??=",
];

const encodedWord: Target = {
  name: "encoded-word",
  files: ["core/dsn/encoded-word.ts"],
  lengthMax: 3000,
  seeds: [...WORDS, WORDS.join(" "), `a ${WORDS[0]} b`],
  tokens: [...WORDS, "=?", "?=", "?", "Q", "B", "utf-8", "=C3", "=A4", "_", " ", "\r\n ", "*", "w6Q="],
  generate: (chance) => some(chance, 6, () => oneOf(chance, [...WORDS, "x", " "]), oneOf(chance, ["", " ", "\r\n "])),
  check(text) {
    const decoded = decodeWords(text);
    holds(decoded.length <= text.length, "decoded it is not longer", decoded.length, text.length);
    if (!/=\?.*\?[bq]\?.*\?=/is.test(text)) same(decoded, text, "what has no word stays as it is");
    const alone = /^=\?utf-8\?q\?([A-Za-z0-9_]+)\?=$/i.exec(text);
    if (alone !== null) same(decoded, alone[1]!.replaceAll("_", " "), "a plain word says what it says");
    const octets = /^=\?iso-8859-1\?q\?((?:=[0-9A-F]{2})+)\?=$/i.exec(text);
    if (octets !== null)
      same(decoded, Buffer.from(octets[1]!.replaceAll("=", ""), "hex").toString("latin1"), "octets are what they are");
    const inBase64 = /^=\?utf-8\?b\?((?:[A-Za-z0-9+/]{4})+)\?=$/i.exec(text);
    if (inBase64 !== null) {
      const value = Buffer.from(inBase64[1]!, "base64");
      if (Buffer.from(value.toString()).equals(value)) same(decoded, value.toString(), "base64 says what it says");
    }
  },
};

const dsnText: Target = {
  name: "dsn-text",
  files: ["core/dsn/text.ts"],
  lengthMax: 3000,
  seeds: [
    "a b c",
    "x".repeat(300),
    "x ".repeat(100),
    "\u00e4".repeat(600),
    " ",
    "",
    `${"y".repeat(75)} z`,
    `${"y".repeat(76)} z`,
  ],
  tokens: [" ", "  ", "x", "word", "x".repeat(76), "x".repeat(240), "x".repeat(241), "\u{1f600}", "\u00e4"],
  generate: (chance) => some(chance, 30, () => "x".repeat(between(chance, 0, chance() < 0.1 ? 500 : 20)), " "),
  check(input) {
    const text = input.replace(/[\r\n]/g, ""); // has no character that ends a line
    const folded = field("X-Name", text);
    const lines = folded.slice(0, -2).split("\r\n");
    holds(folded.endsWith("\r\n") && !folded.slice(0, -2).endsWith("\r\n"), "a field ends with its line", folded);
    for (const [at, line] of lines.entries()) {
      holds(at === 0 || line.startsWith(" "), "a line of it belongs to it", line);
      holds(Buffer.byteLength(line) <= 998, "no line is longer than mail has", line.length);
      holds(line.length <= 78 || !line.trim().includes(" ") || at === 0, "a line is short where it can be", line);
    }
    const plain = (whole: string): string => whole.replaceAll(/\s+/g, "");
    same(plain(folded), plain(`X-Name: ${text}`), "nothing is lost");
    const told = paragraph(text, 4);
    same(plain(told), plain(text), "nor of a paragraph");
    for (const line of told.slice(0, -2).split("\r\n"))
      holds(Buffer.byteLength(line) <= 998, "no line of it is too long");
    if (text.split(" ").every((word) => word.length <= 60))
      for (const line of [...lines.slice(1).map((line) => `X-Name:${line}`), ...told.slice(0, -2).split("\r\n")])
        holds(line.length <= 76, "lines of words are short", line);
    const chance = chanceOf(input);
    const span = between(chance, 0, 10 ** between(chance, 3, 9));
    const spoken = /^(about )?([0-9]+) (minute|hour|day)(s?)$/.exec(spanText(span));
    if (spoken === null)
      return holds(span < 60_000 && spanText(span) === "less than a minute", "a length of time has words", span);
    const [, about, count, unit = "", plural] = spoken;
    const ms = { minute: 60_000, hour: 3_600_000, day: 86_400_000 }[unit]!;
    same(about === undefined, span === Number(count) * ms, "it is never more certain than it is");
    holds(Math.abs(span - Number(count) * ms) <= ms / 2, "and near", span, spoken[0]);
    same(plural === "", count === "1", "and is said right");
  },
};

const SECRET = { username: "user", password: "p\u00e4ssw0rd+/" };
const octetsOfSecret = Buffer.from(SECRET.password);
const FORMS = [
  SECRET.password,
  octetsOfSecret.toString("base64"),
  octetsOfSecret.toString("hex"),
  octetsOfSecret.toString("latin1"),
  Buffer.from(`\0${SECRET.username}\0${SECRET.password}`).toString("base64"),
  encodeURIComponent(SECRET.password),
];

const redaction: Target = {
  name: "redaction",
  files: ["core/outbound/redaction.ts"],
  lengthMax: 2000,
  seeds: FORMS.flatMap((form) => [`5.7.8 bad ${form}`, form, `a\n${form.slice(0, 5)}\n${form.slice(5)}`]),
  tokens: [...FORMS, "\n", " ", "5.7.8 ", "%", "-", "_", "=", ...FORMS.map((form) => form.slice(0, 4))],
  generate: (chance) => some(chance, 5, () => oneOf(chance, [...FORMS, "x", "\n"]), oneOf(chance, ["", " "])),
  check(input) {
    const shownBy = new Redaction(SECRET);
    const reply: ServerReply = { kind: "reply", code: 535, status: undefined, lines: input.split("\n") };
    const cleared = shownBy.clearAll(reply);
    same(cleared.lines.length, reply.lines.length, "lines stay lines");
    same(cleared.code, reply.code, "a code stays");
    const all = cleared.lines.join("").replaceAll(/\s/g, "");
    for (const form of FORMS) {
      holds(!all.includes(form.replace(/=+$/, "")), "nothing that says the password is shown", cleared.lines);
      for (const line of shownBy.clear(reply).lines)
        holds(FORMS.indexOf(form) === 5 || !line.includes(form), "nor elsewhere", line);
    }
    holds(!shownBy.clearText(input).replaceAll(/\s/g, "").includes(SECRET.password), "nor in a text of ours");
    if (!/[\u00e4\xc3]|cMOkc|Cgo|70c3|AHV|w0rd|%/i.test(input.replaceAll(/\s/g, "")))
      same(cleared, reply, "what has nothing of it stays as it is");
    const short = new Redaction({ username: "u", password: "abc" });
    holds(short.clearAll(reply).lines.length === reply.lines.length, "a short one is in every text");
  },
};

const SAID = [
  "+0 *: connected to x",
  "+5 S: 220 hi",
  "+9 C: EHLO a",
  "+20 C: MAIL FROM:<a>",
  "+30 S: 354 go",
  "+40 S: 250 ok",
  "+1 *: over the connection of x",
  "(3 lines left out)",
  "+999999999999999 S: 250",
  "+9999999999999999 S: 1",
  "+x S: y",
  "+1 X: y",
];

const attemptTimes: Target = {
  name: "attempt-times",
  files: ["core/outbound/attempt-times.ts", "core/outbound/transcript.ts"],
  lengthMax: 6000,
  seeds: [SAID.join("\n"), SAID.slice(0, 6).join("\n"), ...SAID],
  tokens: [...SAID, "\n", "+", " S: ", " C: ", " *: ", "MAIL FROM", "354", "AUTH PLAIN x", "\r\n"],
  generate: (chance) => some(chance, 60, () => oneOf(chance, SAID), "\n"),
  check(text) {
    const phases = phasesOf(text);
    same(new Set(phases.map(({ name }) => name)).size, phases.length, "each phase once");
    const lines = text
      .split("\n")
      .flatMap((line) => /^\+([0-9]{1,15}) [CS*]: .*$/.exec(line)?.[1] ?? [])
      .map(Number);
    const isForward = lines.every((at, n) => n === 0 || at >= lines[n - 1]!);
    const gap = longestGap(text);
    if (isForward && lines.length > 1) {
      const gaps = lines.slice(1).map((at, n) => at - lines[n]!);
      same(gap?.took ?? 0, Math.max(...gaps), "the longest gap is the longest");
      const sum = phases.reduce((all, { took }) => all + took, 0);
      holds(
        phases.every(({ took }) => took >= 0) && sum <= lines.at(-1)! - lines[0]!,
        "phases are parts of the time",
        phases,
      );
    }
    checkTranscript(text);
  },
};

function checkTranscript(text: string): void {
  const transcript = new Transcript(0);
  for (const [at, line] of text.split("\n").entries()) {
    if (at % 3 === 0) transcript.sent(`${line}\r\n`, false, at);
    else if (at % 3 === 1) transcript.heard({ kind: "reply", code: 250, status: undefined, lines: [line] }, at);
    else if (at % 2 === 0) transcript.event(line, at);
    else transcript.sent(`AUTH PLAIN hunter2hunter2${at}\r\n`, true, at);
  }
  const kept = transcript.text().split("\n");
  holds(kept.length <= 41, "a transcript is bounded", kept.length);
  for (const line of kept) {
    holdsNoHidden(line, "a line of a transcript");
    holds(line.length <= 10 * 200 + 20, "and is bounded", line.length);
    holds(!line.includes("hunter2hunter2") || text.includes("hunter2hunter2"), "no secret is in it");
  }
}

const REFUSALS = [
  "relay access denied",
  "Relaying denied",
  "unable to relay",
  "daily sending quota",
  "Maximum sending rate exceeded",
  "your account has been suspended",
  "sending paused",
  "mailbox full",
  "5.1.1",
  "4.4.5",
  "5.7.1 ",
  "messages per hour",
];

const standing: Target = {
  name: "standing",
  files: ["core/outbound/standing.ts"],
  lengthMax: 4200,
  seeds: REFUSALS,
  tokens: [...REFUSALS, " ", "\n", "relay", "not ", "permitted", "to "],
  generate: (chance) => some(chance, 4, () => oneOf(chance, REFUSALS), " "),
  check(text) {
    const lines = text.split("\n");
    for (const status of [undefined, "5.1.1", "5.2.2", "5.4.5", "5.7.1"]) {
      const reply: ServerReply = { kind: "reply", code: 550, status, lines };
      const [atRcpt, atMail] = [standingOf(reply, "rcpt"), standingOf(reply, "mail")];
      if (status === "5.1.1" || status === "5.2.2") same(atRcpt, undefined, "what is about an address is not about us");
      else same(atRcpt, atMail, "else it is about us wherever it comes");
      if (status === "5.4.5") same(atMail, "quota-exceeded", "5.4.5 is a quota");
      const hasWord = /relay|quota|limit|rate|per\s|paused|disabled|suspended|blocked|locked/i.test(text);
      holds(hasWord || status === "5.4.5" || atMail === undefined, "nothing is made up", atMail);
    }
    if (/^relay access denied$/i.test(text))
      same(
        standingOf({ kind: "reply", code: 554, status: "5.7.1", lines }, "rcpt"),
        "relay-denied",
        "a plain refusal to relay is one",
      );
  },
};

const STORED = [
  '{"client":"192.0.2.1"}',
  '{"client":"","about":"x"}',
  "",
  '{"notify":"never"}',
  '{"notify":["delay"],"originalRecipient":"rfc822;x"}',
  "null",
  "[",
  "{}",
];

/** What the store gives back is JSON that we wrote; what is damaged is an error of its own, and never something else. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function readOr<T>(read: (text: string) => T, text: string): T | "broken" {
  try {
    return read(text);
  } catch (error) {
    if (error instanceof SyntaxError) return "broken";
    throw error;
  }
}

function anEnvelope(text: string, chance: Chance): StoredEnvelope {
  const id = messageId(between(chance, 0, 2 ** 45), new Uint8Array([1, 2, 3, 4, between(chance, 0, 255)]));
  const session = { listener: text, hello: text, protocol: "ESMTP", tls: "", senderRule: text };
  return {
    from: text,
    identity: text,
    client: text,
    prefix: text,
    isEightBit: true,
    isUtf8: false,
    subject: text,
    ...(chance() < 0.5 ? { session } : {}),
    ...(chance() < 0.5 ? { wasId: id } : {}),
    ...(chance() < 0.5 ? { about: { id, action: "failed", subject: text, recipients: [text], count: 1 } } : {}),
  };
}

const stored: Target = {
  name: "stored",
  files: ["core/mail/stored.ts", "core/mail/message-id.ts"],
  lengthMax: 2000,
  seeds: STORED,
  generate: (chance) => "aZ09".repeat(4).slice(0, between(chance, 12, 16)),
  tokens: [...STORED, '"', "{", "}", ":", ",", "\\u0000", "__proto__"],
  check(text) {
    for (const read of [readArrival, readOptions] as readonly ((text: string) => object | undefined)[])
      same(readOr(read, text) !== "broken", text === "" || isJson(text), "it is read where it is JSON");
    const chance = chanceOf(text);
    const plain = text.toWellFormed();
    const envelope = anEnvelope(plain, chance);
    same(readArrival(storeArrival(envelope)), arrivalOf(envelope), "an arrival stored and read");
    same(arrivalOf(envelope).wasId, envelope.wasId, "it keeps the id that it had");
    same(arrivalOf(envelope).about, envelope.about?.id, "and what it is about");
    const options = {
      notify: oneOf(chance, ["never", ["delay"], ["success", "failure"]] as const),
      originalRecipient: plain,
    };
    same(readOptions(storeOptions(options)), options, "options stored and read");
    same(storeOptions({}), "", "no options are none");
    const now = between(chance, 0, 2 ** 46);
    const octets = Uint8Array.from({ length: 6 }, (_, at) => (chance() < 0.3 ? 255 : text.charCodeAt(at) || 0));
    const [id, later] = [messageId(now, octets), messageId(now + 1, new Uint8Array(5))];
    holds(isMessageId(id) && /^[0-9A-Za-z]{14}$/.test(id), "an id is one", id);
    same(timeOf(id), now, "an id has its time");
    holds(Buffer.from(id).compare(Buffer.from(later)) < 0, "ids are in the order of time", id, later);
    same(isMessageId(text), /^[0-9A-Za-z]{14}$/.test(text) && !text.includes("\n"), "nothing else is an id");
  },
};

export const targets: readonly Target[] = [encodedWord, dsnText, redaction, attemptTimes, standing, stored];
