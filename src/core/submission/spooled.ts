// A file of the spool: what SMTP would have said, and the content as it is. Any user of the machine may put one there, so that
// nothing in it is believed before it is parsed.

import { octetText, utf8, utf8Text } from "../base/bytes.ts";
import { SPOOL } from "../base/limits.ts";
import { hasHidden } from "../base/printable.ts";
import type { Envelope, Recipient } from "../mail/envelope.ts";
import { parseForwardPath, parseReversePath } from "../mail/path.ts";
import { type Transaction, mailCommand, rcptCommand } from "../outbound/commands.ts";
import { type Features, NO_FEATURES } from "../outbound/features.ts";
import { parseMailParameters, parseRcptParameters } from "../smtp/parameters.ts";

const FIRST_LINE = "WAYPOST SPOOL 1\r\n";
const HEAD_END = utf8("\r\n\r\n");

/** What the relay's reception can do. */
const EVERYTHING: Features = { ...NO_FEATURES, size: 0, eightBitMime: true, smtpUtf8: true, dsn: true };

/** The file of a message to at most `SPOOL.recipientsMax` recipients. */
export function spoolFile(transaction: Transaction, content: Uint8Array): Uint8Array[] {
  const commands = [
    mailCommand(transaction, EVERYTHING),
    ...transaction.recipients.map((recipient) => rcptCommand(recipient, EVERYTHING)),
  ];
  return [utf8(`${FIRST_LINE}${commands.join("")}\r\n`), content];
}

/** What is left of a file when the others of its recipients are done with. It is not its user's any more: `uid` says whose it was. */
export function headOfRest(head: SpoolHead, left: ReadonlySet<Recipient>, uid: number): Uint8Array {
  const [mail = "", ...rcpts] = head.commands;
  const those = rcpts.filter((_, at) => left.has(head.recipients[at]!));
  return utf8(`${FIRST_LINE}${OF}${uid}\r\n${mail}${those.join("")}\r\n`);
}

export interface SpoolHead {
  readonly kind: "head";
  /** The user whose it was, as the relay wrote it; undefined where it is its owner's. */
  readonly of: number | undefined;
  /** MAIL and each RCPT, each with CR LF. */
  readonly commands: readonly string[];
  readonly envelope: Envelope;
  readonly recipients: readonly Recipient[];
  /** Octets of the content, and where it begins. */
  readonly octets: number;
  readonly contentAt: number;
}

export type ReadHead =
  | SpoolHead
  /** Its end is not there yet. */
  | { readonly kind: "unfinished" }
  | { readonly kind: "malformed"; readonly why: string };

function malformed(why: string): ReadHead {
  return { kind: "malformed", why };
}

/** `start` are the first octets of the file, `SPOOL.headOctetsMax` of them at most. */
export function readHead(start: Uint8Array): ReadHead {
  const first = octetText(start.subarray(0, FIRST_LINE.length));
  if (!FIRST_LINE.startsWith(first)) return malformed("it does not begin as a file of the spool does");
  const end = endOfHead(start);
  if (end === -1) return start.length < SPOOL.headOctetsMax ? { kind: "unfinished" } : malformed("its head has no end");
  const text = utf8Text(start.subarray(FIRST_LINE.length, end + 2));
  if (text === undefined) return malformed("its head is not UTF-8");
  const lines = text.split("\r\n").slice(0, -1);
  if (lines.some(hasHidden)) return malformed("its head has control characters");
  const of = OF_LINE.exec(lines[0]!)?.[1];
  const [mail = "", ...rcpts] = lines.slice(of === undefined ? 0 : 1);
  const head = headOf(mail, rcpts, end + HEAD_END.length);
  return head.kind === "head" && of !== undefined ? { ...head, of: Number(of) } : head;
}

const OF = "OF ";
const OF_LINE = /^OF (0|[1-9][0-9]{0,9})$/;

function endOfHead(octets: Uint8Array): number {
  for (let at = octets.indexOf(HEAD_END[0]!); at !== -1; at = octets.indexOf(HEAD_END[0]!, at + 1))
    if (HEAD_END.every((octet, i) => octets[at + i] === octet)) return at;
  return -1;
}

function headOf(mail: string, rcpts: readonly string[], contentAt: number): ReadHead {
  if (rcpts.length === 0 || rcpts.length > SPOOL.recipientsMax)
    return malformed(`it has ${rcpts.length} recipients, and may have 1 to ${SPOOL.recipientsMax}`);
  const envelope = envelopeOf(mail);
  if (envelope?.declaredOctets === undefined) return malformed("its MAIL is not as it should be");
  const recipients: Recipient[] = [];
  for (const rcpt of rcpts) {
    const recipient = recipientOf(rcpt, envelope.smtpUtf8);
    if (recipient === undefined) return malformed("one of its RCPT is not as it should be");
    recipients.push(recipient);
  }
  const commands = [mail, ...rcpts].map((line) => `${line}\r\n`);
  return { kind: "head", of: undefined, commands, envelope, recipients, octets: envelope.declaredOctets, contentAt };
}

const MAIL = "MAIL FROM:";
const RCPT = "RCPT TO:";

function envelopeOf(line: string): Envelope | undefined {
  const sender = line.startsWith(MAIL) ? parseReversePath(line.slice(MAIL.length)) : undefined;
  if (sender?.kind !== "path") return undefined;
  const parameters = parseMailParameters(sender.rest);
  return parameters.kind === "refused" ? undefined : { ...parameters.value, reversePath: sender.path };
}

function recipientOf(line: string, isUtf8: boolean): Recipient | undefined {
  const path = line.startsWith(RCPT) ? parseForwardPath(line.slice(RCPT.length)) : undefined;
  if (path?.kind !== "path") return undefined;
  const parameters = parseRcptParameters(path.rest, isUtf8);
  return parameters.kind === "refused" ? undefined : { ...parameters.value, path: path.path };
}

/** Time first, so that names are in the order of the files, and more chance than can be guessed: whoever knows a name may open it. */
export function spoolName(now: number, chance: string): string {
  return `${Math.floor(now).toString(36).padStart(TIME_DIGITS, "0")}${chance}`;
}

const TIME_DIGITS = 9;
const NAME = /^[0-9a-z]{9}[0-9a-f]{32}$/;

export function isSpoolName(text: string): boolean {
  return NAME.test(text);
}

/**
 * What a message that was made of a file is known by in the store: the file, and which of its recipients were refused, so that one
 * that was killed before it could tell of them is not taken for one that had none.
 */
export function messageMark(name: string, refused: readonly number[]): string {
  return refused.length === 0 ? name : `${name}/!${refused.join(".")}`;
}

/** And a report about those that were refused. */
export function reportMark(name: string, number: number): string {
  return `${name}/${number}`;
}
