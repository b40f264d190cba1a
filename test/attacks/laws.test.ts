import * as fc from "fast-check";
import { expect, test } from "vitest";
import { renderReply } from "../../src/core/smtp/reply.ts";
import { chances } from "../support/cuts.ts";
import { octets, testListener } from "../support/listener.ts";
import { Machine } from "../support/machine.ts";
import { HIDDEN } from "./session-laws.ts";

// Laws that hold for every session, checked over sessions of any shape.

const LINES = [
  "EHLO client.test",
  "HELO client.test",
  "EHLO",
  "ehlo b\xc3\xbccher",
  "MAIL FROM:<a@example.com>",
  "MAIL FROM:<a@example.com> SIZE=5 BODY=8BITMIME",
  "MAIL FROM:<> SMTPUTF8",
  "MAIL FROM:<\x1b[31m@x>",
  "MAIL FROM:nobody",
  "RCPT TO:<b@example.net>",
  "RCPT TO:<c@example.net> NOTIFY=NEVER",
  "RCPT TO:<b@nowhere>",
  "RCPT TO:<\xe2\x80\xae@example.net>",
  "DATA",
  "DATA x",
  "BDAT 3\r\nabc",
  "BDAT 5 LAST\r\nab\r\n.",
  "BDAT 0",
  "BDAT 0 LAST",
  "BDAT 40 LAST\r\nQUIT\r\n",
  "BDAT -1",
  "RSET",
  "NOOP",
  "VRFY \xc3\xbc",
  "EXPN \0",
  "HELP",
  "STARTTLS",
  "AUTH PLAIN",
  "AUTH PLAIN AGFwcDEAc2VjcmV0",
  "AUTH LOGIN",
  "AUTH PLAIN AGFwcDEAd3Jvbmc=",
  "*",
  ".",
  "..",
  "Subject: a",
  "",
  "\x85\x00\x07",
  "XYZZY \x1b]0;title\x07",
  "\xff\xfe",
  "GET / HTTP/1.1",
  "QUIT",
  "x".repeat(2100),
];
const ENDS = ["\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", ""];
const LISTENERS = ["trusted", "", "starttls auth", "secure auth trusted", "trusted bare_newlines=normalize size=30"];

const segment = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.tuple(fc.constantFrom(...LINES), fc.constantFrom(...ENDS)).map((parts) => parts.join("")),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary-ascii", maxLength: 60 }) },
  { weight: 1, arbitrary: fc.constant("EHLO c\r\n") },
);
const talk = fc.array(segment, { maxLength: 40 });
const listener = fc.constantFrom(...LISTENERS);

const REPLY = /^([245][0-9]{2}|220|221|334|354)[ -][^\r\n]*$/;

function held(words: string, segments: readonly string[]): { machine: Machine; output: string } {
  const machine = new Machine(testListener(words)).open();
  for (const text of segments) {
    machine.receive(octets(text));
    if (machine.isAwaitingTls) machine.secured();
  }
  return { machine, output: machine.replies() };
}

test("any octets give replies or a close, never an exception, and every reply is one", () => {
  fc.assert(
    fc.property(listener, talk, (words, segments) => {
      const { output } = held(words, segments);
      expect(output.endsWith("\r\n")).toBe(true);
      for (const line of output.slice(0, -2).split("\r\n")) expect(line).toMatch(REPLY);
    }),
    { numRuns: 3000 },
  );
});

test("L1: how the octets are cut changes neither replies nor messages", () => {
  // Verbs that end a pipelined group are left out: whether something waits behind them is a fact, not a cut.
  const early = /^(EHLO|HELO|ehlo|STARTTLS|AUTH|DATA|GET|\*)/;
  const calm = fc.array(
    segment.filter((text) => !early.test(text) && /^[\x00-\xff]*$/.test(text)),
    { maxLength: 25 },
  );
  fc.assert(
    fc.property(calm, fc.nat(), (segments, seed) => {
      const text = ["MAIL FROM:<a@example.com>\r\n", "RCPT TO:<b@example.net>\r\n", ...segments].join("");
      if (/(^|\n)(EHLO|HELO|STARTTLS|AUTH|DATA)/i.test(text)) return;
      const chance = chances(seed);
      const cut: string[] = [];
      for (let at = 0; at < text.length;) {
        const length = 1 + Math.floor(chance() * 30);
        cut.push(text.slice(at, at + length));
        at += length;
      }
      const whole = held("trusted", ["EHLO c\r\n", text]);
      for (const pieces of [cut, text.split("")]) {
        const other = held("trusted", ["EHLO c\r\n", ...pieces]);
        expect(other.output).toBe(whole.output);
        expect(other.machine.stored).toEqual(whole.machine.stored);
      }
    }),
    { numRuns: 1500 },
  );
});

test("L3: after an error that ends a transaction nothing of it is left, and a new one succeeds", () => {
  const endings: readonly (readonly [name: string, words: string, ...segments: string[]])[] = [
    ["content refused", "trusted", "DATA\r\n", "a\nb\r\n.\r\n"],
    ["content too big", "trusted size=30", "DATA\r\n", `${"x".repeat(40)}\r\n.\r\n`],
    ["a line too long", "trusted", "DATA\r\n", `${"x".repeat(999)}\r\n.\r\n`],
    ["a chunk refused", "trusted", "BDAT 3 LAST\r\na\nb"],
    ["a chunk too big", "trusted size=30", `BDAT 40\r\n${"x".repeat(40)}`],
    ["RSET", "trusted", "RSET\r\n"],
    ["EHLO", "trusted", "EHLO c\r\n"],
    ["a message that was kept", "trusted", "DATA\r\n", "x\r\n.\r\n"],
  ];
  const begun = ["EHLO c\r\n", "MAIL FROM:<a@example.com>\r\n", "RCPT TO:<b@example.net>\r\n"];
  for (const [name, words, ...segments] of endings) {
    for (const between of ["", "NOOP\r\n", "VRFY \xc3\xbc\r\n", "RSET\r\n", "XYZZY\r\n"]) {
      const { machine } = held(words, [...begun, ...segments, between]);
      const kept = machine.stored.length;
      for (const stray of ["RCPT TO:<c@example.net>\r\n", "DATA\r\n", "BDAT 3 LAST\r\nabc"])
        expect(machine.receive(octets(stray)).replies(), `${name}, ${stray}`).toMatch(/^503 5\.5\.1 [^\r]*\r\n$/);
      for (const text of [...begun.slice(1), "DATA\r\n", "again\r\n.\r\n"]) machine.receive(octets(text));
      expect(machine.stored.length, name).toBe(kept + 1);
      expect(machine.stored.at(-1)?.recipients).toEqual(["b@example.net"]);
    }
  }
});

test("L3: an error to RCPT, NOOP or an unknown verb leaves the transaction as it was", () => {
  const harmless = fc.constantFrom(
    "RCPT TO:<nobody>",
    "RCPT",
    "XYZZY",
    "MAIL FROM:<x@example.com>",
    "EHLO",
    "RSET x",
    "EXPN a",
    "\xff",
    "NO\0OP",
    "BDAT 0",
    "x".repeat(3000),
  );
  fc.assert(
    fc.property(fc.array(harmless, { maxLength: 9 }), (lines) => {
      const begun = ["EHLO c\r\n", "MAIL FROM:<a@example.com>\r\n", "RCPT TO:<b@example.net>\r\n"];
      const { machine } = held("trusted", [...begun, ...lines.map((line) => `${line}\r\n`), "DATA\r\n", "x\r\n.\r\n"]);
      expect(machine.stored.map(({ from, recipients }) => [from, recipients])).toEqual([
        ["a@example.com", ["b@example.net"]],
      ]);
    }),
  );
});

test("L5: as many messages are kept as were acknowledged, for recipients that were accepted", () => {
  fc.assert(
    fc.property(listener, talk, (words, segments) => {
      const { machine, output } = held(words, segments);
      expect(machine.stored.length).toBe(output.split("\r\n").filter((line) => line === "250 2.0.0 Queued").length);
      const accepted = output.split("\r\n").filter((line) => line.startsWith("250 2.1.5")).length;
      expect(machine.stored.reduce((sum, message) => sum + message.recipients.length, 0)).toBeLessThanOrEqual(accepted);
    }),
    { numRuns: 1500 },
  );
});

test("L6: nothing inside DATA is answered before its true end", () => {
  const part = fc.constantFrom(
    "\r\n",
    "\n",
    "\r",
    ".",
    "\0",
    "QUIT",
    "MAIL FROM:<x@x>",
    "x".repeat(1200),
    "\r\n..\r\n",
  );
  const small = fc.constantFrom("trusted", "trusted bare_newlines=normalize", "trusted size=20");
  fc.assert(
    fc.property(small, fc.array(part, { maxLength: 30 }), (words, parts) => {
      const content = parts.join("").replaceAll(/(?<=^|\r\n)\.\r\n/g, "x\r\n");
      if (`\r\n${content}`.includes("\r\n.\r\n") || /\r\n\.$|^\.$|\r\n\.\r$|^\.\r$/.test(content)) return;
      const { machine } = held(words, ["EHLO c\r\n", "MAIL FROM:<a@b.c>\r\n", "RCPT TO:<b@b.c>\r\n", "DATA\r\n"]);
      for (const octet of content) expect(machine.receive(octets(octet)).replies()).toBe("");
      const end =
        content === "" || content.endsWith("\r\n") ? ".\r\n" : content.endsWith("\r") ? "\n.\r\n" : "\r\n.\r\n";
      expect(machine.receive(octets(end)).replies()).toMatch(/^(250|55[024]) [^\r]*\r\n$/);
    }),
    { numRuns: 300 },
  );
});

test("L7: nothing hidden that a client says reaches a reply or a note", () => {
  fc.assert(
    fc.property(listener, talk, (words, segments) => {
      const { machine, output } = held(words, segments);
      expect(output).not.toMatch(HIDDEN);
      for (const note of machine.notes) {
        expect(note.verb).not.toMatch(HIDDEN);
        expect(renderReply(note.reply)).not.toMatch(HIDDEN);
      }
    }),
    { numRuns: 2000 },
  );
});

test("row 2: a line without end closes the session at the limit and is not kept", () => {
  for (const before of [[], ["EHLO c\r\n"], ["EHLO c\r\n", "AUTH PLAIN\r\n"]]) {
    const { machine } = held("secure auth", before);
    const chunk = octets("x".repeat(65_536));
    let given = 0;
    for (; given < 100 && !machine.isClosed; given++) {
      machine.receive(chunk);
      expect(machine.session.backlog).toBeLessThanOrEqual(12_288);
    }
    expect(given).toBe(16);
    expect(machine.output).toContain("421 4.7.0");
  }
});

test("a chunk that is announced and never comes keeps nothing", () => {
  const { machine } = held("trusted size=1000", ["EHLO c\r\n", "MAIL FROM:<a@b.c>\r\n", "RCPT TO:<b@b.c>\r\n"]);
  machine.receive(octets("BDAT 999999999999 LAST\r\n"));
  for (let i = 0; i < 100; i++) machine.receive(new Uint8Array(65_536));
  expect(machine.session.backlog).toBe(0);
  expect(machine.stored).toEqual([]);
});
