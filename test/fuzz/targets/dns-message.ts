import { isIP } from "node:net";
import { encode } from "dns-packet";
import { type RecordType, decodeResponse, encodeQuery, plainName } from "../../../src/adapters/dns/message.ts";
import { between } from "../../support/chance.ts";
import { type Target, holds, octetsOf, oneOf, same, textOf } from "../target.ts";

// What a DNS server answers.

const NAME = "a.test";
const ID = 0x1234;
type Packet = Parameters<typeof encode>[0];

function packet(type: RecordType, more: Partial<Packet>): string {
  const whole: Packet = {
    type: "response",
    id: ID,
    flags: 0x180,
    questions: [{ name: NAME, type, class: "IN" }],
    ...more,
  };
  return textOf(encode(whole));
}

const SOA = {
  type: "SOA",
  name: "test",
  ttl: 60,
  data: { mname: "ns.test", rname: "x.test", serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 30 },
} as const;

function dnsSeeds(): string[] {
  const options: NonNullable<Packet["additionals"]>[number] = {
    type: "OPT",
    name: ".",
    udpPayloadSize: 1232,
    extendedRcode: 1,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
  return [
    packet("A", { answers: [{ type: "A", name: NAME, ttl: 5, data: "192.0.2.1" }] }),
    packet("AAAA", { answers: [{ type: "AAAA", name: NAME, ttl: 5, data: "2001:db8::1" }] }),
    packet("MX", { answers: [{ type: "MX", name: NAME, ttl: 5, data: { preference: 10, exchange: "mx.a.test" } }] }),
    packet("A", { answers: [{ type: "CNAME", name: NAME, ttl: 5, data: "b.test" }] }),
    packet("A", { authorities: [SOA] }),
    packet("A", { authorities: [{ type: "NS", name: "test", data: "ns.test" }] }),
    packet("A", { flags: 0x183, authorities: [SOA] }),
    packet("A", { flags: 0x182 }),
    packet("A", { flags: 0x182, questions: [] }),
    packet("A", { flags: 0x380 }),
    packet("A", { additionals: [options] }),
    packet("A", { answers: [{ type: "TXT", name: NAME, ttl: 5, data: "x" }] }),
    packet("A", { answers: [{ type: "A", name: NAME, ttl: 5, class: "CH", data: "192.0.2.1" }] }),
    packet("A", { answers: [{ type: "A", name: "A.TEST", ttl: 2 ** 32 - 1, data: "192.0.2.1" }] }),
    textOf(encodeQuery(ID, { name: NAME, type: "A" }, true)),
  ];
}

const dnsMessage: Target = {
  name: "dns-message",
  files: ["adapters/dns/message.ts"],
  lengthMax: 2000,
  seeds: dnsSeeds(),
  tokens: [
    "\x124",
    "\x01a\x04test\0",
    "\xc0\x0c",
    "\xc0\xff",
    "\0\x01\0\x01",
    "\0\x0f\0\x01",
    "\0\x1c",
    "\0\x06",
    "\0\x02",
    "\0\x29",
    "\x3f",
    "\xff\xff\xff\xff",
    "\x7f\xff\xff\xff",
    "\0\0",
    "\0\x05",
    "\x81\x80",
  ],
  generate: (chance) => {
    // With one record more than it says, or another count.
    const seed = oneOf(chance, dnsSeeds());
    const place = 4 + between(chance, 0, 7);
    return seed.slice(0, place) + String.fromCharCode(between(chance, 0, 3)) + seed.slice(place + 1);
  },
  check(input) {
    const octets = octetsOf(input);
    const inAnother = new Uint8Array(octets.length + 7);
    inAnother.set(octets, 3);
    const view = inAnother.subarray(3, 3 + octets.length);
    for (const type of ["A", "AAAA", "MX"] as const) {
      const question = { name: NAME, type };
      const found = decodeResponse(octets, ID, question);
      same(decodeResponse(view, ID, question), found, "a part of other octets is read alone");
      if (found === undefined) continue;
      same([octets[0], octets[1]], [ID >> 8, ID & 255], "it is an answer to us");
      holds((octets[2]! & 0x80) !== 0, "it is an answer");
      same(decodeResponse(octets, ID + 1, question), undefined, "and to no other question");
      checkAnswer(octets, found, type);
    }
    const query = encodeQuery(ID, { name: NAME, type: "MX" }, true);
    same(decodeResponse(query, ID, { name: NAME, type: "MX" }), undefined, "a question is no answer");
  },
};

function checkAnswer(
  octets: Uint8Array,
  found: NonNullable<ReturnType<typeof decodeResponse>>,
  type: RecordType,
): void {
  const { code, records, absentTtl, isTruncated, isInformed, hasAnswer } = found;
  const questions = octets[4]! * 256 + octets[5]!;
  const answers = octets[6]! * 256 + octets[7]!;
  holds(records.length <= answers && answers <= octets.length, "records are bounded", records.length);
  same(hasAnswer, answers > 0, "an answer is one");
  same(isTruncated, (octets[2]! & 2) !== 0, "what is cut off is told");
  same(isInformed, (octets[2]! & 4) !== 0 || (octets[3]! & 0x80) !== 0, "who knows is known");
  if (code === "NOERROR" || code === "NXDOMAIN") {
    same(questions, 1, "it has the question");
    const asked = textOf(octets.subarray(12)).toLowerCase();
    holds(asked.startsWith("\x01a\x04test\0") || asked.startsWith("\x06a.test\0"), "and it is ours", asked);
    const number = { A: 1, AAAA: 28, MX: 15 }[type];
    const end = asked.indexOf("\0") + 12;
    same(octets[end + 1]! * 256 + octets[end + 2]!, number, "of our type");
  }
  const low = octets[3]! & 15;
  same(code === "NOERROR", low === 0 && !code.startsWith("extended"), "a failure is none of our answers");
  holds(absentTtl === undefined || (absentTtl >= 0 && Number.isFinite(absentTtl)), "a time is one", absentTtl);
  for (const { name, ttl } of records) {
    same(name, plainName(name), "a name is in the form that is compared");
    holds(name.length <= 1024, "a name is bounded", name.length);
    holds(Number.isFinite(ttl) && ttl >= 0, "a time is one", ttl);
  }
  for (const { type: of, data } of records) {
    if (of === "A" || of === "AAAA") same(isIP(String(data)), of === "A" ? 4 : 6, "an address is one");
  }
}

export const targets: readonly Target[] = [dnsMessage];
