import { type TestListener, testListener } from "../../support/listener.ts";
import { Machine, type StoredMessage } from "../../support/machine.ts";
import { ReceptionWire } from "../../support/reception-wire.ts";
import { type Chance, between } from "../../support/chance.ts";
import { transcriptSessions } from "../material.ts";
import { type Kept, type Rules, STATES } from "../reference-codes.ts";
import { ReferenceSession } from "../reference-session.ts";
import { type Target, Violation, chanceOf, holds, octetsOf, oneOf, same, textOf } from "../target.ts";

// Whole sessions of a client, judged by the reference. An input is a character for the listener, and then what is sent, in
// segments: the next one goes when the one before was answered, as the reference says what may be waited for.

const NEXT = "\ue000";
/** Stands for 64 KiB of a line. */
const LONG = "\ue001";
const LONG_OCTETS = "x".repeat(65_536);

const LISTENERS = [
  ...new Set([
    ...transcriptSessions().map(({ listener }) => listener),
    "starttls auth require_tls",
    "secure auth trusted size=100",
    "trusted recipients=1",
    "secure auth recipients=2 messages=1",
    "messages=2",
  ]),
].sort();

interface Script {
  readonly words: string;
  readonly segments: readonly Uint8Array[];
}

const FIRST = "A".charCodeAt(0);

export function scriptOf(input: string): Script {
  const words = LISTENERS[Math.max(0, (input.charCodeAt(0) || 0) - FIRST) % LISTENERS.length]!;
  const segments = input.slice(1).split(NEXT).slice(0, 150);
  let room = 40; // of long pieces, so that one input has a bound
  const long = (): string => (room-- > 0 ? LONG_OCTETS : "");
  return { words, segments: segments.map((segment) => octetsOf(segment.replaceAll(LONG, long))) };
}

export function rulesOf({ rules, identity, obstacle, routes }: TestListener): Rules {
  return {
    isTrusted: identity.kind !== "none",
    tls: rules.tls,
    needsTls: rules.isTlsRequired,
    hasLogin: rules.hasCredentials,
    isNormalizing: rules.bareNewlines === "normalize",
    octetsMax: rules.messageOctetsMax,
    recipientsMax: rules.recipientsMax,
    messagesMax: rules.messagesPerConnectionMax,
    isOpen: obstacle === undefined && routes.every(({ recipient }) => recipient === undefined),
  };
}

/** Codes of whole replies. */
export function codesIn(output: string): number[] {
  holds(/^(?:[^\r\n]*\r\n)*$/.test(output), "replies are whole lines", output);
  const codes: number[] = [];
  for (const line of output.split("\r\n").slice(0, -1)) {
    holds(/^[2-5][0-9]{2}[ -][ -~\x80-\xff]*$/.test(line), "a reply is printable", line);
    holds(line.length <= 510, "a reply line is bounded (RFC 5321 section 4.5.3.1.5)", line);
    const status = /^.{4}([245])\.[0-9]{1,3}\.[0-9]{1,3} /.exec(line)?.[1];
    holds(status === undefined || status === line[0], "code and status are of one class", line);
    if (line[3] === " ") codes.push(Number(line.slice(0, 3)));
  }
  return codes;
}

/** Domains have no case (RFC 5321 section 2.4). */
function keyOf(path: string): string {
  const at = path.lastIndexOf("@");
  return path.slice(0, at) + path.slice(at).toLowerCase();
}

function judgeStored(kept: readonly Kept[], stored: readonly StoredMessage[]): void {
  same(stored.length, kept.length, "a message is kept for each 250 to its content, and no other");
  for (const [at, message] of stored.entries()) {
    const { from, recipients, content } = kept[at]!;
    same(textOf(message.content), content, "content is kept as it was sent");
    holds(message.recipients.length >= 1 && message.recipients.length <= recipients.length, "to those that were taken");
    const isPlain = (path: string): boolean => /^[a-z0-9]+@[a-z0-9.]+[a-z]$/.test(path);
    for (const recipient of recipients)
      // One address is one recipient, and the spelling that came first is kept.
      if (isPlain(recipient))
        holds(
          message.recipients.some((kept) => keyOf(kept) === recipient),
          "to each of them",
          recipient,
        );
    for (const recipient of message.recipients)
      if (recipients.every(isPlain)) holds(recipients.includes(recipient), "to nobody else", recipient);
    if (isPlain(from) || from === "") same(message.from, from, "from whom it was");
  }
}

const states = new Set<string>();

/** Throws `Violation`s; what the reference says is one. */
function judged(work: () => void): void {
  try {
    work();
  } catch (error) {
    throw error instanceof Violation ? error : new Violation((error as Error).message);
  }
}

/** The pure machine, without a turn of the event loop. Answers what came of it. */
function playPure({ words, segments }: Script, cut: (segment: Uint8Array) => readonly Uint8Array[]): string {
  const listener = testListener(words);
  const machine = new Machine(listener).open();
  const reference = new ReferenceSession(rulesOf(listener));
  same(codesIn(machine.replies()), [220], "the greeting");
  let all = "";
  for (const segment of segments) {
    if (machine.isAwaitingTls) {
      machine.secured();
      reference.secured();
    }
    for (const piece of cut(segment)) machine.receive(piece);
    const output = machine.replies();
    all += output;
    judged(() => reference.take(textOf(segment), codesIn(output), machine.isClosed));
  }
  for (const state of reference.states) states.add(state);
  judgeStored(reference.kept, machine.stored);
  return all;
}

/** Behind a line's end no cut is made: what follows it there is a fact (RFC 2920), and not how it came. */
function cutsOf(chance: Chance): (segment: Uint8Array) => readonly Uint8Array[] {
  return (segment) => {
    const pieces: Uint8Array[] = [];
    let start = 0;
    for (let at = 1; at < segment.length; at++) {
      if (segment[at - 1] === 10 || chance() > (segment.length > 2000 ? 0.002 : 0.2)) continue;
      pieces.push(segment.slice(start, at));
      start = at;
    }
    return [...pieces, segment.slice(start)];
  };
}

/** The wire's clock goes on by seconds at each of them: with more a deadline for content is over, of which the reference knows nothing. */
const RECEPTION_SEGMENTS_MAX = 15;

async function playReception({ words, segments }: Script): Promise<void> {
  if (segments.length > RECEPTION_SEGMENTS_MAX) return;
  const listener = testListener(words);
  const wire = new ReceptionWire(listener);
  const reference = new ReferenceSession(rulesOf(listener));
  same(codesIn(await saidBy(wire)), [220], "the greeting");
  for (const segment of segments) {
    if (wire.socket.state === "securing") {
      wire.socket.secure();
      reference.secured();
    }
    await wire.send(segment);
    const codes = codesIn(await saidBy(wire));
    const isClosed = await wire.isClosed();
    judged(() => reference.take(textOf(segment), codes, isClosed));
  }
  const stored: StoredMessage[] = [];
  for (let message = wire.message(); message !== undefined; message = wire.message()) stored.push(message);
  judgeStored(reference.kept, stored);
  await wire.end();
}

async function saidBy(wire: ReceptionWire): Promise<string> {
  let output = "";
  for (let line = await wire.line(); line !== undefined; line = await wire.line()) output += `${line}\r\n`;
  return output;
}

const PLAIN = Buffer.from("\0app1\0secret").toString("base64");
const LINES = [
  "EHLO client.test",
  "HELO client.test",
  "STARTTLS",
  `AUTH PLAIN ${PLAIN}`,
  "AUTH PLAIN",
  "AUTH LOGIN",
  "AUTH LOGIN YXBwMQ==",
  PLAIN,
  "YXBwMQ==",
  "c2VjcmV0",
  "*",
  "=",
  "MAIL FROM:<a@example.com>",
  "MAIL FROM:<a@b.test> SIZE=10",
  "MAIL FROM:<>",
  "RCPT TO:<b@example.net>",
  "RCPT TO:<c@d.test>",
  "RCPT TO:<postmaster>",
  "DATA",
  "BDAT 5",
  "BDAT 5 LAST",
  "BDAT 0 LAST",
  "BDAT x",
  "RSET",
  "NOOP",
  "VRFY x",
  "EXPN x",
  "HELP",
  "QUIT",
  "GET / HTTP/1.1",
  "XYZZY",
];
const BODIES = [
  "Subject: a\r\n\r\nb\r\n.\r\n",
  ".\r\n",
  "x\n.\n\r\n.\r\n",
  "a\r\n..b\r\n.\r\n",
  "hello",
  "hel",
  "\0\r\n.\r\n",
  `${"y".repeat(999)}\r\n.\r\n`,
];

/** Mostly what belongs together, so that one gets far. */
export function aSession(chance: Chance): string {
  const listener = String.fromCharCode(FIRST + between(chance, 0, LISTENERS.length - 1));
  const hello = oneOf(chance, ["EHLO c", "EHLO c", "EHLO c", "HELO c"]);
  const lines: string[] = [hello];
  if (chance() < 0.5) lines.push("STARTTLS", hello);
  if (chance() < 0.5)
    lines.push(
      ...oneOf(chance, [
        [`AUTH PLAIN ${PLAIN}`],
        ["AUTH LOGIN", "YXBwMQ==", "c2VjcmV0"],
        ["AUTH LOGIN", "", ""],
        ["AUTH PLAIN", PLAIN],
      ]),
    );
  const text: string[] = lines.map((line) => `${line}\r\n${NEXT}`);
  for (let n = between(chance, 0, 3); n > 0; n--) {
    const glue = hello === "HELO c" || chance() < 0.5 ? NEXT : "";
    text.push(`MAIL FROM:<a@example.com>\r\n${glue}RCPT TO:<b@example.net>\r\n${glue}`);
    text.push(
      chance() < 0.6
        ? `DATA\r\n${NEXT}${oneOf(chance, BODIES)}${NEXT}`
        : `BDAT 5\r\nhello${glue}BDAT 5 LAST\r\nhello${NEXT}`,
    );
    if (chance() < 0.3) text.splice(between(chance, 1, text.length), 0, `${oneOf(chance, LINES)}\r\n${NEXT}`);
  }
  return listener + text.join("");
}

export const sessionSeeds = transcriptSessions().map(
  ({ listener, segments }) =>
    String.fromCharCode(FIRST + LISTENERS.indexOf(listener)) +
    segments
      .filter((segment) => segment.length < 5000)
      .slice(0, 60)
      .join(NEXT),
);

export const sessionTokens: readonly string[] = [
  ...LINES.map((line) => `${line}\r\n`),
  ...LINES.map((line) => `${line}\r\n${NEXT}`),
  ...BODIES,
  NEXT,
  NEXT,
  "\r\n",
  "\n",
  LONG,
  "XYZZY\r\n".repeat(8),
  "NOOP\r\n".repeat(60),
  "RCPT TO:<b@example.net>\r\n".repeat(9),
];

const session: Target = {
  name: "session",
  files: [
    "core/inbound/session.ts",
    "core/inbound/verbs.ts",
    "core/inbound/transaction.ts",
    "core/inbound/content.ts",
    "core/inbound/auth.ts",
  ],
  unreachable: {
    "abort(reply": "for the driver: a deadline that is over, or a stop",
    'this.phase.name !== "closed") this.end(reply)': "the same",
    "return this.#take();": "the same",
    '"Enough messages on this connection"': "for a stranger who has sent mail, which nobody does who is not trusted",
    '"Far too many recipients"': "for a stranger whose recipients are taken, of whom there is none",
    'machine.emit({ kind: "reset" });': "for a message that our disk does not take",
    "return machine.reply(verdict.reply);": "the same",
    '"BDAT", verdict.reply': "the same",
  },
  lengthMax: 12_000,
  seeds: sessionSeeds,
  tokens: sessionTokens,
  generate: aSession,
  async check(input) {
    const script = scriptOf(input);
    const whole = playPure(script, (segment) => [segment]);
    const chance = chanceOf(input);
    if (chance() < 0.5) same(playPure(script, cutsOf(chance)), whole, "however it is cut");
    if (chance() < 0.03) await playReception(script);
  },
  summary: () => ({ states: states.size, statesAll: STATES.length }),
};

export const targets: readonly Target[] = [session];
