import type { Dice } from "./dice.ts";
import type { Faults } from "./faults.ts";
import type { Writer } from "./letters.ts";
import type { Letter } from "./oracle/accounts.ts";
import type { Ledger } from "./oracle/ledger.ts";
import { octetsOf, stuffed } from "./smtp-text.ts";
import { type Reply, Talk } from "./talk.ts";
import type { Timeline } from "./timeline.ts";
import type { End } from "./wire.ts";

/** A listener of the relay, as a client knows it. */
export interface ListenerFacts {
  readonly port: number;
  readonly tls: "none" | "starttls" | "implicit";
}

export interface ClientParts {
  readonly timeline: Timeline;
  readonly dice: Dice;
  readonly faults: Faults;
  readonly ledger: Ledger;
  readonly writer: Writer;
  readonly listeners: readonly ListenerFacts[];
  readonly recipientsMax: number;
  /** The relay's process of that number neither stops nor is gone. */
  readonly isRunning: (process: number) => boolean;
  /** Something happens to the relay's process, or to what it goes by. */
  readonly befall: () => void;
  dial(address: string, port: number): Promise<End | undefined>;
}

export const PASSWORD = "correct horse";
/** A client in one of the relay's networks, and one that is a stranger. */
export const TRUSTED = "10.1.0.7";
const STRANGER = "203.0.113.9";

/** What a well-meaning client does with a message. */
interface Manner {
  readonly isPipelining: boolean;
  readonly isChunking: boolean;
  /** It goes in the middle of the content; undefined: it does not. */
  readonly leavesAt: number | undefined;
  /** Between two pieces of content. */
  readonly pause: number;
}

function mannerOf(dice: Dice): Manner {
  return {
    isPipelining: dice.happens(0.5),
    isChunking: dice.happens(0.3),
    leavesAt: dice.happens(0.04) ? dice.fraction() : undefined,
    pause: dice.happens(0.05) ? dice.magnitude(10, 3000) : 0,
  };
}

/** Opens a session that may send; undefined where that does not come about. */
export async function openSession(parts: ClientParts, name: string): Promise<Talk | undefined> {
  const { dice } = parts;
  const listener = dice.pick(parts.listeners);
  const isTrusted = listener.tls === "none" || dice.happens(0.4);
  const end = await parts.dial(isTrusted ? TRUSTED : STRANGER, listener.port);
  if (end === undefined) return undefined;
  const talk = new Talk(end, name, parts.timeline, parts.ledger);
  if (listener.tls === "implicit" && !(await talk.secure())) return gone(talk);
  if (!isFine(await talk.reply(), 220)) return gone(talk);
  if (!isFine(await talk.ask("EHLO client.test"), 250)) return gone(talk);
  if (listener.tls === "starttls" && (!isTrusted || dice.happens(0.7)) && !(await startTls(talk))) return gone(talk);
  if (isTrusted) return talk;
  const login = Buffer.from(`\0app\0${PASSWORD}`).toString("base64");
  return isFine(await talk.ask(`AUTH PLAIN ${login}`), 235) ? talk : gone(talk);
}

async function startTls(talk: Talk): Promise<boolean> {
  if (!isFine(await talk.ask("STARTTLS"), 220)) return false;
  return (await talk.secure()) && isFine(await talk.ask("EHLO client.test"), 250);
}

function gone(talk: Talk): undefined {
  if (!talk.isOver) talk.reset();
}

function isFine(reply: Reply | undefined, code: number): boolean {
  return reply?.code === code;
}

/** Sends some letters over one session. */
export async function sendLetters(parts: ClientParts, name: string): Promise<void> {
  const talk = await openSession(parts, name);
  if (talk === undefined) return;
  const { dice } = parts;
  for (let left = dice.happens(0.7) ? 1 : dice.between(2, 8); left > 0 && !talk.isOver; left--) {
    const letter = parts.writer.letter({ isPermitted: true });
    if (!(await sendLetter(parts, talk, letter, mannerOf(dice)))) break;
    if (left > 1 && dice.happens(0.2)) await rest(parts, talk);
  }
  if (talk.isOver) return;
  if (dice.happens(0.8)) await talk.ask("QUIT");
  talk.close();
}

/** Between two letters. */
async function rest(parts: ClientParts, talk: Talk): Promise<void> {
  await talk.pause(parts.dice.between(1000, 200_000));
  if (talk.hasFarewell) expectPatience(parts, talk, "silence", await talk.reply());
}

/** One letter. False where the session cannot go on. */
export async function sendLetter(parts: ClientParts, talk: Talk, letter: Letter, manner: Manner): Promise<boolean> {
  parts.ledger.wrote(letter);
  const isNamed = await name(parts, talk, letter, manner);
  if (isNamed !== true) return isNamed === false;
  const reply = await (manner.isChunking
    ? sendChunks(parts, talk, letter, manner)
    : sendData(parts, talk, letter, manner));
  if (reply === "left" || reply === "refused") return reply === "refused";
  judge(parts, talk, letter, reply);
  return reply !== undefined && !talk.hasFarewell && !talk.isOver;
}

/** MAIL and RCPT. True: content may come; false: not now; undefined: the session is over. */
async function name(parts: ClientParts, talk: Talk, letter: Letter, manner: Manner): Promise<boolean | undefined> {
  const accounts = [...letter.accounts.values()];
  const notify = letter.wantsNoReport ? " NOTIFY=NEVER" : "";
  const body = letter.content.some((octet) => octet > 0x7f) ? " BODY=8BITMIME" : "";
  const mail = `MAIL FROM:<${letter.from}>${body}`;
  const rcpts = accounts.map(({ address }) => `RCPT TO:<${address}>${notify}`);
  if (manner.isPipelining) talk.say(`${[mail, ...rcpts].join("\r\n")}\r\n`, 1 + rcpts.length);
  const toMail = manner.isPipelining ? await talk.reply() : await talk.ask(mail);
  expectPatience(parts, talk, "MAIL", toMail);
  if (toMail === undefined || talk.hasFarewell) return undefined;
  const isTaken = toMail.code === 250;
  if (!isTaken && !manner.isPipelining) return false;
  let named = 0;
  for (const [at, rcpt] of rcpts.entries()) {
    const reply = manner.isPipelining ? await talk.reply() : await talk.ask(rcpt);
    if (reply === undefined || talk.hasFarewell) return undefined;
    if (isTaken && !mayLackRoute(accounts[at]!.address)) expectPatience(parts, talk, "RCPT", reply);
    accounts[at]!.isNamed = reply.code === 250;
    if (reply.code === 250) named++;
  }
  if (named > parts.recipientsMax)
    parts.ledger.violation("P7", `${talk.name} named ${named} recipients, of at most ${parts.recipientsMax}`);
  if (isTaken && named === 0) return isFine(await talk.ask("RSET"), 250) ? false : undefined;
  return isTaken;
}

/** A reload takes its route away, and gives it back. */
function mayLackRoute(address: string): boolean {
  return address.endsWith("@ext.test");
}

/** Promise P5: what is wrong on the relay's side is never a 5yz to somebody who does all as it should be. */
function expectPatience({ ledger, isRunning }: ClientParts, talk: Talk, what: string, reply: Reply | undefined): void {
  // One that says nothing for long is ended, and sooner where sessions run short.
  if (reply?.code === 421 && isRunning(talk.process) && !reply.lines[0]!.startsWith("4.4.2"))
    ledger.violation(
      "P5",
      `${talk.name} got ${reply.code} ${reply.lines.join(" / ")} to its ${what}, of a relay that goes on`,
    );
  if (reply !== undefined && reply.code >= 500)
    ledger.violation("P5", `${talk.name} got ${reply.code} ${reply.lines.join(" / ")} to its ${what}`);
}

function judge(parts: ClientParts, talk: Talk, letter: Letter, reply: Reply | undefined): void {
  expectPatience(parts, talk, "content", reply);
  if (reply === undefined) letter.fate = "unknown";
  else if (reply.code === 250) parts.ledger.acknowledgedLetter(letter, reply.saidIn);
  else letter.fate = reply.code === 421 ? "unknown" : "refused";
}

type Said = Reply | undefined | "left" | "refused";

async function sendData(parts: ClientParts, talk: Talk, letter: Letter, manner: Manner): Promise<Said> {
  const toData = await talk.ask("DATA");
  expectPatience(parts, talk, "DATA", toData);
  if (toData?.code !== 354) return toData === undefined || talk.hasFarewell ? "left" : "refused";
  const content = stuffed(letter.content);
  if (manner.leavesAt !== undefined) return leave(parts, talk, content.subarray(0, content.length * manner.leavesAt));
  await sendPieces(parts, talk, content, manner);
  if (parts.dice.happens(0.02)) {
    parts.faults.count("client-gone-after-dot");
    talk.say(".\r\n");
    letter.fate = "unknown";
    talk.close();
    return "left";
  }
  talk.say(".\r\n");
  return talk.reply();
}

function leave({ dice, faults }: ClientParts, talk: Talk, content: Uint8Array): "left" {
  faults.count("client-gone-in-content");
  talk.end.send(content);
  if (dice.happens(0.5)) talk.close();
  else talk.reset();
  return "left";
}

async function sendPieces({ dice }: ClientParts, talk: Talk, content: Uint8Array, { pause }: Manner): Promise<void> {
  if (pause === 0) return talk.say(content, 0);
  const most = Math.max(content.length / 5, 2000 * (pause / 1000)); // no slower than the relay has patience for
  for (let from = 0; from < content.length && !talk.isOver;) {
    const to = Math.min(content.length, from + Math.ceil(most * (0.5 + dice.fraction())));
    talk.say(content.subarray(from, to), 0);
    from = to;
    await talk.pause(pause);
  }
}

async function sendChunks(parts: ClientParts, talk: Talk, letter: Letter, manner: Manner): Promise<Said> {
  const content = letter.content;
  const cut = parts.dice.happens(0.5) ? Math.floor(content.length * parts.dice.fraction()) : 0;
  if (cut > 0) {
    talk.say(octetsOf(`BDAT ${cut}\r\n`), 1);
    talk.say(content.subarray(0, cut), 0);
    const reply = await talk.reply();
    expectPatience(parts, talk, "BDAT", reply);
    if (reply?.code !== 250) return reply === undefined || talk.hasFarewell ? "left" : "refused";
  }
  talk.say(octetsOf(`BDAT ${content.length - cut} LAST\r\n`), 1);
  if (manner.leavesAt !== undefined)
    return leave(parts, talk, content.subarray(cut, cut + (content.length - cut) * 0.9));
  await sendPieces(parts, talk, content.subarray(cut), manner);
  const reply = await talk.reply();
  // With the last chunk refused before it was looked at the transaction is over as well.
  return reply;
}
