import { concatBytes, isAscii, utf8 } from "../base/bytes.ts";
import { unreachable } from "../base/invariant.ts";
import { DSN } from "../base/limits.ts";
import { printable } from "../base/printable.ts";
import { type Instant, dateTime } from "../base/time.ts";
import { isIpv4, isIpv6 } from "../mail/domain.ts";
import type { MessageId } from "../mail/message-id.ts";
import type { ReportedMessage } from "../mail/stored.ts";
import { addressLiteral } from "../mail/trace.ts";
import { decodeXtext } from "../smtp/xtext.ts";
import { decodeWords } from "./encoded-word.ts";
import { type Explanation, explanationOf, explanationOfDelay } from "./explanation.ts";
import { field, paragraph, spanText } from "./text.ts";

/** RFC 3464 section 2.3.3, as far as a relay knows it: final delivery is somebody else's. */
export type Action = "failed" | "delayed" | "relayed";

export interface ReportedRecipient {
  /** As between the brackets of RCPT. */
  readonly address: string;
  /** ORCPT as it came (RFC 3461 section 4.2). */
  readonly originalRecipient: string | undefined;
  /** RFC 3463: `5.1.1`. */
  readonly status: string;
  /** Of an expiry: the code of what was met last, or that an operator wanted it (explanation.ts). */
  readonly means?: string | undefined;
  /** Name of the server that said `diagnostic`; empty where none was reached. */
  readonly remoteHost: string;
  /** Its reply, or what the system or we have to say; from a stranger, in full. */
  readonly diagnostic: string;
  readonly lastAttempt: Instant;
}

/** One report about one message and recipients that fared alike (RFC 3464). */
export interface Report {
  readonly action: Action;
  readonly id: MessageId;
  readonly now: Instant;
  readonly hostname: string;
  /** Who reads it: the message's sender, or postmaster, where it had none. */
  readonly audience: "sender" | "postmaster";
  /** To whom this goes: the envelope sender of the message, never the null one, or postmaster. */
  readonly to: string;
  readonly envelopeId: string | undefined;
  /** Of the message, as it came; may be empty. */
  readonly subject: string;
  readonly arrivedAt: Instant;
  /** What postmaster has to know of a message without a sender, to find it; undefined where the sender reads. */
  readonly origin: Origin | undefined;
  readonly recipients: readonly ReportedRecipient[];
  /** Until when it is tried, where the action is `delayed`. */
  readonly triedUntil: Instant | undefined;
  /** The message has text beyond ASCII in its envelope or header: the report is of the kind of RFC 6533. */
  readonly isUtf8: boolean;
  /** What goes back of the message: its header, or all of it; with CR LF. Undefined where it could not be read. */
  readonly returned: Returned | undefined;
}

/** Where a message without a sender came from. */
export type Origin =
  /** A report of ours, to `reader`. */
  | { readonly kind: "report"; readonly id: MessageId; readonly about: ReportedMessage; readonly reader: string }
  /** Another automatic message, which `identity` gave us. */
  | { readonly kind: "client"; readonly id: MessageId; readonly client: string; readonly identity: string };

export interface Returned {
  readonly kind: "header" | "whole";
  readonly octets: Uint8Array;
  /** The header was longer. */
  readonly isCut: boolean;
  /** What the header had that no server takes: it goes back without that. */
  readonly mended?: string;
}

/** A mail program lists the subject alone: it says how many recipients the report is about, and which where it is one. */
export function reportSubject({
  action,
  audience,
  recipients,
}: Pick<Report, "action" | "audience" | "recipients">): string {
  const whom = recipients.length === 1 ? soleRecipient(recipients[0]!.address) : `${recipients.length} recipients`;
  if (audience === "postmaster") return `Undelivered: a message without a sender did not reach ${whom}`;
  switch (action) {
    case "failed":
      return `Undelivered: your message did not reach ${whom}`;
    case "delayed":
      return `Delayed: your message is still on its way to ${whom}`;
    case "relayed":
      return `Relayed: your message to ${whom} was handed on`;
    default:
      return unreachable(action);
  }
}

/** An address that fits into a subject as it is: nothing that would have to be encoded, or that passes for encoded words. */
function soleRecipient(address: string): string {
  const fits = isPlain(address) && address.length <= DSN.subjectAddressMax && !address.includes("=?");
  return fits ? address : "one recipient";
}

/** Content of the report as a message, with CR LF. Nothing that a stranger said can end a line or pass for a field. */
export function reportContent(report: Report): Uint8Array {
  const boundary = `waypost-report-${report.id}`;
  const parts = [explanationPart(report), statusPart(report)];
  if (report.returned !== undefined) parts.push(returnedPart(report, report.returned));
  const isEightBit = parts.flat().some((octets) => !isAscii(octets));
  const octets: Uint8Array[] = [utf8(headerText(report, boundary, isEightBit))];
  for (const part of parts) octets.push(utf8(`\r\n--${boundary}\r\n`), ...part);
  octets.push(utf8(`\r\n--${boundary}--\r\n`));
  return concatBytes(octets);
}

const SEPARATORS = 4; // an empty line in either part

/** How much of a report one recipient takes. */
export function octetsAbout(
  report: Pick<Report, "action" | "audience" | "triedUntil" | "isUtf8">,
  one: ReportedRecipient,
): number {
  return utf8(about(report, one)).length + utf8(statusBlock(report, one)).length + SEPARATORS;
}

function headerText(report: Report, boundary: string, isEightBit: boolean): string {
  const { id, now, hostname, to } = report;
  return [
    field("From", `Mail delivery <MAILER-DAEMON@${hostname}>`),
    field("To", `<${to}>`),
    field("Subject", reportSubject(report)),
    field("Date", dateTime(now)),
    field("Message-ID", `<${id}@${hostname}>`),
    field("Auto-Submitted", "auto-replied"), // RFC 3834 section 5: no responder answers it
    field("MIME-Version", "1.0"),
    field("Content-Type", `multipart/report; report-type=delivery-status; boundary="${boundary}"`),
    ...(isEightBit ? [cte("8bit")] : []), // RFC 2045 section 6.4: as its parts
    "\r\nThis is a report in MIME format (RFC 3464).\r\n",
  ].join("");
}

const WHOSE = { sender: "your message", postmaster: "a message without a sender" } as const;
const DELAYED_ADVICE = "It is tried again by itself; do not send it again.";

/** For people: what happened, to whom, and what to do. */
function explanationPart(report: Report): Uint8Array[] {
  const { audience, hostname, subject, arrivedAt, recipients } = report;
  const whose = `${WHOSE[audience]}${titleText(subject)}`;
  const text = [
    paragraph(`This is the mail relay at ${hostname}, about ${whose} of ${dateTime(arrivedAt)}.`),
    paragraph(opening(report)),
    ...recipients.map((recipient) => about(report, recipient)),
    ...(audience === "postmaster"
      ? [paragraph("It has no sender who could be told; this goes to you as postmaster.")]
      : []),
    ...(report.origin === undefined ? [] : [paragraph(originText(report.origin))]),
    ...(report.action === "delayed" ? [paragraph(DELAYED_ADVICE)] : []),
    ...returnedText(report.returned),
  ].join("\r\n");
  const octets = utf8(text);
  const encoding = isAscii(octets) ? "7bit" : "8bit";
  return [utf8(`${field("Content-Type", "text/plain; charset=utf-8")}${cte(encoding)}\r\n`), octets];
}

/** Its subject in quotes, behind a space; may be empty. */
function titleText(subject: string): string {
  return subject === "" ? "" : ` "${printable(decodeWords(subject), DSN.shownSubjectMax)}"`;
}

function originText(origin: Origin): string {
  const itself = `Its id here is ${origin.id}`;
  if (origin.kind === "client") {
    const client = origin.client === "" ? "" : ` from ${origin.client}`;
    return `${itself}; it came${client} as mail of ${printable(origin.identity)}.`;
  }
  const { id, action, subject, recipients, count } = origin.about;
  const named = recipients.map((address) => `<${printable(address)}>`).join(", ");
  const more = count > recipients.length ? ` and ${count - recipients.length} more` : "";
  const fate = { failed: "could not be delivered", delayed: "is late", relayed: "was handed on" }[action];
  return (
    `${itself}. It is a report of this relay that <${printable(origin.reader)}> did not get: the message ${id}` +
    `${titleText(subject)} from that address to ${named}${more} ${fate}.`
  );
}

/** What of the message is not attached although it might be looked for. */
function returnedText(returned: Returned | undefined): string[] {
  if (returned === undefined) return [paragraph("Its header is not attached: it could not be read here.")];
  const { isCut, mended, octets } = returned;
  const words: string[] = [];
  if (mended !== undefined)
    words.push(`Its header has ${mended}, which mail may not have: it is attached with that mended.`);
  if (isCut)
    words.push(`Its header is too long to be attached whole: what is attached ends after ${octets.length} octets.`);
  return words.map((text) => paragraph(text));
}

function opening({ action, now, triedUntil }: Report): string {
  switch (action) {
    case "failed":
      return "It could not be delivered to:";
    case "delayed": {
      // What waits for this machine's own repair waits on when its time is over (promise P5).
      const left = triedUntil === undefined || triedUntil <= now ? undefined : spanText(triedUntil - now);
      return `It could not be delivered yet, and will be tried ${left === undefined ? "again" : `for ${left} more`}, to:`;
    }
    case "relayed":
      return "It was handed on to a server that sends no reports of its own, so this is the last that we know, for:";
    default:
      return unreachable(action);
  }
}

function about(
  { action, audience }: Pick<Report, "action" | "audience">,
  { address, status, means, remoteHost, diagnostic }: ReportedRecipient,
): string {
  const said = printable(diagnostic, DSN.shownDiagnosticMax);
  const quote = said === "" ? "" : remoteHost === "" ? said : `${printable(remoteHost)} said: ${said}`;
  const lines = [paragraph(`<${printable(address)}>`, 2)];
  const { what, advice } = explanation(action, status, means, remoteHost);
  // Advice is for who wrote the message.
  if (what !== "") lines.push(paragraph(audience === "sender" ? `${what} ${advice}` : what, 6));
  if (quote !== "") lines.push(paragraph(quote, 6));
  return lines.join("");
}

const NOTHING: Explanation = { what: "", advice: "" };

function explanation(action: Action, status: string, means: string | undefined, remoteHost: string): Explanation {
  if (action === "relayed") return NOTHING;
  return action === "failed" ? explanationOf(status, means) : explanationOfDelay(status, remoteHost !== "");
}

/** For programs (RFC 3464 section 2, RFC 6533 section 3). */
function statusPart(report: Report): Uint8Array[] {
  const { isUtf8, hostname, envelopeId, arrivedAt, recipients } = report;
  const blocks = [
    field("Reporting-MTA", `dns; ${hostname}`) +
      (envelopeId === undefined
        ? ""
        : field("Original-Envelope-Id", programText(decodeXtext(envelopeId) ?? envelopeId, isUtf8))) +
      field("Arrival-Date", dateTime(arrivedAt)),
    ...recipients.map((recipient) => statusBlock(report, recipient)),
  ];
  const octets = utf8(blocks.join("\r\n"));
  const type = isUtf8 ? "message/global-delivery-status" : "message/delivery-status";
  return [utf8(`${field("Content-Type", type)}${cte(isAscii(octets) ? "7bit" : "8bit")}\r\n`), octets];
}

function statusBlock(
  { action, triedUntil, isUtf8 }: Pick<Report, "action" | "triedUntil" | "isUtf8">,
  recipient: ReportedRecipient,
): string {
  const { address, originalRecipient, status, remoteHost, diagnostic, lastAttempt } = recipient;
  const ascii = (text: string): string => programText(text, isUtf8);
  const original = originalRecipient === undefined ? undefined : originalRecipientText(originalRecipient);
  return [
    ...(original === undefined ? [] : [field("Original-Recipient", ascii(original))]),
    field("Final-Recipient", `${isPlain(address) ? "rfc822" : "utf-8"}; ${ascii(address)}`),
    field("Action", action),
    field("Status", status),
    ...(remoteHost === "" ? [] : [field("Remote-MTA", `dns; ${ascii(mtaName(remoteHost))}`)]),
    ...(diagnostic === ""
      ? []
      : [field("Diagnostic-Code", `${remoteHost === "" ? "x-waypost" : "smtp"}; ${ascii(diagnostic)}`)]),
    field("Last-Attempt-Date", dateTime(lastAttempt)),
    ...(action === "delayed" && triedUntil !== undefined && triedUntil > lastAttempt
      ? [field("Will-Retry-Until", dateTime(triedUntil))]
      : []),
  ].join("");
}

/** RFC 3464 section 2.1.2: a name, or an address as a literal. */
function mtaName(host: string): string {
  return isIpv4(host) || isIpv6(host) ? addressLiteral(host) : host;
}

function isPlain(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}

/** A part for programs has 7 bits, and may not be encoded (RFC 3464 section 2.1.1), but for international mail. */
function programText(text: string, isUtf8: boolean): string {
  return isUtf8 ? printable(text, DSN.diagnosticMax) : asciiText(text);
}

function asciiText(text: string): string {
  return printable(text, DSN.diagnosticMax).replace(
    /[^\x20-\x7e]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}

/** `rfc822;user+2Bx@example.com` as it was before it became xtext: `rfc822; user+x@example.com`. */
function originalRecipientText(orcpt: string): string {
  const semicolon = orcpt.indexOf(";");
  const [type, address] = [orcpt.slice(0, semicolon), orcpt.slice(semicolon + 1)];
  const decoded = type.toLowerCase() === "utf-8" ? decodeUnitext(address) : decodeXtext(address);
  return `${type}; ${printable(decoded ?? address)}`;
}

/** RFC 6533 section 3: `\x{HEX}` in the 7-bit form of an internationalized address. */
function decodeUnitext(text: string): string {
  return text.replace(/\\x\{([0-9A-F]{1,6})\}/gi, (whole, hex: string) => {
    const code = Number.parseInt(hex, 16);
    return code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : whole;
  });
}

/** RFC 3462 section 2: the message, or what its header said. */
function returnedPart({ isUtf8 }: Report, returned: Returned): Uint8Array[] {
  const type = {
    header: isUtf8 ? "message/global-headers" : "text/rfc822-headers",
    whole: isUtf8 ? "message/global" : "message/rfc822",
  }[returned.kind];
  return [
    utf8(`${field("Content-Type", type)}${cte(isAscii(returned.octets) ? "7bit" : "8bit")}\r\n`),
    returned.octets,
  ];
}

function cte(encoding: "7bit" | "8bit"): string {
  return field("Content-Transfer-Encoding", encoding);
}
