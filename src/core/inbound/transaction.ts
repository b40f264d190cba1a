import { INBOUND } from "../base/limits.ts";
import type { Envelope, Recipient } from "../mail/envelope.ts";
import { type ForwardPath, type Mailbox, parseForwardPath, parseReversePath, trimmed } from "../mail/path.ts";
import { parseMailParameters, parseRcptParameters } from "../smtp/parameters.ts";
import { permfail, success, tempfail } from "../smtp/reply.ts";
import type { Machine, PhaseOf, Transaction } from "./state.ts";

/** What follows `FROM:` or `TO:`; spaces after the colon are tolerated, before it they are not. */
function afterKeyword(argument: string, keyword: string): string | undefined {
  return argument.slice(0, keyword.length).toUpperCase() === keyword
    ? trimmed(argument.slice(keyword.length))
    : undefined;
}

/**
 * `<root>` as `<root@DOMAIN>`. The null reverse-path and `<postmaster>` have no domain on purpose (RFC 5321 section 4.5.1), and
 * whatever is not a plain local part in brackets is left to the parser to refuse.
 */
function withDomain(text: string, domain: string | undefined): string {
  if (domain === undefined) return text;
  const [whole, localPart] = BARE.exec(text) ?? [];
  if (whole === undefined || localPart!.toLowerCase() === "postmaster") return text;
  return `<${localPart}@${domain}>${text.slice(whole.length)}`;
}

const BARE = /^<([^\s<>@"\\]+|"(?:[^"\\]|\\.)*")>(?=[ \t]|$)/;

export function runMail(machine: Machine, phase: PhaseOf<"ready">, argument: string): void {
  if (machine.messages >= machine.settings.messagesMax && !machine.isTrusted)
    return machine.end(tempfail(421, "4.7.0", "Enough messages on this connection"));
  const text = afterKeyword(argument, "FROM:");
  if (text === undefined) return machine.fail("MAIL", permfail(501, "5.5.4", "Say MAIL FROM:<address>"));
  const parsed = parseReversePath(withDomain(text, machine.settings.appendDomain));
  if (parsed.kind === "malformed")
    return machine.fail("MAIL", permfail(501, parsed.isSyntax ? "5.5.4" : "5.1.7", `Bad sender: ${parsed.why}`));
  const parameters = parseMailParameters(parsed.rest);
  if (parameters.kind === "refused") return machine.fail("MAIL", parameters.reply);
  const envelope: Envelope = { ...parameters.value, reversePath: parsed.path };
  if (needsUtf8(parsed.path, envelope))
    return machine.fail("MAIL", permfail(553, "5.6.7", "A non-ASCII address needs SMTPUTF8"));
  if ((envelope.declaredOctets ?? 0) > machine.settings.messageOctetsMax) {
    return machine.fail(
      "MAIL",
      permfail(552, "5.3.4", `Message larger than ${machine.settings.messageOctetsMax} octets`),
    );
  }
  return machine.ask({ about: "mail", envelope }, (verdict) => {
    if (verdict.kind === "refuse") return machine.fail("MAIL", verdict.reply);
    machine.phase = { name: "transaction", hello: phase.hello, envelope, recipients: [], excess: 0, chunks: undefined };
    return machine.reply(SENDER_OK);
  });
}

const SENDER_OK = success(250, "2.1.0", "Sender OK");
const RECIPIENT_OK = success(250, "2.1.5", "Recipient OK");

function needsUtf8(path: Mailbox | { readonly kind: "null" | "postmaster" }, envelope: Envelope): boolean {
  return path.kind === "mailbox" && path.isInternational && !envelope.smtpUtf8;
}

/** RFC 6761 section 6.3: such a name means the machine that looks it up, which to a next hop is the next hop. */
function isHere(path: ForwardPath): boolean {
  if (path.kind !== "mailbox" || path.domain.kind !== "domain") return false;
  const { ascii } = path.domain;
  return ascii === "localhost" || ascii.endsWith(".localhost");
}

export function runRcpt(machine: Machine, transaction: Transaction, argument: string): void {
  if (transaction.chunks !== undefined)
    return machine.refuse("RCPT", permfail(503, "5.5.1", "Content was begun; no more recipients"));
  const text = afterKeyword(argument, "TO:");
  if (text === undefined) return machine.refuse("RCPT", permfail(501, "5.5.4", "Say RCPT TO:<address>"));
  const parsed = parseForwardPath(withDomain(text, machine.settings.appendDomain));
  if (parsed.kind === "malformed")
    return machine.refuse("RCPT", permfail(501, parsed.isSyntax ? "5.5.4" : "5.1.3", `Bad recipient: ${parsed.why}`));
  if (isHere(parsed.path))
    return machine.refuse("RCPT", permfail(501, "5.1.3", "Bad recipient: localhost is no domain"));
  const parameters = parseRcptParameters(parsed.rest, transaction.envelope.smtpUtf8);
  if (parameters.kind === "refused") return machine.refuse("RCPT", parameters.reply);
  const recipient: Recipient = { ...parameters.value, path: parsed.path };
  if (needsUtf8(parsed.path, transaction.envelope)) {
    return machine.refuse("RCPT", permfail(553, "5.6.7", "A non-ASCII address needs SMTPUTF8 at MAIL"));
  }
  if (transaction.recipients.length >= machine.settings.recipientsMax) return refuseExcess(machine, transaction);
  return machine.ask({ about: "rcpt", envelope: transaction.envelope, recipient }, (verdict) => {
    if (verdict.kind === "refuse") return machine.refuse("RCPT", verdict.reply);
    transaction.recipients.push(recipient);
    return machine.reply(RECIPIENT_OK);
  });
}

/** The first ones are delivered; the client sends the rest in another transaction (RFC 5321 section 4.5.3.1.10). */
function refuseExcess(machine: Machine, transaction: Transaction): void {
  transaction.excess++;
  if (transaction.excess > INBOUND.excessRecipientsMax && !machine.isTrusted)
    return machine.end(tempfail(421, "4.7.0", "Far too many recipients"));
  return machine.reply(tempfail(452, "4.5.3", `No more than ${machine.settings.recipientsMax} recipients a message`));
}
