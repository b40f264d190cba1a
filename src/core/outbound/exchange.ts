import { invariant, unreachable } from "../base/invariant.ts";
import type { ServerReply } from "../smtp/reply-decoder.ts";
import { DATA_COMMAND, RSET_COMMAND, type Transaction, mailCommand, rcptCommand } from "./commands.ts";
import type { Features } from "./features.ts";
import { type Outcome, type Permanent, type Phase, delivered, refused, refusedRecipient, unsuited } from "./outcome.ts";

/** What follows from a reply. */
export type Step =
  | "wait"
  /** 354: the content may go. */
  | "content"
  /** Every recipient has its outcome; the session may go on. */
  | "finished"
  /** Every recipient has its outcome; the server is in the middle of something, so the session may not. */
  | "finished-last"
  /** The reply answers nothing that was asked. */
  | "astray"
  | { readonly send: string };

type Place = "rset" | "mail" | "rcpt" | "data" | "block" | "finalDot";

/** Why no server with these features can take the transaction. */
export function unsuitedTo(transaction: Transaction, features: Features): Permanent | undefined {
  if (features.size !== undefined && features.size > 0 && transaction.octets > features.size) {
    return unsuited("too-big", `${transaction.octets} octets, and the server takes ${features.size}`);
  }
  if (transaction.needsSmtpUtf8 && !features.smtpUtf8) {
    const paths = [transaction.reversePath, ...transaction.recipients.map(({ forwardPath }) => forwardPath)];
    return paths.every(isAsciiText)
      ? unsuited("header-needs-smtputf8", "the header needs SMTPUTF8, which the server does not offer")
      : unsuited("needs-smtputf8", "an address needs SMTPUTF8, which the server does not offer");
  }
  if (transaction.isEightBit && !features.eightBitMime) {
    return unsuited("needs-8bitmime", "the content needs 8BITMIME, which the server does not offer");
  }
  return undefined;
}

/**
 * One transaction between MAIL and the answer to the final dot. With PIPELINING its commands go in one piece
 * (RFC 2920), and the replies are told apart by their order alone, as they always are.
 */
export class Exchange {
  readonly #transaction: Transaction;
  readonly #features: Features;
  readonly #isOurRelay: boolean;
  readonly #outcomes: (Outcome | undefined)[];
  #place: Place;
  /** The recipient whose reply comes next. */
  #next = 0;
  #accepted = 0;
  #isMailRefused = false;

  /** `isOurRelay`: the server is a smart host. */
  constructor(transaction: Transaction, features: Features, needsReset: boolean, isOurRelay: boolean) {
    invariant(transaction.recipients.length > 0, "a transaction has a recipient");
    this.#transaction = transaction;
    this.#features = features;
    this.#isOurRelay = isOurRelay;
    this.#outcomes = Array.from<Outcome | undefined>({ length: transaction.recipients.length });
    this.#place = needsReset ? "rset" : "mail";
  }

  /** What to send first. */
  opening(): string {
    const mail = mailCommand(this.#transaction, this.#features);
    const reset = this.#place === "rset" ? RSET_COMMAND : "";
    if (!this.#features.pipelining) return reset === "" ? mail : reset;
    let text = reset + mail;
    for (const recipient of this.#transaction.recipients) text += rcptCommand(recipient, this.#features);
    return text + DATA_COMMAND;
  }

  get phase(): Phase {
    return this.#place;
  }

  /** True where the server has, or may have, all of the message, and some recipient is still without an outcome. */
  get isInDoubt(): boolean {
    return this.#place === "finalDot";
  }

  /** True where the server still has a transaction open that RSET has to end. */
  get needsReset(): boolean {
    return !this.#isMailRefused && this.#place !== "finalDot";
  }

  /** The final dot is on its way. */
  contentSent(): void {
    invariant(this.#place === "block", "content goes after 354");
    this.#place = "finalDot";
  }

  /** Gives every recipient that has none yet this outcome, and answers with all of them, in order. */
  settle(outcome: Outcome): readonly Outcome[] {
    for (let i = 0; i < this.#outcomes.length; i++) this.#outcomes[i] ??= outcome;
    return this.#outcomes as Outcome[];
  }

  get outcomes(): readonly Outcome[] {
    invariant(!this.#outcomes.includes(undefined), "every recipient has an outcome");
    return this.#outcomes as Outcome[];
  }

  /** Takes any reply but 421. */
  take(reply: ServerReply): Step {
    switch (this.#place) {
      case "rset":
        return this.#takeRset(reply);
      case "mail":
        return this.#takeMail(reply);
      case "rcpt":
        return this.#takeRcpt(reply);
      case "data":
        return this.#takeData(reply);
      case "block":
        return this.#takePremature(reply);
      case "finalDot":
        return this.#takeFinal(reply);
      default:
        return unreachable(this.#place);
    }
  }

  #takeRset(reply: ServerReply): Step {
    if (reply.code >= 300) return "astray";
    this.#place = "mail";
    return this.#features.pipelining ? "wait" : { send: mailCommand(this.#transaction, this.#features) };
  }

  #takeMail(reply: ServerReply): Step {
    if (isIntermediate(reply)) return "astray";
    if (reply.code >= 400) {
      this.#isMailRefused = true;
      this.settle(refused("mail", "mail-refused", "message", reply, this.#isOurRelay));
      if (!this.#features.pipelining) return "finished";
    }
    this.#place = "rcpt";
    return this.#sendNext();
  }

  #takeRcpt(reply: ServerReply): Step {
    if (isIntermediate(reply)) return "astray";
    if (reply.code < 300) this.#accepted++;
    else this.#outcomes[this.#next] ??= refusedRecipient(reply, this.#accepted === 0, this.#isOurRelay);
    this.#next++;
    if (this.#next === this.#outcomes.length) this.#place = "data";
    return this.#sendNext();
  }

  /** Without PIPELINING: the command that the reply before it made room for. */
  #sendNext(): Step {
    if (this.#features.pipelining) return "wait";
    if (this.#place === "rcpt") {
      return { send: rcptCommand(this.#transaction.recipients[this.#next]!, this.#features) };
    }
    return this.#accepted > 0 ? { send: DATA_COMMAND } : "finished";
  }

  #takeData(reply: ServerReply): Step {
    const isWanted = this.#accepted > 0 && !this.#isMailRefused;
    if (reply.code === 354) {
      // The server waits for content without a recipient (RFC 2920 section 3.1). A lone dot would be an empty message
      // to whomever it thinks it accepted; the end of the connection is none.
      if (!isWanted) return "finished-last";
      this.#place = "block";
      return "content";
    }
    if (reply.code < 400) return "astray";
    if (isWanted) this.settle(refused("data", "data-refused", "message", reply, this.#isOurRelay));
    return "finished";
  }

  /** A reply while content goes out: a refusal counts, and the rest of the content with its dot is not sent. */
  #takePremature(reply: ServerReply): Step {
    if (reply.code < 400) return "astray";
    this.settle(refused("block", "content-refused", "message", reply, this.#isOurRelay));
    return "finished-last";
  }

  #takeFinal(reply: ServerReply): Step {
    if (isIntermediate(reply)) return "astray";
    this.settle(
      reply.code < 300
        ? delivered(reply, this.#features.dsn)
        : refused("finalDot", "content-refused", "message", reply, this.#isOurRelay),
    );
    return "finished";
  }
}

function isAsciiText(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text);
}

function isIntermediate(reply: ServerReply): boolean {
  return reply.code >= 300 && reply.code < 400;
}
