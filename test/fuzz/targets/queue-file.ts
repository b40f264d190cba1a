import { BrokenFrames, Frames } from "../../../src/adapters/queue-file/frames.ts";
import { headLine, readHead, readMessage, readNext } from "../../../src/adapters/queue-file/lines.ts";
import { mailsOf } from "../../../src/adapters/queue-file/mails.ts";
import { parseForwardPath } from "../../../src/core/mail/path.ts";
import type { StoredEnvelope } from "../../../src/core/mail/stored.ts";
import { ExportedContent } from "../../../src/core/queue/exported-content.ts";
import type { ExportedMessage } from "../../../src/core/queue/exported.ts";
import { type Chance, between } from "../../support/chance.ts";
import { type Target, chanceOf, cut, holds, joined, octetsOf, oneOf, same, some, textOf } from "../target.ts";

// The file of `waypost queue export`, which anybody may have changed.

const ENVELOPE = {
  from: "a@b.test",
  identity: "user app",
  client: "",
  prefix: "X: y\r\n",
  isEightBit: false,
  isUtf8: false,
  subject: "s",
};
const DELIVERY = {
  recipient: "c@d.test",
  options: "",
  lane: "mx/d.test",
  attempts: 0,
  priority: "normal",
  isHeld: false,
  isExpiring: false,
  isTold: false,
  last: "",
};

function line(more: object, envelope: object = ENVELOPE, deliveries: readonly object[] = [DELIVERY]): string {
  const message = { id: "0123456789abcd", receivedAt: 1, octets: 3, envelope: JSON.stringify(envelope), deliveries };
  return JSON.stringify({ ...message, ...more });
}

const LAST = JSON.stringify({ because: "connect-failed", text: "x", at: 1 });
const LINES = [
  line({}),
  line({}, { ...ENVELOPE, ret: "full", envelopeId: "x", wasId: "0123456789abcd", isNotice: true }),
  line({}, { ...ENVELOPE, session: { listener: "l", hello: "h", protocol: "p", tls: "", senderRule: "" } }),
  line({}, ENVELOPE, [{ ...DELIVERY, options: '{"notify":"never"}', last: LAST, lane: "smarthost/x@e" }]),
  line({}, ENVELOPE, [DELIVERY, { ...DELIVERY, recipient: "C@d.test" }, { ...DELIVERY, recipient: "postmaster" }]),
  line(
    {},
    { ...ENVELOPE, about: { id: "0123456789abcd", action: "failed", subject: "s", recipients: ["a@b"], count: 1 } },
  ),
  line({}, { ...ENVELOPE, from: "" }),
  headLine({ hostname: "h.test", exportedAt: 1 }),
  `{"messages":1,"deliveries":1,"sha256":"${"0a".repeat(32)}"}`,
  '{"waypost":"queue export","version":2,"hostname":"x","exportedAt":0}',
  "[".repeat(500),
  "null",
];
const JSON_SIGNS = [
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  '"',
  "\\",
  "null",
  "true",
  "1e309",
  "-0",
  "0.5",
  '"__proto__":1,',
  '\\"',
  "\\r\\n",
  "\\u0000",
  "\\\\u0000",
];
const VALUES = [
  '"c@d.test"',
  '"C@d.test"',
  '"\\"c\\"@d.test"',
  '"c@d.test> X"',
  '"c@d.test\\r\\nDATA"',
  '"postmaster"',
  '""',
  '"mx/x"',
  '"0123456789abcd"',
];

function clean(text: string, what: string): void {
  holds(!/[\0-\x1f\x7f]/.test(text), `${what} goes into commands and lines`, text);
}

function checkMessage(found: ExportedMessage): void {
  holds(/^[0-9A-Za-z]{14}$/.test(found.id), "an id is one", found.id);
  for (const number of [found.octets, found.receivedAt])
    holds(Number.isSafeInteger(number) && number >= 0, "a number is one", number);
  const envelope = JSON.parse(found.envelope) as StoredEnvelope;
  for (const text of [envelope.from, envelope.identity, envelope.client, envelope.envelopeId ?? ""])
    clean(text, "an envelope");
  holds(
    envelope.prefix === "" ||
      /^(?:[!-9;-~]+[ \t]*:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)+(?:\r\n)?$/.test(envelope.prefix),
    "what stands before content is fields",
    envelope.prefix,
  );
  const recipients = found.deliveries.map(({ recipient }) => recipient);
  holds(recipients.length >= 1 && recipients.length <= 4096, "recipients are bounded");
  same(new Set(recipients).size, recipients.length, "nobody gets it twice");
  for (const { recipient, lane, attempts, options, last } of found.deliveries) {
    clean(recipient, "a recipient");
    clean(lane, "a lane");
    const path = parseForwardPath(`<${recipient}>`);
    holds(path.kind === "path" && path.rest === "", "a recipient is an address", recipient);
    holds(Number.isSafeInteger(attempts) && attempts >= 0, "attempts are a number", attempts);
    for (const text of [options, last])
      holds(text === "" || typeof JSON.parse(text) === "object", "what the store keeps is JSON", text);
  }
  same(readMessage(JSON.stringify(found)), found, "written and read");
}

const lines: Target = {
  name: "queue-lines",
  files: ["adapters/queue-file/lines.ts"],
  lengthMax: 6000,
  seeds: LINES,
  tokens: [...JSON_SIGNS, ...VALUES, ...Object.keys({ ...ENVELOPE, ...DELIVERY }), "never", "delay", "sha256"],
  generate: (chance: Chance) =>
    line(
      { octets: between(chance, 0, 9) },
      {
        ...ENVELOPE,
        prefix: oneOf(chance, ["", "X: y", "X: y\r\n\r\n", "\r\n", "X\r\n", "X: \u0001\r\n"]),
        from: oneOf(chance, ["a@b", "", "root", "a@b\n"]),
      },
      [
        {
          ...DELIVERY,
          recipient: oneOf(chance, ["c@d", "c", "c@d.", "c@D"]),
          attempts: oneOf(chance, [0, -1, 0.5, 2 ** 53, 2 ** 53 - 1]),
        },
        { ...DELIVERY, recipient: oneOf(chance, ["c@d", "e@f", '"c"@d', "c@D"]) },
      ],
    ),
  check(text) {
    const head = readHead(text);
    if ("wrong" in head) holds(head.wrong.length < 200, "it is said why");
    else {
      clean(head.hostname, "a host name");
      same(readHead(headLine(head)), head, "a head written and read");
    }
    const found = readMessage(text);
    if ("wrong" in found) holds(found.wrong.length < 1000, "it is said why", found.wrong);
    else checkMessage(found);
    const next = readNext(text);
    if ("wrong" in next) same(next, found, "what is no end is a message, or neither");
    else if ("sha256" in next) holds(/^[0-9a-f]{64}$/.test(next.sha256) && "wrong" in found, "an end is one");
    else same(next, found, "a message is one");
  },
};

async function* of(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, void> {
  for (const piece of pieces) yield await Promise.resolve(piece);
}

/** Lines and contents in turn: a line that begins with a number says how long a content follows it. */
async function framed(pieces: readonly Uint8Array[]): Promise<string[]> {
  const frames = new Frames(of(pieces));
  const found: string[] = [];
  try {
    for (;;) {
      const text = await frames.line();
      if (text === undefined) return [...found, `end at ${frames.position}`];
      found.push(`line ${text}`);
      const octets = /^[0-9]{1,5}/.exec(text)?.[0];
      if (octets === undefined) continue;
      const parts: Uint8Array[] = [];
      for await (const part of frames.content(Number(octets))) parts.push(part);
      found.push(`content ${textOf(joined(parts))}`);
    }
  } catch (error) {
    if (error instanceof BrokenFrames) return [...found, error.message];
    throw error;
  }
}

/** The same by other means. */
function expectedFrames(octets: Uint8Array): string[] {
  const found: string[] = [];
  const all = Buffer.from(octets);
  for (let at = 0; ;) {
    if (at === all.length) return [...found, `end at ${at}`];
    const end = all.indexOf(10, at);
    if (end === -1) return [...found, "it ends in a line"];
    const text = new TextDecoder().decode(all.subarray(at, end));
    found.push(`line ${text}`);
    at = end + 1;
    const octetsLeft = /^[0-9]{1,5}/.exec(text)?.[0];
    if (octetsLeft === undefined) continue;
    const after = at + Number(octetsLeft);
    if (after > all.length) return [...found, "it ends in a content"];
    if (after === all.length) return [...found, "it ends behind a content"];
    if (all[after] !== 10) return [...found, "a content has not the length that its line says"];
    found.push(`content ${textOf(all.subarray(at, after))}`);
    at = after + 1;
  }
}

const frames: Target = {
  name: "queue-frames",
  files: ["adapters/queue-file/frames.ts"],
  unreachable: { "throw new BrokenFrames(`a line is longer": "takes 64 MiB" },
  lengthMax: 2000,
  seeds: ["3\nabc\n", "a\nb\n", "0\n\n", "3\nab", "3\nabc", "3\nabcd\n", "a", "", "5\na\nb\nc\n"],
  tokens: ["\n", "0", "1", "2", "10", "abc", "\r\n", "99999"],
  generate: (chance) =>
    some(chance, 5, () => {
      const content = "y".repeat(between(chance, 0, 12));
      return `${content.length}\n${content}\n`;
    }),
  async check(input) {
    const octets = octetsOf(input);
    const expected = expectedFrames(octets);
    same(await framed([octets]), expected, "lines and contents are what they are");
    same(await framed(cut(octets, chanceOf(input))), expected, "however it comes");
  },
};

const exported: Target = {
  name: "queue-content",
  files: ["core/queue/exported-content.ts", "adapters/queue-file/mails.ts"],
  lengthMax: 3000,
  seeds: ["Subject: a\r\n\r\nb\r\n", "no header\r\n", "a\nb", "\0", `A: ${"x".repeat(1000)}\r\n`, "\r\n", ""],
  tokens: ["\r\n", "\n", "\r", "\0", "A: b\r\n", "x", "\r\n\r\n", "\xe4"],
  async check(input) {
    const octets = octetsOf(input);
    const text = textOf(octets);
    const hasHeader =
      /^[!-9;-~]+[ \t]*:/.test(text.split("\n", 1)[0]!.slice(0, 592)) || text.startsWith("\r\n") || text === "";
    for (const prefix of ["X: y\r\n", "X: y\r\n\r\n"]) {
      const checked = new ExportedContent();
      for (const piece of cut(octets, chanceOf(input))) checked.take(piece);
      const fault = checked.fault(JSON.stringify({ prefix }));
      const isBad = /\r(?!\n)|(?<!\r)\n|\0/.test(text) || text.split("\r\n").some((line) => line.length > 998);
      if (isBad) holds(fault !== undefined, "what no relay takes is told");
      else if (hasHeader && prefix.endsWith("\r\n\r\n"))
        holds(fault !== undefined, "what hides a header is told", text);
      else if (prefix === "X: y\r\n") same(fault, undefined, "what a client could have brought is taken");
    }
    await checkMails(octets, input);
  },
};

/** Two messages with this content, one behind the other. */
async function checkMails(octets: Uint8Array, input: string): Promise<void> {
  const mail = Buffer.concat([Buffer.from(`${line({ octets: octets.length })}\n`), octets, Buffer.from("\n")]);
  let messages = 0;
  for await (const { message, content } of mailsOf(of(cut(Buffer.concat([mail, mail]), chanceOf(input))))) {
    const parts: Uint8Array[] = [];
    for await (const part of content) parts.push(part);
    same(message.octets, octets.length, "a message says how long it is");
    same(textOf(joined(parts)), textOf(octets), "and has its content");
    messages++;
  }
  same(messages, 2, "each message is one");
}

export const targets: readonly Target[] = [lines, frames, exported];
