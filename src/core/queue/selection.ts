import { nearest } from "../base/nearest.ts";
import { type Instant, day } from "../base/time.ts";
import { parseDuration } from "../config/values.ts";
import { parseAddressLiteral, parseDomain } from "../mail/domain.ts";
import { isMessageId, type MessageId } from "../mail/message-id.ts";
import { parseForwardPath, parseReversePath } from "../mail/path.ts";
import { type AddressPattern, matches, parseAddressPattern, subjectOf } from "../policy/address-pattern.ts";
import { type Lane, domainLane, literalLane, parseLane, through, withoutEgress } from "../routing/lane.ts";
import type { Standing } from "./action.ts";
import { REASONS, type Reason, readLastWord } from "./reason.ts";

/** Which deliveries an operator means, as text. */
export interface SelectionTexts {
  readonly id?: string;
  readonly recipient?: string;
  readonly lane?: string;
  readonly sender?: string;
  readonly recipientDomain?: string;
  readonly state?: string;
  readonly olderThan?: string;
  readonly newerThan?: string;
  readonly reason?: string;
  readonly reply?: string;
  readonly all?: boolean;
}

/** What is given as text, each with the words of the log. */
export const SELECTION_WORDS = {
  id: "message",
  recipient: "recipient",
  lane: "lane",
  sender: "sender",
  recipientDomain: "recipient domain",
  state: "state",
  olderThan: "older than",
  newerThan: "newer than",
  reason: "reason",
  reply: "reply",
} as const satisfies Partial<Record<keyof SelectionTexts, string>>;

/** Those whose texts are given: each as it is called here. */
export const SELECTION_KEYS = Object.keys(SELECTION_WORDS) as readonly (keyof typeof SELECTION_WORDS)[];

/** Which deliveries an operator means: those for which all that is set holds. */
export interface Selection {
  readonly id?: MessageId;
  readonly recipient?: AddressPattern;
  readonly lane?: Lane;
  readonly sender?: AddressPattern;
  readonly recipientDomain?: AddressPattern;
  readonly standing?: Standing;
  /** Received at this time or before it. */
  readonly receivedUntil?: Instant;
  /** Received at this time or after it. */
  readonly receivedSince?: Instant;
  readonly reason?: Reason;
  /** In lower case. */
  readonly reply?: string;
}

export interface WrongSelection {
  /** What is wrong, and what to do. */
  readonly wrong: string;
}

/** What a selection looks at in a delivery. */
export interface Candidate {
  readonly lane: Lane;
  readonly recipient: string;
  readonly standing: Standing;
  /** A `LastWord` as JSON, or empty. */
  readonly last: string;
}

/** What a selection looks at in a message, which is read only where something is asked of it. */
export interface Origin {
  /** As between the brackets of MAIL. */
  readonly from: string;
  readonly receivedAt: Instant;
}

/** How an operator names a lane. */
export const LANE_FORMS = "smarthost/NAME or mx/DOMAIN, with @EGRESS where its route has one";

/** The lane that an operator means; a domain is taken as it is written anywhere. Undefined where it is none. */
export function laneNamed(text: string): Lane | undefined {
  const hop = parseLane(text);
  if (hop?.kind !== "mx") return hop === undefined ? undefined : text;
  if (withoutEgress(text).endsWith("]")) {
    // As in an address, [IPv6:2001:db8::1], or as the lane is shown.
    const literal = parseAddressLiteral(`[${hop.domain}]`) ?? parseAddressLiteral(`[IPv6:${hop.domain}]`);
    return literal && through(hop.egress, literalLane(literal.address));
  }
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

/** What `--state` takes. */
export const STATES = { waiting: "parked", "in-hand": "in-hand", held: "held" } as const satisfies Record<
  string,
  Standing
>;

const SOME =
  "name an ID, or one or more of --lane, --sender, --recipient, --recipient-domain, --state, --older-than, --newer-than, --reason, --reply; or --all";

/** For an action: something has to be set, so that nobody touches more than was meant. */
export function parseSelection(texts: SelectionTexts, now: Instant): Selection | WrongSelection {
  const isNarrowed = SELECTION_KEYS.some((key) => texts[key] !== undefined);
  if (!isNarrowed && texts.all !== true) return { wrong: `which mail? ${SOME}` };
  if (isNarrowed && texts.all === true) return { wrong: `--all is everything: it goes with no other selection` };
  return parseFilter(texts, now);
}

/** For looking: whatever is set has to hold. */
export function parseFilter(texts: SelectionTexts, now: Instant): Selection | WrongSelection {
  const parts = SELECTION_KEYS.flatMap((key) => {
    const text = texts[key];
    return text === undefined ? [] : [PARSERS[key](text, now)];
  });
  const wrong = parts.find((part) => typeof part === "string");
  return wrong === undefined ? (Object.assign({}, ...parts) as Selection) : { wrong };
}

type Part = Selection | string;

/** Of each text what it says, or in words what is wrong with it. */
const PARSERS: Readonly<Record<keyof typeof SELECTION_WORDS, (text: string, now: Instant) => Part>> = {
  id: (text) => (isMessageId(text) ? { id: text } : `${text} is no ID; it stands in Received and in the log`),
  recipient(text) {
    const pattern = parseAddressPattern(text);
    const isMeant = pattern !== undefined && pattern.kind !== "any" && pattern.kind !== "null";
    return isMeant ? { recipient: pattern } : `--recipient ${text} is no address, and not @DOMAIN or @*.DOMAIN`;
  },
  lane(text) {
    const lane = laneNamed(text);
    return lane === undefined
      ? `--lane ${text} is no lane; it takes ${LANE_FORMS}, as \`waypost status\` shows it`
      : { lane };
  },
  sender(text) {
    const sender = parseAddressPattern(text);
    return sender === undefined ? `--sender ${text} is neither an address nor @DOMAIN, @*.DOMAIN, * or <>` : { sender };
  },
  recipientDomain(text) {
    const domain = parseDomain(text.replace(/^@/, ""));
    return domain === undefined
      ? `--recipient-domain ${text} is no domain`
      : { recipientDomain: { kind: "domain", domain: domain.ascii } };
  },
  state: (text) =>
    Object.hasOwn(STATES, text)
      ? { standing: STATES[text as keyof typeof STATES] }
      : `--state takes ${Object.keys(STATES).join(", ")}, not ${text}`,
  olderThan(text, now) {
    const receivedUntil = parseAge(text, now);
    return receivedUntil === undefined ? `--older-than ${text}: ${AGE_FORMS}` : { receivedUntil };
  },
  newerThan(text, now) {
    const receivedSince = parseAge(text, now);
    return receivedSince === undefined ? `--newer-than ${text}: ${AGE_FORMS}` : { receivedSince };
  },
  reason(text) {
    if (Object.hasOwn(REASONS, text)) return { reason: text as Reason };
    const slip = nearest(text, PLAIN_REASONS);
    const meant = REASON_NAMES.find((name) => name.replaceAll("-", "_") === slip);
    const advice = meant === undefined ? `there are ${REASON_NAMES.join(", ")}` : `did you mean ${meant}?`;
    return `--reason ${text} is none; ${advice}`;
  },
  reply: (text) => (text === "" ? "--reply takes some text" : { reply: text.toLowerCase() }),
};

const REASON_NAMES = Object.keys(REASONS);
const PLAIN_REASONS = REASON_NAMES.map((name) => name.replaceAll("-", "_")); // as `nearest` compares

const AGE_FORMS = "takes an age such as 30s, 5m, 2h or 5d, or a time such as 2026-11-21T23:05:00Z";
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?Z$/;
const AGE_MAX = 3650 * day;

function parseAge(text: string, now: Instant): Instant | undefined {
  if (!TIME.test(text)) {
    const age = parseDuration(text, 0, AGE_MAX);
    return typeof age === "number" ? now - age : undefined;
  }
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}

/** With ages as times, so that a command of many requests means the same mail in each of them. */
export function fixAges(texts: SelectionTexts, now: Instant): SelectionTexts {
  const fixed = { ...texts };
  for (const key of ["olderThan", "newerThan"] as const) {
    const at = texts[key] === undefined ? undefined : parseAge(texts[key], now);
    if (at !== undefined) fixed[key] = new Date(at).toISOString();
  }
  return fixed;
}

/** The message's id apart, which whoever looks has looked up already. */
export function selects(selection: Selection, delivery: Candidate, origin: () => Origin | undefined): boolean {
  const { lane, standing, recipient } = delivery;
  if (selection.lane !== undefined && selection.lane !== lane) return false;
  if (selection.standing !== undefined && selection.standing !== standing) return false;
  const patterns = [selection.recipient, selection.recipientDomain];
  if (!patterns.every((pattern) => pattern === undefined || isTo(pattern, recipient))) return false;
  return isLast(selection, delivery) && isOf(selection, origin);
}

function isLast({ reason, reply }: Selection, { standing, last }: Candidate): boolean {
  if (reason === undefined && reply === undefined) return true;
  const word = readLastWord(last);
  const because = standing === "in-hand" ? "in-hand" : word?.because;
  if (reason !== undefined && reason !== because) return false;
  return reply === undefined || (word?.text ?? "").toLowerCase().includes(reply);
}

function isOf({ sender, receivedUntil, receivedSince }: Selection, origin: () => Origin | undefined): boolean {
  if (sender === undefined && receivedUntil === undefined && receivedSince === undefined) return true;
  const found = origin();
  if (found === undefined) return false; // it ended meanwhile
  const { from, receivedAt } = found;
  if (receivedUntil !== undefined && receivedAt > receivedUntil) return false;
  if (receivedSince !== undefined && receivedAt < receivedSince) return false;
  return sender === undefined || isFrom(sender, from);
}

/** For the log. */
export function selectionText(texts: SelectionTexts): string {
  const parts = SELECTION_KEYS.flatMap((key) => {
    const text = texts[key];
    return text === undefined ? [] : [`${SELECTION_WORDS[key]} ${text}`];
  });
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
