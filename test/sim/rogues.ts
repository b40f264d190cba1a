// Clients that do what they should not.
import { type ClientParts, TRUSTED, openSession, sendLetter } from "./client.ts";
import type { Dice } from "./dice.ts";
import { type Letter, newAccount, newLetter } from "./oracle/accounts.ts";
import { type Said, answerFault } from "./oracle/answers.ts";
import { Talk } from "./talk.ts";

type Rogue = (parts: ClientParts, name: string) => Promise<void>;

const PLAIN = { isPipelining: false, isChunking: false, leavesAt: undefined, pause: 0 } as const;
const STRANGER = "198.51.100.66";
const LINE_OCTETS_MAX = 1024 * 1024;
/** What a relay may have of a line beyond its bound before it stops. */
const SLOP_OCTETS = 512 * 1024;
/** Answers that may wait for somebody who does not read: 64 KiB, and those to what is answered at a time. */
const ANSWERS_OCTETS_MAX = 96 * 1024;
/** Sessions run short: who reads nothing for so long may be cut. */
const PATIENCE_MIN_MS = 10_000;

/** A stranger tries to send all the same (promise P4). */
async function strangerRelays(parts: ClientParts, name: string): Promise<void> {
  const talk = await connect(parts, STRANGER, name);
  if (talk === undefined) return;
  const letter = parts.writer.letter({ isPermitted: false });
  parts.ledger.wrote(letter);
  const prelude = parts.dice.pick([[], ["HELO x"], ["EHLO x", "RSET"], ["EHLO x", "EHLO y", "NOOP"]]);
  for (const line of prelude) await talk.ask(line);
  for (const line of [
    `MAIL FROM:<${letter.from}>`,
    ...addressesOf(letter).map((address) => `RCPT TO:<${address}>`),
    "DATA",
  ]) {
    const reply = await talk.ask(line);
    if (line.startsWith("RCPT") && reply?.code === 250) parts.ledger.violation("P4", `${name} may name ${line}`);
    if (reply?.code === 354) break;
  }
  talk.reset();
}

/** Content that ends where only other servers think so: what follows would be a message that nobody let in. */
async function smuggler(parts: ClientParts, name: string): Promise<void> {
  const talk = await openSession(parts, name);
  if (talk === undefined) return;
  const letter = parts.writer.letter({ isPermitted: true, recipients: 1, octets: 300 });
  const [address] = addressesOf(letter);
  const end = parts.dice.pick(["\n.\r\n", "\n.\n", "\r.\r\n", "\r\n.\n", "\r.\r"]);
  const hidden = `MAIL FROM:<evil@src.test>\r\nRCPT TO:<hidden.${address}>\r\nBDAT 6 LAST\r\nhidden`;
  for (const line of [`MAIL FROM:<${letter.from}>`, `RCPT TO:<${address}>`]) await talk.ask(line);
  if ((await talk.ask("DATA"))?.code !== 354) return talk.reset();
  parts.ledger.wrote(letter);
  const text = `${letter.content.toString("latin1").replaceAll("\r\n.", "\r\n..")}end${end}${hidden}`;
  talk.say(`${text}\r\n.\r\n`);
  const reply = await talk.reply();
  letter.fate = reply === undefined || reply.code === 421 ? "unknown" : "refused";
  if (reply?.code === 250) parts.ledger.violation("P6", `${name} got 250 to content with a CR or LF alone`);
  await talk.pause(2000); // for what should not come
  talk.reset();
}

/** Commands in clear behind STARTTLS: they must not be obeyed once TLS stands. */
async function injector(parts: ClientParts, name: string): Promise<void> {
  const listener = parts.listeners.find(({ tls }) => tls === "starttls");
  const talk = listener && (await connect(parts, TRUSTED, name, listener.port));
  if (talk === undefined) return;
  await talk.ask("EHLO client.test");
  talk.say("STARTTLS\r\nEHLO injected\r\n");
  const reply = await talk.reply();
  if (reply?.code === 220 && (await talk.secure())) await talk.pause(2000);
  talk.reset();
}

/** A line without an end. */
async function flooder(parts: ClientParts, name: string): Promise<void> {
  const talk = await openSession(parts, name);
  if (talk === undefined) return;
  const piece = "x".repeat(64 * 1024);
  for (let sent = 0; sent < 3 * LINE_OCTETS_MAX && !talk.isOver && !talk.hasFarewell; sent += piece.length) {
    talk.say(piece, 0);
    await talk.pause(100);
    const taken = sent + piece.length - talk.untaken;
    if (taken > LINE_OCTETS_MAX + SLOP_OCTETS && !talk.hasFarewell && !talk.isOver)
      parts.ledger.violation("P7", `${name} sent a line of which the relay has taken ${taken} octets`);
  }
  talk.reset();
}

/** Names recipient after recipient, and reads none of the answers, or reads them much later. */
async function deaf(parts: ClientParts, name: string): Promise<void> {
  const talk = await openSession(parts, name);
  if (talk === undefined) return;
  if ((await talk.ask("MAIL FROM:<s@src.test>"))?.code !== 250) return talk.reset();
  talk.end.pause();
  const said: Said[] = [];
  for (let n = 0; n < 40 && !talk.isOver; n++) {
    const some = Array.from({ length: 200 }, (): Said => "good recipient");
    sayAll(talk, some);
    said.push(...some);
    await talk.pause(200);
    judgeWaiting(parts, talk);
  }
  if (parts.dice.happens(0.5)) return talk.reset();
  talk.end.resume();
  return hearAll(parts, talk, said, true);
}

/** Hundreds of commands in one piece, and some who do that at once: all are answered, and nobody waits for long. */
async function chatterbox(parts: ClientParts, name: string): Promise<void> {
  const count = parts.dice.happens(0.5) ? 1 : parts.dice.between(2, 12);
  await Promise.all(Array.from({ length: count }, (_, n) => chatter(parts, `${name}.${n}`)));
}

async function chatter(parts: ClientParts, name: string): Promise<void> {
  const { dice, faults } = parts;
  const talk = await openSession(parts, name);
  if (talk === undefined) return;
  if ((await talk.ask("MAIL FROM:<s@src.test>"))?.code !== 250) return talk.reset();
  const isDeaf = dice.happens(0.3);
  if (isDeaf) talk.end.pause();
  const said = chatOf(dice, isDeaf ? 4000 : 1200); // of so many the answers do not fit between two programs
  sayAll(talk, said);
  const rest = isDeaf ? dice.magnitude(1000, 600_000) : dice.magnitude(0.1, 200);
  await talk.pause(rest);
  judgeWaiting(parts, talk);
  const chance = dice.fraction();
  if (chance < 0.2) {
    faults.count("client-gone-in-chat");
    return dice.happens(0.5) ? talk.reset() : talk.close();
  }
  if (chance < 0.3) {
    faults.count("relay-met-in-chat");
    parts.befall();
  }
  talk.end.resume();
  return hearAll(parts, talk, said, rest < PATIENCE_MIN_MS);
}

/** Recipients of all kinds, more than a message may have, and content a single octet at a time. */
function chatOf(dice: Dice, recipientsMax: number): Said[] {
  const recipient = (): Said => dice.pick(["good recipient", "good recipient", "no address", "no route"]);
  const content = (): Said => (dice.happens(0.95) ? "chunk" : recipient());
  const many = (most: number, one: () => Said): Said[] => Array.from({ length: dice.between(50, most) }, one);
  return [
    "good recipient",
    ...many(recipientsMax, recipient),
    ...(dice.happens(0.7) ? many(400, content) : []),
    "reset",
  ];
}

const WORDS: Readonly<Record<Said, string>> = {
  "good recipient": "RCPT TO:<nobody@good.test>\r\n",
  "no address": "RCPT TO:<nobody@>\r\n",
  "no route": "RCPT TO:<nobody@nowhere.test>\r\n",
  chunk: "BDAT 1\r\nx",
  reset: "RSET\r\n",
};

function sayAll(talk: Talk, said: readonly Said[]): void {
  talk.say(said.map((one) => WORDS[one]).join(""), said.length);
}

function judgeWaiting({ ledger }: ClientParts, talk: Talk): void {
  const waiting = talk.end.other.unread;
  if (waiting > ANSWERS_OCTETS_MAX)
    ledger.violation("P7", `${talk.name} reads nothing, and ${waiting} octets of answers wait for it`);
}

/** Reads what it was answered; `isPatient`: the relay has no reason to end its session. */
async function hearAll(parts: ClientParts, talk: Talk, said: readonly Said[], isPatient: boolean): Promise<void> {
  const codes: number[] = [];
  for (let n = 0; n < said.length; n++) {
    const reply = await talk.reply();
    if (reply === undefined) break;
    codes.push(reply.code);
    if (reply.code === 421) break;
  }
  const isWhole = isPatient && !talk.end.isFaulty && parts.isRunning(talk.process);
  const fault = answerFault(said, codes, parts.recipientsMax, isWhole);
  if (fault !== undefined) parts.ledger.violation("P7", `${talk.name} said all at once: ${fault}`);
  talk.reset();
}

/** More recipients than a message may have: the others are told so. */
async function crowdedLetter(parts: ClientParts, name: string): Promise<void> {
  const talk = await openSession(parts, name);
  if (talk === undefined) return;
  const recipients = parts.recipientsMax + parts.dice.between(1, 3);
  const letter = parts.writer.letter({ isPermitted: true, recipients, octets: 500 });
  await sendLetter(parts, talk, letter, { ...PLAIN, isPipelining: parts.dice.happens(0.5) });
  talk.reset();
}

/** Content that no relay takes, and then a letter that is as it should be: nothing of the first may be left. */
async function blunderer(parts: ClientParts, name: string): Promise<void> {
  const talk = await openSession(parts, name);
  if (talk === undefined) return;
  for (const line of ["MAIL FROM:<s@src.test>", "RCPT TO:<nobody@good.test>"]) await talk.ask(line);
  const toData = await talk.ask("DATA");
  if (toData?.code !== 354) return talk.reset();
  talk.say(`Subject: too long\r\n\r\n${"y".repeat(1200)}\r\n.\r\n`);
  const reply = await talk.reply();
  if (reply !== undefined && reply.code < 400)
    parts.ledger.violation("P6", `${name} got ${reply.code} to a line of 1200 octets`);
  if (reply === undefined || talk.hasFarewell) return talk.reset();
  await sendLetter(parts, talk, parts.writer.letter({ isPermitted: true, octets: 400 }), PLAIN);
  return talk.reset();
}

/** Talks before it is greeted, or says what is no SMTP at all. */
async function babbler(parts: ClientParts, name: string): Promise<void> {
  const talk = await connect(parts, STRANGER, name, undefined, false);
  if (talk === undefined) return;
  talk.say(parts.dice.pick(["EHLO early\r\n", "GET / HTTP/1.1\r\n\r\n", "\0\0\xff\r\n\r\n", "QUIT\r\nQUIT\r\n"]), 3);
  await talk.reply();
  await talk.pause(1000);
  talk.reset();
}

/** Says nothing, for as long as the relay lets it. */
async function sitter(parts: ClientParts, name: string): Promise<void> {
  const talk = await connect(parts, TRUSTED, name);
  if (talk === undefined) return;
  for (let n = 0; n < 2 && !talk.isOver; n++) await talk.reply();
  if (!talk.isOver && !talk.hasFarewell)
    parts.ledger.violation("P7", `${name} said nothing for 20 minutes, and its session stands`);
  talk.reset();
}

/** Answers to mail that nobody sent, to a domain that takes none: more than postmaster wants to hear of in an hour. */
async function backscatterer(parts: ClientParts, name: string): Promise<void> {
  const talk = await openSession(parts, name);
  if (talk === undefined) return;
  for (let n = 0; n < 30 && !talk.isOver; n++) {
    const facts = { isPermitted: true, isFromNobody: true, recipients: 1, octets: 300, domain: "dead.test" };
    if (!(await sendLetter(parts, talk, parts.writer.letter(facts), PLAIN))) break;
  }
  talk.reset();
}

const ROGUES: readonly Rogue[] = [
  strangerRelays,
  smuggler,
  injector,
  flooder,
  deaf,
  chatterbox,
  crowdedLetter,
  blunderer,
  babbler,
  sitter,
  backscatterer,
];

export async function misbehave(parts: ClientParts, name: string): Promise<void> {
  const rogue = parts.dice.pick(ROGUES);
  parts.faults.count(`client-${rogue.name}`);
  await rogue(parts, `${name} (${rogue.name})`);
}

/** More recipients at once than a mail thread keeps in memory. */
export async function flood(parts: ClientParts, name: string): Promise<void> {
  parts.faults.count("client-flood");
  const send = async (n: number): Promise<void> => {
    const talk = await openSession(parts, `${name}.${n}`);
    if (talk === undefined) return;
    const letter = parts.writer.letter({ isPermitted: true, recipients: 1000, octets: 500, domain: "good.test" });
    await sendLetter(parts, talk, letter, { ...PLAIN, isPipelining: true });
    talk.reset();
  };
  await Promise.all(Array.from({ length: 18 }, (_, n) => send(n)));
}

/** As many as a listener takes, and some more (promise P7). */
export async function crowd(parts: ClientParts, name: string, sessionsMax: number): Promise<void> {
  parts.faults.count("client-crowd");
  const listener = parts.listeners.find(({ tls }) => tls === "none");
  if (listener === undefined) return;
  const talks = await Promise.all(
    Array.from({ length: sessionsMax + 5 }, (_, n) => connect(parts, TRUSTED, `${name}.${n}`, listener.port, false)),
  );
  const greeted = await Promise.all(talks.map(async (talk) => [talk, await talk?.reply()] as const));
  const standing = greeted.filter(([talk, reply]) => reply?.code === 220 && talk?.isOver === false);
  if (standing.length > sessionsMax)
    parts.ledger.violation("P7", `${standing.length} sessions stand at a listener that takes ${sessionsMax}`);
  for (const talk of talks) talk?.reset();
}

async function connect(
  parts: ClientParts,
  address: string,
  name: string,
  port = parts.listeners.find(({ tls }) => tls === "none")?.port ?? 0,
  isGreeted = true,
): Promise<Talk | undefined> {
  const end = await parts.dial(address, port);
  if (end === undefined) return undefined;
  const talk = new Talk(end, name, parts.timeline, parts.ledger);
  if (isGreeted && (await talk.reply())?.code !== 220) {
    talk.reset();
    return undefined;
  }
  return talk;
}

function addressesOf(letter: Letter): string[] {
  return [...letter.accounts.keys()];
}

/** A letter in another relay's queue. */
export function importedLetter(number: number, domain: string): Letter {
  const key = `i${number}`;
  const content = Buffer.from(`X-Letter: ${key}\r\nMessage-ID: <${key}@src.test>\r\n\r\nImported.\r\n`);
  const letter = newLetter({
    key,
    from: `is${number}@src.test`,
    isPermitted: true,
    content,
    wantsNoReport: false,
    about: undefined,
  });
  newAccount(letter, `ri${number}@${domain}`).isNamed = true;
  return letter;
}
