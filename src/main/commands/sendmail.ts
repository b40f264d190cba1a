// `waypost sendmail ...`, and the launcher where it is called `sendmail`: what it does is told in docs/operating/sendmail.md.
import { SystemClock } from "../../adapters/system/clock.ts";
import { SystemEntropy } from "../../adapters/system/entropy.ts";
import { userWords } from "../../adapters/system/process-user.ts";
import { unreachable } from "../../core/base/invariant.ts";
import { concatBytes, isAscii } from "../../core/base/bytes.ts";
import { OUTBOUND } from "../../core/base/limits.ts";
import { hasHidden, printable } from "../../core/base/printable.ts";
import { dateTime } from "../../core/base/time.ts";
import { type Mailbox, type ReversePath, pathKey, pathText } from "../../core/mail/path.ts";
import { messageId } from "../../core/mail/message-id.ts";
import type { Outcome, Permanent } from "../../core/outbound/outcome.ts";
import { encodeXtext } from "../../core/smtp/xtext.ts";
import { parseAddressList } from "../../core/submission/address-list.ts";
import { type LetterOrder, parseArguments } from "../../core/submission/arguments.ts";
import { type Letter, contentOf, readLetter, valuesOf, without } from "../../core/submission/letter.ts";
import { forwardPathOf, reversePathOf } from "../../core/submission/local-address.ts";
import { CommandFailure, EXIT } from "../../surfaces/cli/failure.ts";
import { type WholeMessage, sendMessage } from "../send.ts";
import { type SendmailTerms, sendmailTerms } from "../sendmail-terms.ts";
import { SpoolRoom } from "../spool-room.ts";
import { talk } from "../sendmail-talk.ts";

/** Answers the exit code of sysexits.h. */
export async function sendmail(args: readonly string[]): Promise<number> {
  try {
    return await obey(args);
  } catch (error) {
    if (error instanceof CommandFailure) {
      console.error(`sendmail: ${error.lines.join("\n")}`);
      return error.exitCode;
    }
    console.error(`sendmail: ${printable(error instanceof Error ? error.message : String(error))}`);
    return EXIT.software;
  }
}

async function obey(args: readonly string[]): Promise<number> {
  const order = parseArguments(args);
  switch (order.kind) {
    case "wrong":
      throw new CommandFailure(order.why, order.because === "usage" ? EXIT.usage : EXIT.unavailable);
    case "nothing":
      return 0;
    case "queue": {
      const { queueCommands } = await import("./queue.ts");
      await queueCommands.list({ limit: 1000, ...(order.config === undefined ? {} : { config: order.config }) });
      return 0;
    }
    case "dialogue":
      return talk((await sendmailTerms(order.config)).server);
    case "letter": {
      const terms = await sendmailTerms(order.config);
      return send(await messageFor(order, terms, await readInput(terms.messageOctetsMax)), terms);
    }
    default:
      return unreachable(order);
  }
}

async function readInput(octetsMax: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let octets = 0;
  for await (const part of process.stdin as AsyncIterable<Uint8Array>) {
    parts.push(part);
    octets += part.length;
    if (octets > octetsMax) throw tooLarge(octetsMax);
  }
  return concatBytes(parts.length === 0 ? [new Uint8Array(0)] : parts);
}

function tooLarge(octetsMax: number): CommandFailure {
  return new CommandFailure(`the message is larger than the ${octetsMax} octets that the relay takes`, EXIT.data);
}

async function messageFor(order: LetterOrder, terms: SendmailTerms, input: Uint8Array): Promise<WholeMessage> {
  const read = readLetter(input, order);
  if (read.kind === "malformed") throw new CommandFailure(read.why, EXIT.data);
  const user = userWords(process.getuid?.() ?? 0);
  const own = reversePathOf(user.login, terms.domain);
  const sender = order.sender === undefined ? own : reversePathOf(order.sender, terms.domain);
  if (sender.kind === "malformed")
    throw new CommandFailure(
      order.sender === undefined
        ? `the sender ${shown(user.login)} is no address: ${sender.why}; name one with -f`
        : `-f takes the address of the sender, and ${shown(order.sender)} is none: ${sender.why}`,
      EXIT.usage,
    );
  const recipients = recipientsOf(order, read.letter, terms.domain);
  const letter = without(read.letter, HIDDEN_FIELDS);
  const content = contentOf(letter, {
    from: fromFor(sender, own, order.name ?? (order.sender === undefined ? user.name : "")),
    date: dateTime(new SystemClock().now()),
    messageId: `${messageId(new SystemClock().now(), new SystemEntropy().octets(5))}@${terms.domain}`,
  });
  if (content.length > terms.messageOctetsMax) throw tooLarge(terms.messageOctetsMax);
  return {
    hostname: terms.domain,
    from: pathText(sender),
    to: recipients.map(pathText),
    notify: order.notify,
    content,
    isEightBit: !isAscii(content),
    isUtf8: [sender, ...recipients].some((path) => path.kind === "mailbox" && path.isInternational),
    subject: "",
    ...(order.ret === undefined ? {} : { ret: order.ret }),
    ...envelopeIdOf(order.envelopeId),
  };
}

/** Who stands there is nobody's to see. */
const HIDDEN_FIELDS = ["bcc", "resent-bcc"];
const ENVELOPE_ID_MAX = 100; // RFC 3461 section 4.4

function envelopeIdOf(text: string | undefined): { readonly envelopeId?: string } {
  if (text === undefined) return {};
  const envelopeId = encodeXtext(text);
  if (text === "" || hasHidden(text) || !/^[\x20-\x7e]*$/.test(text) || envelopeId.length > ENVELOPE_ID_MAX)
    throw new CommandFailure(`-V takes up to ${ENVELOPE_ID_MAX} characters of ASCII`, EXIT.usage);
  return { envelopeId };
}

function fromFor(
  sender: ReversePath,
  own: ReversePath | { readonly kind: "malformed" },
  name: string,
): { readonly address: string; readonly name: string } {
  const path = sender.kind === "mailbox" ? sender : own;
  return { address: path.kind === "mailbox" ? path.text : "MAILER-DAEMON", name };
}

type Recipient = Mailbox | { readonly kind: "postmaster" };

/** Each once. With `-t` those of the arguments and those of the header, as Postfix has it. */
function recipientsOf(order: LetterOrder, letter: Letter, domain: string): Recipient[] {
  const named = order.addresses.flatMap((argument) => addressesOf(argument, "", EXIT.usage));
  const found = order.readsRecipients ? headerAddresses(letter) : [];
  if (named.length + found.length === 0)
    throw order.readsRecipients
      ? new CommandFailure("there is no recipient in To, Cc and Bcc, and none was named", EXIT.data)
      : new CommandFailure("name a recipient, or -t to take those of the header", EXIT.usage);
  const recipients = new Map<string, Recipient>();
  for (const [addresses, code] of [
    [named, EXIT.usage],
    [found, EXIT.data],
  ] as const)
    for (const address of addresses) {
      const path = forwardPathOf(address, domain);
      if (path.kind === "malformed") throw new CommandFailure(`${shown(address)} is no address: ${path.why}`, code);
      recipients.set(pathKey(path), path);
    }
  return [...recipients.values()];
}

/** Where a message is sent again (RFC 5322 section 3.6.6), to whom it is sent now. */
function headerAddresses(letter: Letter): string[] {
  const isResent = letter.fields.some(({ name }) => RESENT.includes(name));
  return (isResent ? RESENT : SENT).flatMap((name) =>
    valuesOf(letter, name).flatMap((value) => addressesOf(value, `${name}: `, EXIT.data)),
  );
}

const SENT = ["to", "cc", "bcc"];
const RESENT = SENT.map((name) => `resent-${name}`);

function addressesOf(text: string, where: string, code: number): readonly string[] {
  const list = parseAddressList(text);
  if (list.kind === "addresses") return list.addresses;
  throw new CommandFailure(`${where}${shown(text)}: ${list.why}`, code);
}

const SHOWN_CHARACTERS_MAX = 100;

function shown(text: string): string {
  return printable(text.trim(), SHOWN_CHARACTERS_MAX);
}

/**
 * To the relay; what that cannot take now, into the spool. Some recipients may be taken and others not, and then the rest has
 * to be kept: whoever gets exit code 75 sends to all of them again. So the room for it is there before the first is sent.
 */
async function send(message: WholeMessage, terms: SendmailTerms): Promise<number> {
  const spool = await SpoolRoom.of(message, terms.spool);
  try {
    const { code, taken, waiting, why } = await sendParts(message, terms);
    if (waiting.size === 0) return code;
    const failure = await spool.keep(waiting, why);
    if (failure === undefined) return code;
    const has = [...taken, ...failure.kept].map(
      (recipient) => `<${printable(recipient)}>: taken, do not send it there again`,
    );
    throw new CommandFailure(failure.why, EXIT.temporary, has);
  } finally {
    await spool.drop();
  }
}

interface Sent {
  /** Of what was refused. */
  readonly code: number;
  readonly taken: readonly string[];
  readonly waiting: ReadonlySet<string>;
  /** Why the first of them waits. */
  readonly why: string;
}

async function sendParts(message: WholeMessage, terms: SendmailTerms): Promise<Sent> {
  let code = 0;
  let why: string | undefined;
  const taken: string[] = [];
  const waiting = new Set<string>();
  for (let at = 0; at < message.to.length; at += OUTBOUND.recipientsPerTransactionMax) {
    const part = message.to.slice(at, at + OUTBOUND.recipientsPerTransactionMax);
    const results = await sendMessage(terms.server, { ...message, to: part });
    for (const { recipient, outcome } of results) {
      if (outcome.kind === "delivered") taken.push(recipient);
      else if (outcome.kind === "transient") {
        waiting.add(recipient);
        why ??= wordsOf(outcome);
      } else {
        console.error(`sendmail: <${printable(recipient)}>: refused: ${printable(wordsOf(outcome))}`);
        code ||= codeOf(outcome);
      }
    }
    if (results.some(({ outcome }) => outcome.kind === "transient" && outcome.scope !== "recipient")) {
      for (const recipient of message.to.slice(at + part.length)) waiting.add(recipient);
      break;
    }
  }
  return { code, taken, waiting, why: why ?? "" };
}

function wordsOf(outcome: Exclude<Outcome, { kind: "delivered" }>): string {
  const { reply, detail } = outcome;
  return reply === undefined ? detail : `${reply.code} ${reply.lines.join(" / ")}`;
}

/** By the subject of its status (RFC 3463 section 3). */
function codeOf({ status, cause }: Permanent): number {
  if (cause === "too-big" || status.startsWith("5.6.") || status === "5.3.4") return EXIT.data;
  if (status.startsWith("5.7.")) return EXIT.noPermission;
  return status.startsWith("5.1.") ? EXIT.noUser : EXIT.unavailable;
}
