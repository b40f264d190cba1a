import { expect, test } from "vitest";
import type { BareNewlines } from "../../src/core/smtp/data-decoder.ts";
import { octets, testListener } from "../support/listener.ts";
import { Machine } from "../support/machine.ts";
import { FRAME, HELLO, LITERAL, ROWS, SMUGGLED, SMUGGLED_MAIL } from "./smuggling-rows.ts";

// SMTP smuggling, through whole sessions: a message whose content holds what some server might take for its end, and
// behind it the commands of a second message.

/** What stands before and behind the string. */
const PLACES: readonly { readonly name: string; readonly before: string; readonly mode: BareNewlines }[] = [
  { name: "in the middle of a line", before: "Subject: a\r\n\r\nx", mode: "reject" },
  { name: "in the middle of a line", before: "Subject: a\r\n\r\nx", mode: "normalize" },
  { name: "at the start of the body", before: "Subject: a\r\n\r\n", mode: "reject" },
  { name: "as the first octets", before: "", mode: "normalize" },
];

// --- The oracle: RFC 5321 by text search; shares nothing with the machine. ---
/**
 * Messages that may be kept of `content` and what comes behind it. The second is there only where it is the client's
 * own, behind a true end; and not in one segment, since its content then did not wait for 354.
 */
function oracle(content: string, mode: BareNewlines, isOctetWise: boolean): number {
  const framed = `\r\n${content}`;
  const end = framed.indexOf("\r\n.\r\n");
  const isClean = !/\r(?!\n)|(?<!\r)\n|\0/.test(framed.slice(0, end));
  const first = mode === "normalize" || isClean ? 1 : 0;
  const isSecondBegun = framed
    .slice(end + 5)
    .split("\n")
    .includes(`${SMUGGLED_MAIL}\r`);
  return first + (isSecondBegun && isOctetWise ? 1 : 0);
}
// --- end of the oracle ---

function* strings(lengthMax: number): Generator<string> {
  let level = [""];
  for (let length = 1; length <= lengthMax; length++) {
    level = level.flatMap((prefix) => ["\r", "\n", ".", "x", "\0"].map((c) => prefix + c));
    yield* level;
  }
}

const LISTENERS = {
  reject: testListener("trusted"),
  normalize: testListener("trusted bare_newlines=normalize"),
} as const;
const HELLO_LINES = HELLO.split(/(?<=\n)/).map(octets);

function session(content: string, mode: BareNewlines, isOctetWise = false): Machine {
  const machine = new Machine(LISTENERS[mode]).open();
  for (const line of HELLO_LINES) machine.receive(line);
  machine.replies();
  const input = octets(content);
  if (!isOctetWise) return machine.receive(input);
  for (let i = 0; i < input.length; i++) machine.receive(input.subarray(i, i + 1));
  return machine;
}

interface Count {
  total: number;
  twice: number;
  wrong: string[];
}

/** `damage` stands for a decoder that takes for the end what is none. */
function sweep(
  mode: BareNewlines,
  before: string,
  lengthMax: number,
  isOctetWise = false,
  damage = (content: string): string => content,
): Count {
  const count: Count = { total: 0, twice: 0, wrong: [] };
  for (const string of strings(lengthMax)) {
    const content = `${before}${string}${SMUGGLED}`;
    const machine = session(damage(content), mode, isOctetWise);
    count.total++;
    if (machine.stored.length === 2) count.twice++;
    if (machine.stored.length !== oracle(content, mode, isOctetWise)) count.wrong.push(string);
  }
  return count;
}

test.for(PLACES)(
  "every string of up to 7 of CR LF . x NUL $name ($mode): a second message only behind a true end of data",
  ({ before, mode }) => {
    const { total, twice, wrong } = sweep(mode, before, 7);
    expect(wrong).toEqual([]);
    expect({ total, twice }).toEqual({ total: 97_655, twice: 0 });
  },
);

test.for(["reject", "normalize"] as const)("the same octet by octet, up to 6 (%s)", (mode) => {
  const { total, twice, wrong } = sweep(mode, PLACES[2]!.before, 6, true);
  expect(wrong).toEqual([]);
  expect(total).toBe(19_530);
  expect(twice).toBeGreaterThan(0); // a true end of data inside the string
});

test("behind a true end of data inside the string the rest is commands, and none that is known", () => {
  let ended = 0;
  for (const string of strings(6)) {
    const content = `Subject: a\r\n\r\nx${string}y\r\n.\r\n`;
    if (`\r\n${content}`.indexOf("\r\n.\r\n") === content.length - 3) continue;
    ended++;
    const replies = session(content, "reject").replies().trimEnd().split("\r\n").slice(1);
    const isUnknown = replies.length > 0 && replies.every((reply) => reply.startsWith("500 5.5."));
    if (!isUnknown) expect.fail(`${JSON.stringify(string)}: ${replies.join(" / ")}`);
  }
  expect(ended).toBe(11);
});

/** Each what some server once took for the end of data. */
const LENIENT: readonly (readonly [name: string, text: string, damage: (content: string) => string])[] = [
  ["LF . CR LF", "\n.\r\n", (content) => content.replace(/(?<!\r)\n\.\r\n/, "\r\n.\r\n")],
  ["LF . LF", "\n.\n", (content) => content.replace(/(?<!\r)\n\.\n/, "\r\n.\r\n")],
  ["CR LF . LF", "\r\n.\n", (content) => content.replace("\r\n.\n", "\r\n.\r\n")],
  ["CR . CR", "\r.\r", (content) => content.replace(/\r\.\r(?!\n)/, "\r\n.\r\n")],
  ["CR LF . NUL CR", "\r\n.\0\r", (content) => content.replace("\r\n.\0\r", "\r\n.\r\n")],
];

test.for(LENIENT)("the sweep notices a decoder that takes %s for the end", ([, text, damage]) => {
  const { wrong } = sweep("reject", PLACES[0]!.before, 5, true, damage);
  expect(wrong).toContain(text);
});

const reply = (machine: Machine): string => machine.replies();
const text = (content: Uint8Array): string => Array.from(content, (octet) => String.fromCharCode(octet)).join("");

test.for(ROWS)("row %s through DATA: refused at the true end, or kept as one message", ([row, ...sequences]) => {
  for (const sequence of sequences) {
    for (const isOctetWise of [false, true]) {
      const refused = session(`${FRAME}${sequence}${SMUGGLED}`, "reject", isOctetWise);
      expect(reply(refused)).toMatch(
        row === "19" || row === "20" ? /^554 5\.6\.0 [^\r]*\r\n$/ : /^550 5\.5\.2 [^\r]*\r\n$/,
      );
      expect(refused.stored).toEqual([]);
      const kept = session(`${FRAME}${sequence}${SMUGGLED}`, "normalize", isOctetWise);
      expect(reply(kept)).toMatch(/^250 2\.0\.0 [^\r]*\r\n$/);
      expect(kept.stored.map(({ content }) => text(content).includes(SMUGGLED_MAIL))).toEqual([true]);
    }
  }
});

test("rows 10 and 11: the sequence as the first octets of the body and of all", () => {
  for (const before of ["Subject: a\r\n\r\n", ""]) {
    for (const sequence of ["\n.\n", ".\n", ".\r", "\n.\r"]) {
      const machine = session(`${before}${sequence}${SMUGGLED}`, "reject");
      expect(reply(machine)).toMatch(/^550 5\.5\.2 [^\r]*\r\n$/);
      expect(machine.stored).toEqual([]);
    }
  }
});

test("rows 12 and 26: LF . CR LF behind what is refused anyway", () => {
  const small = new Machine(testListener("trusted size=20")).open();
  for (const line of HELLO_LINES) small.receive(line);
  small.replies();
  small.receive(octets(`more than twenty octets of it\n.\r\n${SMUGGLED}`));
  expect(reply(small)).toMatch(/^552 5\.3\.4 [^\r]*\r\n$/);
  const long = session(`${"x".repeat(2000)}\n.\r\n${SMUGGLED}`, "normalize");
  expect(reply(long)).toMatch(/^554 5\.6\.0 [^\r]*\r\n$/);
  expect([...small.stored, ...long.stored]).toEqual([]);
});

test("rows 13 and 27: LF . CR LF before BDAT, and after HELO", () => {
  const machine = session(
    "x\n.\r\nMAIL FROM:<s@example.com>\r\nRCPT TO:<v@example.net>\r\nBDAT 5 LAST\r\nhello\r\n.\r\n",
    "reject",
  );
  expect(reply(machine)).toMatch(/^550 5\.5\.2 [^\r]*\r\n$/);
  const plain = new Machine(testListener("trusted")).open();
  for (const line of HELLO.replace("EHLO", "HELO").split(/(?<=\n)/)) plain.receive(octets(line));
  plain.replies();
  plain.receive(octets(`x\n.\r\n${SMUGGLED}`));
  expect(reply(plain)).toMatch(/^550 5\.5\.2 [^\r]*\r\n$/);
  expect([...machine.stored, ...plain.stored]).toEqual([]);
});

test.for([...ROWS, ...LITERAL])("rows 14 and %s: inside a chunk nothing is the end", ([row, ...sequences]) => {
  for (const sequence of sequences) {
    const payload = `${FRAME}${sequence}${SMUGGLED}`;
    for (const mode of ["reject", "normalize"] as const) {
      const machine = new Machine(LISTENERS[mode]).open();
      for (const line of HELLO_LINES.slice(0, -1)) machine.receive(line);
      machine.replies();
      machine.receive(octets(`BDAT ${payload.length} LAST\r\n${payload}`));
      const isLiteral = LITERAL.some(([number]) => number === row);
      const expected =
        isLiteral || mode === "normalize" ? "250 2.0.0" : row === "19" || row === "20" ? "554 5.6.0" : "550 5.5.2";
      expect(reply(machine)).toMatch(new RegExp(`^${expected} [^\\r]*\\r\\n$`));
      expect(machine.stored.length).toBe(expected.startsWith("250") ? 1 : 0);
      if (isLiteral) expect(text(machine.stored[0]!.content)).toBe(payload);
    }
  }
});

test.for(LITERAL)("row %s through DATA: legal content, kept as it is", ([, ...sequences]) => {
  for (const sequence of sequences) {
    for (const isOctetWise of [false, true]) {
      const machine = session(`${FRAME}${sequence}${SMUGGLED}`, "reject", isOctetWise);
      expect(reply(machine)).toMatch(/^250 2\.0\.0 [^\r]*\r\n$/);
      const unstuffed = `${FRAME}${sequence}${SMUGGLED}`.slice(0, -3).replaceAll("\r\n.", "\r\n");
      expect(machine.stored.map(({ content }) => text(content))).toEqual([unstuffed]);
    }
  }
});

test("row 24: a stuffed dot as the first line, and row 25: the end of data in four segments", () => {
  const stuffed = session("Subject: a\r\n\r\n..\r\nMAIL FROM:<x@example.com>\r\n.\r\n", "reject", true);
  expect(text(stuffed.stored[0]!.content)).toBe("Subject: a\r\n\r\n.\r\nMAIL FROM:<x@example.com>\r\n");
  const machine = session("Subject: a\r\n\r\nx", "reject");
  for (const segment of ["\r\n", ".", "\r"]) expect(machine.receive(octets(segment)).replies()).toBe("");
  expect(machine.receive(octets("\n")).replies()).toMatch(/^250 2\.0\.0 [^\r]*\r\n$/);
  expect(machine.stored).toHaveLength(1);
});

test("row 28: only CR LF CR LF ends a header; the other separators are refused, or made into it", () => {
  for (const separator of ["\n\n", "\r\r", "\r\n\n", "\n\r\n"]) {
    const content = `Subject: a${separator}Subject: b\r\n\r\nbody\r\n.\r\n`;
    expect(session(content, "reject").stored).toEqual([]);
    const kept = session(content, "normalize").stored.map((message) => text(message.content));
    expect(kept).toEqual(["Subject: a\r\n\r\nSubject: b\r\n\r\nbody\r\n"]);
  }
});
