import {
  AUTHORITATIVE_ANSWER,
  type Answer,
  type Packet,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
  decode,
  encode,
} from "dns-packet";
import { DNS } from "../../core/base/limits.ts";
import { type Duration, second } from "../../core/base/time.ts";

// Messages of RFC 1035 as the resolver needs them. The codec reads a label with a dot in it as two labels: whoever
// answers for a zone may name any host there anyway.

export type RecordType = "A" | "AAAA" | "MX";

export interface Question {
  /** A-labels, lower case, no trailing dot. */
  readonly name: string;
  readonly type: RecordType;
}

/** A resource record; names are lower case without a trailing dot. */
export interface ResourceRecord {
  readonly name: string;
  readonly type: string;
  readonly ttl: Duration;
  readonly data: unknown;
}

export interface Response {
  /** `NOERROR`, `NXDOMAIN`, `SERVFAIL` ... */
  readonly code: string;
  /** The server knows, or asks others: one that does neither has nothing to say of what it does not have. */
  readonly isInformed: boolean;
  /** It did not fit: the same has to be asked over TCP. */
  readonly isTruncated: boolean;
  readonly records: readonly ResourceRecord[];
  /** It has records in its answer, of whatever class. */
  readonly hasAnswer: boolean;
  /** It names other servers, and says nothing of absence (RFC 2308 section 2.2). */
  readonly isReferral: boolean;
  /** How long absence may be believed (RFC 2308 section 5); undefined where the zone does not say. */
  readonly absentTtl: Duration | undefined;
}

export function plainName(name: string): string {
  const plain = name === "." ? "" : name.endsWith(".") ? name.slice(0, -1) : name;
  return plain.toLowerCase();
}

/** With EDNS (RFC 6891), but for servers that do not know it. */
export function encodeQuery(id: number, { name, type }: Question, hasEdns: boolean): Uint8Array {
  const packet: Packet = { type: "query", id, flags: RECURSION_DESIRED, questions: [{ name, type, class: "IN" }] };
  if (hasEdns) packet.additionals = [edns()];
  return encode(packet);
}

function edns(): NonNullable<Packet["additionals"]>[number] {
  return {
    type: "OPT",
    name: ".",
    udpPayloadSize: DNS.datagramOctetsMax,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
}

const HEAD_OCTETS = 12; // RFC 1035 section 4.1.1
const QUESTION_OCTETS_MIN = 5;
const RECORD_OCTETS_MIN = 11;

/**
 * The codec believes the counts in the head: a datagram of 40 octets that says that it has 65,535 records keeps it busy for
 * half a second, and the names of a long message may be made of one another.
 */
function isPlausible(octets: Uint8Array, id: number): boolean {
  if (octets.length < HEAD_OCTETS || octets.length > DNS.answerOctetsMax) return false;
  const [own, , questions, ...records] = [0, 2, 4, 6, 8, 10].map((at) => octets[at]! * 256 + octets[at + 1]!);
  const count = records.reduce((sum, section) => sum + section, 0);
  return own === id && HEAD_OCTETS + questions! * QUESTION_OCTETS_MIN + count * RECORD_OCTETS_MIN <= octets.length;
}

/** Undefined where it does not answer this question: malformed, somebody else's, or made up by a stranger. */
export function decodeResponse(octets: Uint8Array, id: number, question: Question): Response | undefined {
  if (!isPlausible(octets, id)) return undefined;
  let packet: ReturnType<typeof decode>;
  try {
    packet = decode(Buffer.from(octets.buffer, octets.byteOffset, octets.length));
  } catch {
    return undefined; // the codec's only way to say that it is no message
  }
  // The codec reads what is cut off as `undefined`, and by a length that is none it comes to no place at all.
  if (!(decode.bytes <= octets.length)) return undefined;
  if (packet.type !== "response") return undefined;
  const code = responseCode(packet);
  const [asked, ...others] = packet.questions ?? [];
  // RFC 1035 section 4.1.1: a server that cannot read the question may leave it out, and then says that it failed.
  const isUnread = asked === undefined && code !== "NOERROR" && code !== "NXDOMAIN";
  const isOurs =
    asked?.type === question.type &&
    asked.class === "IN" &&
    plainName(asked.name) === question.name &&
    others.length === 0;
  if (!isUnread && !isOurs) return undefined;
  const flags = packet.flags ?? 0;
  const { answers = [], authorities = [] } = packet;
  return {
    code,
    isInformed: (flags & (RECURSION_AVAILABLE | AUTHORITATIVE_ANSWER)) !== 0,
    isTruncated: (flags & TRUNCATED_RESPONSE) !== 0,
    records: answers.flatMap(resourceRecord),
    hasAnswer: answers.length > 0,
    isReferral: authorities.some(({ type }) => type === "NS") && !authorities.some(({ type }) => type === "SOA"),
    absentTtl: absentTtl(authorities),
  };
}

/** RFC 6891 section 6.1.3: its upper bits stand in the OPT record, where the lower ones alone may look like success. */
function responseCode(packet: ReturnType<typeof decode>): string {
  const options = packet.additionals?.find((additional) => additional.type === "OPT");
  if (options !== undefined && options.extendedRcode > 0) return `extended code ${options.extendedRcode}`;
  return (packet as { readonly rcode?: string }).rcode ?? "NOERROR";
}

function resourceRecord(answer: Answer): ResourceRecord[] {
  if (answer.type === "OPT" || !("data" in answer) || answer.class !== "IN") return [];
  const { name, type, ttl = 0, data } = answer;
  return [{ name: plainName(name), type, ttl: ttl * second, data }];
}

function absentTtl(authorities: readonly Answer[]): Duration | undefined {
  for (const authority of authorities)
    if (authority.type === "SOA") return Math.min(authority.ttl ?? 0, authority.data.minimum ?? 0) * second;
  return undefined;
}
