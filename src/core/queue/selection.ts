import { nearest } from "../base/nearest.ts";
import { isMessageId, type MessageId } from "../mail/message-id.ts";
import { parseDomain } from "../mail/domain.ts";
import { parseForwardPath, parseMailbox, parseReversePath } from "../mail/path.ts";
import { type AddressPattern, matches, parseAddressPattern, subjectOf } from "../policy/address-pattern.ts";
import { type Lane, domainLane, literalLane, parseLane, through, withoutEgress } from "../routing/lane.ts";

/** Which deliveries an operator means, as text. */
export interface SelectionTexts {
  readonly id?: string;
  readonly recipient?: string;
  readonly lane?: string;
  readonly sender?: string;
  readonly recipientDomain?: string;
  readonly all?: boolean;
}

/** Which deliveries an operator means: those for which all that is set holds. */
export interface Selection {
  readonly id?: MessageId;
  readonly recipient?: AddressPattern;
  readonly lane?: Lane;
  readonly sender?: AddressPattern;
  readonly recipientDomain?: AddressPattern;
}

export interface WrongSelection {
  /** What is wrong, and what to do. */
  readonly wrong: string;
}

/** What a selection looks at in a delivery. */
export interface Candidate {
  readonly lane: Lane;
  readonly recipient: string;
  /** As between the brackets of MAIL. */
  readonly from: string;
}

/** How an operator names a lane. */
export const LANE_FORMS = "smarthost/NAME or mx/DOMAIN, with @EGRESS where its route has one";

/** The lane that an operator means; a domain is taken as it is written anywhere. Undefined where it is none. */
export function laneNamed(text: string): Lane | undefined {
  const hop = parseLane(text);
  if (hop?.kind !== "mx") return hop === undefined ? undefined : text;
  if (withoutEgress(text).endsWith("]")) return through(hop.egress, literalLane(hop.domain));
  const domain = parseDomain(hop.domain);
  return domain === undefined ? undefined : through(hop.egress, domainLane(domain.ascii));
}

/** Of the known lanes the one that was surely meant: one of its kind whose name is a slip or two away. */
export function nearestLane(lane: Lane, known: readonly Lane[]): Lane | undefined {
  const prefix = lane.slice(0, lane.indexOf("/") + 1);
  const names = known.filter((other) => other.startsWith(prefix)).map((other) => other.slice(prefix.length));
  const name = nearest(lane.slice(prefix.length), names);
  return name === undefined ? undefined : `${prefix}${name}`;
}

const ONE = "name an ID, or one of --lane, --sender, --recipient-domain, --all";

/** For an action: exactly one selection, so that nobody touches more than was meant. */
export function parseSelection(texts: SelectionTexts): Selection | WrongSelection {
  const { id, recipient, lane, sender, recipientDomain, all } = texts;
  const count = [id, lane, sender, recipientDomain, all === true ? "" : undefined].filter(
    (text) => text !== undefined,
  ).length;
  if (recipient !== undefined && id === undefined) return { wrong: "--recipient goes with the ID of a message" };
  if (count === 0) return { wrong: `which mail? ${ONE}` };
  if (count > 1) return { wrong: `more than one selection: ${ONE}` };
  return parseFilter(texts);
}

/** For looking: whatever is set has to hold. */
export function parseFilter({
  id,
  recipient,
  lane,
  sender,
  recipientDomain,
}: SelectionTexts): Selection | WrongSelection {
  if (id !== undefined && !isMessageId(id)) return { wrong: `${id} is no ID; it stands in Received and in the log` };
  const named = lane === undefined ? undefined : laneNamed(lane);
  if (lane !== undefined && named === undefined)
    return { wrong: `--lane ${lane} is no lane; it takes ${LANE_FORMS}, as \`waypost status\` shows it` };
  const address = recipient === undefined ? undefined : parseRecipient(recipient);
  if (recipient !== undefined && address === undefined) return { wrong: `--recipient ${recipient} is no address` };
  const from = sender === undefined ? undefined : parseAddressPattern(sender);
  if (sender !== undefined && from === undefined)
    return { wrong: `--sender ${sender} is neither an address nor @DOMAIN, @*.DOMAIN, * or <>` };
  const domain = recipientDomain === undefined ? undefined : parseDomain(recipientDomain.replace(/^@/, ""));
  if (recipientDomain !== undefined && domain === undefined)
    return { wrong: `--recipient-domain ${recipientDomain} is no domain` };
  return {
    ...(id === undefined ? {} : { id }),
    ...(address === undefined ? {} : { recipient: address }),
    ...(named === undefined ? {} : { lane: named }),
    ...(from === undefined ? {} : { sender: from }),
    ...(domain === undefined ? {} : { recipientDomain: { kind: "domain", domain: domain.ascii } }),
  };
}

function parseRecipient(text: string): AddressPattern | undefined {
  const mailbox = parseMailbox(text);
  return mailbox.kind === "mailbox" ? { kind: "address", key: subjectOf(mailbox).key } : undefined;
}

/** The message's id apart, which whoever looks has looked up already. */
export function selects(selection: Selection, { lane, recipient, from }: Candidate): boolean {
  if (selection.lane !== undefined && selection.lane !== lane) return false;
  if (selection.sender !== undefined && !isFrom(selection.sender, from)) return false;
  return [selection.recipient, selection.recipientDomain].every(
    (pattern) => pattern === undefined || isTo(pattern, recipient),
  );
}

/** For the log. */
export function selectionText({ id, recipient, lane, sender, recipientDomain }: SelectionTexts): string {
  const parts = [
    ["message", id],
    ["recipient", recipient],
    ["lane", lane],
    ["sender", sender],
    ["recipient domain", recipientDomain],
  ].flatMap(([name, text]) => (text === undefined ? [] : [`${name} ${text}`]));
  return parts.length === 0 ? "all" : parts.join(", ");
}

function isFrom(pattern: AddressPattern, from: string): boolean {
  const parsed = parseReversePath(`<${from}>`);
  return parsed.kind === "path" && matches(pattern, subjectOf(parsed.path));
}

function isTo(pattern: AddressPattern, recipient: string): boolean {
  const parsed = parseForwardPath(`<${recipient}>`);
  return parsed.kind === "path" && matches(pattern, subjectOf(parsed.path));
}
