import { encode } from "dns-packet";
import * as der from "../../../src/adapters/crypto/der.ts";
import { type RecordType, decodeResponse, encodeQuery, plainName } from "../../../src/adapters/dns/message.ts";
import { serverNameIn } from "../../../src/adapters/net/client-hello.ts";
import { addressOf, handedSockets } from "../../../src/adapters/system/handed-sockets.ts";
import { isIP } from "node:net";
import { type Chance, between } from "../../support/chance.ts";
import { type Target, chanceOf, holds, octetsOf, oneOf, same, textOf } from "../target.ts";

// What comes in octets that are no text, and what the system hands over.

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

const two = (n: number): string => String.fromCharCode((n >> 8) & 255, n & 255);
const part = (text: string): string => two(text.length) + text;

function hello(extensions: string, sessionId = ""): string {
  const body = `\x03\x03${"r".repeat(32)}${String.fromCharCode(sessionId.length)}${sessionId}${part("\x13\x01")}\x01\0${part(extensions)}`;
  const handshake = `\x01\0${part(body)}`;
  return `\x16\x03\x01${part(handshake)}`;
}

const sni = (host: string): string => `\0\0${part(part(`\0${part(host)}`))}`;

const clientHello: Target = {
  name: "client-hello",
  files: ["adapters/net/client-hello.ts"],
  lengthMax: 2000,
  seeds: [
    hello(sni("mail.one.test")),
    hello(`\0\x10${part("h2")}${sni("A.test")}`, "s".repeat(32)),
    hello(""),
    hello(sni("")),
    hello(sni("x".repeat(255))),
    hello(sni("x".repeat(256))),
    hello(sni("a b")),
    "EHLO x\r\n",
    "\x16\x03\x01\xff\xff",
    "\x16\x03\x01\x40\0",
    "\x16\x03\x01\0\x02\x02\0",
    "\x16\x03\x01\x40\x01",
  ],
  tokens: [
    "\x16\x03\x01",
    "\0\0",
    "\x01\0",
    "\0\x10",
    sni("b.test"),
    "\0",
    "\xff",
    two(255),
    two(256),
    two(16_384),
    two(16_385),
  ],
  generate: (chance) =>
    hello(
      `${oneOf(chance, ["", `\0\x17${part("")}`])}${sni(oneOf(chance, ["b.test", "B.Test", "\0", "a\x7f", "~", "!", "x".repeat(255), "x".repeat(256)]))}`,
    ),
  check(input) {
    const octets = octetsOf(input);
    const found = serverNameIn(octets);
    const length = octets.length >= 5 ? octets[3]! * 256 + octets[4]! : 0;
    const isHandshake = octets[0] === 22;
    const isPossible = octets.length < 5 || (isHandshake && length <= 16_384);
    same(
      found.kind === "incomplete",
      (isPossible && octets.length < 5 + length) || octets.length < 5,
      "it waits for one record, and for no more",
    );
    if (found.kind === "incomplete") return;
    same(serverNameIn(octets.subarray(0, 5 + length)), found, "what follows the record is not looked at");
    const { host } = found;
    if (host !== undefined) {
      holds(/^[!-@[-~]{1,255}$/.test(host), "a name is plain, short and in lower case", host);
      const lower = textOf(octets).toLowerCase();
      holds(lower.includes(`\0${part(host)}`), "it stands there behind its length", host);
    }
    const plain = /^[\s\S]*?\0\0([\s\S]{2})([\s\S]{2})\0([\s\S]{2})([a-z]+\.test)$/.exec(input);
    if (plain !== null && input === hello(sni(plain[4]!))) same(host, plain[4], "a plain one is found");
    if (isHandshake && host === undefined && length <= 16_384) {
      const names = ["!", "~"].map((c) => c.repeat(255));
      for (const name of names) holds(input !== hello(sni(name)), "a name of every octet that one may have is found");
    }
  },
};

interface Value {
  readonly tag: number;
  readonly content: Buffer;
  readonly end: number;
}

/** A reader of DER's own: X.690 section 8.1. */
function valueAt(octets: Buffer, at: number): Value {
  const tag = octets[at]!;
  const first = octets[at + 1]!;
  let [start, length] = [at + 2, first];
  if (first >= 0x80) {
    const count = first & 0x7f;
    length = 0;
    for (let n = 0; n < count; n++) length = length * 256 + octets[start + n]!;
    holds(count > 0 && octets[start] !== 0 && length >= 0x80, "a length has the shortest form", octets.subarray(0, 8));
    start += count;
  }
  holds(start + length <= octets.length, "a value has its contents", start + length, octets.length);
  return { tag, content: octets.subarray(start, start + length), end: start + length };
}

function only(octets: Buffer, tag: number, what: string): Buffer {
  const value = valueAt(octets, 0);
  same(value.tag, tag, `${what} has its tag`);
  same(value.end, octets.length, `${what} is one value`);
  return value.content;
}

function oidText(content: Buffer): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const octet of content) {
    arc = arc * 128 + (octet & 0x7f);
    if (octet < 0x80) {
      arcs.push(arc);
      arc = 0;
    }
  }
  const [first = 0, ...rest] = arcs;
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - 40 * root, ...rest].join(".");
}

const derTarget: Target = {
  name: "der",
  files: ["adapters/crypto/der.ts"],
  lengthMax: 70_000,
  seeds: ["", "\0", "\x7f", "\x80", "\xff", "x".repeat(127), "x".repeat(128), "x".repeat(255), "x".repeat(256)],
  tokens: ["\0", "\x7f", "\x80", "\xff", "\x01", "\u00e4", "\u{1f600}"],
  generate: (chance) => {
    const isLarge = chance() < 0.01; // a length of three octets and more
    const lengths = isLarge ? [65_534, 65_535, 65_536] : [0, 1, 2, 125, 126, 127, 128, 129, 253, 254, 255, 256, 257];
    return "y".repeat(oneOf(chance, lengths));
  },
  check(input) {
    const octets = octetsOf(input);
    const inner = der.octetString(octets);
    same(textOf(only(inner, 4, "an octet string")), textOf(octets), "octets stay");
    const two = valueAt(only(der.sequence(inner, der.TRUE), 0x30, "a sequence"), inner.length);
    same([two.tag, ...two.content], [1, 255], "and stand one behind the other");
    same(only(der.setOf(inner), 0x31, "a set").length, inner.length, "a set has its part");
    same(
      only(der.utf8String(input.toWellFormed()), 12, "a text").toString("utf8"),
      input.toWellFormed(),
      "a text stays",
    );
    const chance = chanceOf(input);
    const unused = between(chance, 0, 7);
    const bits = only(der.bitString(octets, unused), 3, "a bit string");
    same([bits[0], bits.length], [unused, octets.length + 1], "it says how many bits are unused");
    same(
      only(der.contextPrimitive(2, octets), 0x82, "a tagged value").length,
      octets.length,
      "a tagged value has its octets",
    );
    same(only(der.contextConstructed(3, inner), 0xa3, "a tagged value").length, inner.length, "and its inner one");
    const number = octets[0] === 0 && octets.length > 1 ? octets.subarray(0, 1) : octets;
    if (number.length > 0) {
      const content = only(der.unsignedInteger(number), 2, "a number");
      holds(content[0]! < 0x80, "a number is not negative", content);
      same(
        BigInt(`0x0${content.toString("hex")}`),
        BigInt(`0x0${Buffer.from(number).toString("hex")}`),
        "a number stays",
      );
      holds(content.length === 1 || content[0] !== 0 || content[1]! >= 0x80, "in its shortest form", content);
    }
    checkOid(chance);
    checkTime(chance);
  },
};

function checkOid(chance: Chance): void {
  const arc = (): number => oneOf(chance, [0, 1, 39, 47, 127, 128, 16_383, 16_384, 113_549, 2 ** 28, 2 ** 31]);
  const root = between(chance, 0, 2);
  const text = [
    root,
    root === 2 ? arc() : between(chance, 0, 39),
    ...Array.from({ length: between(chance, 0, 6) }, arc),
  ].join(".");
  same(oidText(only(der.oid(text), 6, "an object identifier")), text, "an object identifier stays");
}

/** RFC 5280 section 4.1.2.5. */
function checkTime(chance: Chance): void {
  const at = oneOf(chance, [
    Date.UTC(2049, 11, 31, 23, 59, 59),
    Date.UTC(2050, 0, 1),
    Date.UTC(2026, 0, between(chance, 1, 365), 1, 2, 3),
  ]);
  const octets = der.time(new Date(at + between(chance, 0, 999)));
  const isUtc = octets[0] === 0x17;
  same(isUtc, at < Date.UTC(2050, 0, 1), "until 2049 a year has two digits");
  const text = only(octets, isUtc ? 0x17 : 0x18, "a time").toString("latin1");
  const [, year = "", ...rest] = /^(\d\d|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? [];
  const [month = 0, day = 0, hours = 0, minutes = 0, seconds = 0] = rest.map(Number);
  same(
    Date.UTC(Number(isUtc ? `20${year}` : year), month - 1, day, hours, minutes, seconds),
    at,
    "a time stays, to the second",
  );
}

const COUNTS = ["0", "1", "2", "3", "999", "1000", "-1", "1e1", " 1", "0x1", "", "01", "1\n"];
const PLACES = [
  "0100007F:09DD",
  "00000000000000000000000001000000:01D1",
  "B80D0120000000000000000001000000:0019",
  "0100007f:09DD",
  "0100007F:9DD",
  "0000000000000000FFFF00000100007F:0019",
];

const handed: Target = {
  name: "handed-sockets",
  files: ["adapters/system/handed-sockets.ts"],
  unreachable: { "if (!fs.existsSync(file)) return [];": "of a system without IPv6 or without /proc" },
  lengthMax: 300,
  seeds: [...PLACES, ...COUNTS.map((count) => `${process.pid}\n${count}`), "77\n1", "1\n1", `${process.pid}`],
  tokens: [...PLACES, ...COUNTS, "\n", `${process.pid}`, "77", ":", "F", "0", "g"],
  generate: (chance) => {
    const word = (): string => Array.from({ length: 8 }, () => oneOf(chance, "0123456789ABCDEF".split(""))).join("");
    return `${oneOf(chance, [word(), word() + word() + word() + word()])}:${word().slice(4)}`;
  },
  check(input) {
    const address = addressOf(input);
    const form = /^(?:[0-9A-F]{8}|[0-9A-F]{32}):[0-9A-F]{4}$/;
    same(address !== undefined, form.test(input) && !input.endsWith("\n"), "an address of the system's table is one");
    if (address !== undefined) {
      const { host, port } = address;
      same(port, Number(`0x${input.slice(-4)}`), "with its port");
      same(isIP(host), input.length === 13 ? 4 : 6, "and its address");
      const words = input
        .slice(0, -5)
        .match(/.{8}/g)!
        .map((word) => Buffer.from(word, "hex").reverse().toString("hex"));
      same(hexOf(host), words.join(""), "each word turned round");
    }
    const [pid = "", count, extra] = input.split("\n");
    const environment: NodeJS.ProcessEnv = { LISTEN_PID: pid, LISTEN_FDS: count, LISTEN_FDNAMES: extra, OTHER: "x" };
    const found = handedSockets(environment, 77);
    same(environment, { OTHER: "x" }, "no child believes that they are for it");
    const isOurs = pid === `${process.pid}` || pid === "77";
    const isCount = count !== undefined && /^[0-9]{1,3}$/.test(count);
    same(found.length, isOurs && isCount ? Number(count) : 0, "as many as were said to be for us");
    same(
      found.map(({ descriptor }) => descriptor),
      found.map((_, at) => at + 3),
      "descriptors begin with three",
    );
  },
};

/** Of an address in any text form. */
function hexOf(host: string): string {
  if (isIP(host) === 4)
    return host
      .split(".")
      .map((octet) => Number(octet).toString(16).padStart(2, "0"))
      .join("");
  const hostname = new URL(`http://[${host}]`).hostname.slice(1, -1);
  const [head = "", tail] = hostname.split("::");
  const groups = (text: string): string[] => (text === "" ? [] : text.split(":"));
  const missing = 8 - groups(head).length - groups(tail ?? "").length;
  const all =
    tail === undefined ? groups(head) : [...groups(head), ...Array<string>(missing).fill("0"), ...groups(tail)];
  return all
    .map((group) => group.padStart(4, "0"))
    .join("")
    .toLowerCase();
}

export const targets: readonly Target[] = [dnsMessage, clientHello, derTarget, handed];
