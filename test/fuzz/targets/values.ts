import { isIP } from "node:net";
import { nearest } from "../../../src/core/base/nearest.ts";
import { hasHidden, printable, printableLines } from "../../../src/core/base/printable.ts";
import { day, second } from "../../../src/core/base/time.ts";
import {
  durationText,
  parseDnsServer,
  parseDuration,
  parseListen,
  parseServer,
  parseSmartHostUrl,
} from "../../../src/core/config/values.ts";
import { parseReversePath } from "../../../src/core/mail/path.ts";
import { matches, parseAddressPattern, patternText, subjectOf } from "../../../src/core/policy/address-pattern.ts";
import { addressOctets, contains, isLoopback, parseNetwork, subscriberOf } from "../../../src/core/policy/network.ts";
import { formatPasswordHash, parsePasswordHash } from "../../../src/core/policy/password-hash.ts";
import { REASONS } from "../../../src/core/queue/reason.ts";
import {
  type Candidate,
  SELECTION_KEYS,
  type SelectionTexts,
  fixAges,
  laneNamed,
  nearestLane,
  parseFilter,
  parseSelection,
  selectionText,
  selects,
} from "../../../src/core/queue/selection.ts";
import { parseLane } from "../../../src/core/routing/lane.ts";
import {
  decodeBase64,
  encodeBase64,
  parsePlain,
  passwordOf,
  plainResponse,
  usernameOf,
} from "../../../src/core/smtp/sasl.ts";
import type { Chance } from "../../support/chance.ts";
import { type Target, holds, holdsNoHidden, octetsOf, oneOf, same, some, textOf } from "../target.ts";

// What stands in a configuration, in a command of an operator, or in a login.

const BASE64 = [
  "AHVzZXIAcGFzcw==",
  "YQ==",
  "YWI=",
  "YWJj",
  "=",
  "====",
  "YR==",
  "YWF=",
  "A",
  "+/+/",
  "Y Q=",
  "YQ=\u00e4",
];
const LOGINS = [
  "\0user\0pass",
  "user\0user\0pass",
  "other\0user\0pass",
  "\0\0",
  "\0u\0",
  "\0\0p",
  "\0a\0b\0c",
  "\0\xc3\xa4\0p",
  "\0\xff\0p",
  "\0a\x07\0p",
];

const sasl: Target = {
  name: "sasl",
  files: ["core/smtp/sasl.ts"],
  lengthMax: 4000,
  seeds: [...BASE64, ...LOGINS],
  tokens: [...BASE64, ...LOGINS, "\0", "=", "==", "e\u0301", "\xe2\x80\x8b", "x".repeat(256)],
  generate: (chance) => (chance() < 0.5 ? oneOf(chance, LOGINS) : some(chance, 6, () => oneOf(chance, BASE64))),
  check(text) {
    // The oracle: what another decoder makes of it comes back as this very text (RFC 4648 sections 3.3 and 3.5).
    const decoded = decodeBase64(text);
    const other = /^[\0-\x7f]*$/.test(text) ? Buffer.from(text, "base64") : undefined;
    const isStrict = other !== undefined && other.toString("base64") === text;
    same(decoded !== undefined, isStrict, "base64 is taken where it is that");
    if (decoded !== undefined) same(encodeBase64(decoded), text, "encoded again it is the same");
    const octets = octetsOf(text);
    same(encodeBase64(octets), Buffer.from(octets).toString("base64"), "another encoder says the same");
    const username = usernameOf(octets);
    if (username !== undefined) {
      holdsNoHidden(username, "a user name");
      holds(username !== "" && octets.length <= 4 * 256, "a user name is bounded", username.length);
      same(username, username.normalize("NFC"), "in one form");
    }
    const password = passwordOf(octets);
    holds(
      password === undefined || (password !== "" && password.length <= 1024 && !password.includes("\0")),
      "a password is one",
    );
    checkPlain(octets);
  },
};

function checkPlain(octets: Uint8Array): void {
  const plain = parsePlain(octets);
  const parts = textOf(octets).split("\0");
  if (plain === undefined) {
    const isPlain = parts.length === 3 && parts.slice(1).every((part) => /^[ -~]{1,200}$/.test(part));
    holds(!isPlain, "a plain response is one", parts);
    return;
  }
  const { attempt, isAsAnother } = plain;
  same(parts.length, 3, "it has three parts");
  same(Buffer.from(attempt.password).toString("latin1"), parts[2], "the password is the third");
  if (/^[ -~]*$/.test(parts[1]!)) same(attempt.username, parts[1], "the user name is the second");
  if (parts[0] === "" || parts[0] === parts[1]) same(isAsAnother, false, "who is himself is no other");
  else if (/^[ -~]*$/.test(parts[0]!)) same(isAsAnother, parts[0] !== attempt.username, "who is another is told");
  const again = parsePlain(decodeBase64(plainResponse(attempt))!);
  same(again, { attempt, isAsAnother: false }, "what a client sends is what was meant");
}

const NETWORKS = [
  "10.0.0.0/8",
  "0.0.0.0/0",
  "192.0.2.1",
  "192.0.2.1/32",
  "fd00::/8",
  "::/0",
  "::1",
  "::ffff:10.0.0.0/104",
  "2001:db8::/32",
  "10.1.0.0/8",
  "1.2.3.4/33",
  "1.2.3/8",
  "fe80::1%eth0",
  "1:2:3:4:5:6:7:8/128",
  "::1.2.3.4",
];

function prefixOf(octets: readonly number[], prefix: number): string {
  return octets
    .map((octet) => octet.toString(2).padStart(8, "0"))
    .join("")
    .slice(0, prefix);
}

const network: Target = {
  name: "network",
  files: ["core/policy/network.ts"],
  lengthMax: 200,
  seeds: NETWORKS,
  tokens: [
    ...NETWORKS,
    "/",
    ".",
    ":",
    "::",
    "0",
    "255",
    "256",
    "ffff",
    "/0",
    "/8",
    "/31",
    "/32",
    "/33",
    "/64",
    "/127",
    "/128",
    "/129",
    "%",
  ],
  generate: (chance) => {
    const n = (most: number): number => Math.floor(chance() * most);
    const prefix = n(34);
    const bits = ((n(2 ** 32) >>> 0) & (prefix === 0 ? 0 : -1 << Math.max(0, 32 - prefix - n(2)))) >>> 0;
    return `${[24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join(".")}/${prefix}`;
  },
  check(text) {
    const octets = addressOctets(text);
    same(octets !== undefined, isIP(text) !== 0 && !text.includes("%"), "an address is one to everybody");
    if (octets !== undefined) {
      same(octets.length, isIP(text) === 4 ? 4 : 16, "it has its octets");
      holds(
        octets.every((octet) => Number.isInteger(octet) && octet >= 0 && octet <= 255),
        "octets are octets",
        octets,
      );
      if (octets.length === 16) {
        const groups = Array.from({ length: 8 }, (_, at) => (octets[2 * at]! * 256 + octets[2 * at + 1]!).toString(16));
        same(
          new URL(`http://[${groups.join(":")}]`).hostname,
          new URL(`http://[${text}]`).hostname,
          "the same address",
        );
      } else same(octets.join("."), text, "the same address");
      same(
        isLoopback(text),
        octets.length === 4 ? octets[0] === 127 : octets.join() === `${"0,".repeat(15)}1`,
        "loopback",
      );
    } else same(isLoopback(text), false, "what is no address is no loopback");
    holds(subscriberOf(text).length <= Math.max(text.length, 40), "a subscriber is bounded");
    const found = parseNetwork(text);
    if ("kind" in found) {
      holds(found.why.length < 100 + text.length, "it is said why");
      return;
    }
    same(parseNetwork(found.text), found, "a network printed and parsed");
    const bits = found.octets.length * 8;
    holds(found.prefix >= 0 && found.prefix <= bits, "a prefix is one", found.prefix);
    holds(contains(found, found.octets), "a network has its first address");
    for (const other of [
      octets,
      [10, 1, 2, 3],
      [192, 0, 2, 1],
      addressOctets("fd00::1")!,
      [127, 0, 0, 1],
      last(found),
    ]) {
      if (other === undefined) continue;
      const isIn =
        other.length === found.octets.length && prefixOf(other, found.prefix) === prefixOf(found.octets, found.prefix);
      same(contains(found, other), isIn, "it has what begins like it");
    }
    if (found.prefix > 0) same(contains(found, beyond(found)), false, "and not what is beside it");
  },
};

type Found = Exclude<ReturnType<typeof parseNetwork>, { kind: "malformed" }>;

function last({ octets, prefix }: Found): number[] {
  return octets.map((octet, at) => octet | (0xff >> Math.min(8, Math.max(0, prefix - 8 * at))));
}

/** With the last bit of the prefix turned. */
function beyond({ octets, prefix }: Found): number[] {
  const place = (prefix - 1) >> 3;
  return octets.map((octet, at) => (at === place ? octet ^ (0x80 >> ((prefix - 1) & 7)) : octet));
}

const PATTERNS = [
  "*",
  "<>",
  "a@b.test",
  "@b.test",
  "@*.b.test",
  "@*",
  "A@B.test",
  '"a b"@c.test',
  "a*@b.test",
  "@b\u00fccher.test",
  "@[192.0.2.1]",
  "a@[192.0.2.1]",
  "*@b.test",
  "\u0130@b.test",
];

const addressPattern: Target = {
  name: "address-pattern",
  files: ["core/policy/address-pattern.ts"],
  unreachable: { "return unreachable(pattern);": "for a kind that the type does not have" },
  lengthMax: 600,
  seeds: PATTERNS,
  tokens: [...PATTERNS, "@", "*", ".", "*.", "<", ">", "b.test", '"'],
  generate: (chance) =>
    `${oneOf(chance, ["", "a", "*", "@*."])}${oneOf(chance, ["@", ""])}${oneOf(chance, ["b.test", "c.b.test", "test"])}`,
  check(text) {
    const pattern = parseAddressPattern(text);
    if (pattern === undefined) {
      holds(!/^[a-z]{0,60}@[a-z]{1,60}\.test$/.test(text), "a plain pattern is one", text);
      return;
    }
    const printed = patternText(pattern);
    holdsNoHidden(printed, "a pattern");
    if (pattern.kind !== "address") same(parseAddressPattern(printed), pattern, "printed and parsed");
    same(pattern.kind === "any", text === "*", "everybody is named by * alone");
    same(pattern.kind === "null", text === "<>", "the null path is named by <> alone");
    for (const address of ["", "a@b.test", "a@c.b.test", "a@xb.test", "A@B.TEST", text]) {
      const path = parseReversePath(`<${address}>`);
      if (path.kind !== "path" || path.rest !== "") continue;
      const isMatch = matches(pattern, subjectOf(path.path));
      same(isMatch, expectedMatch(pattern, path.path, address), "who is like it, and who is not");
    }
    if (pattern.kind === "address") {
      const own = parseReversePath(`<${text}>`);
      holds(own.kind === "path" && matches(pattern, subjectOf(own.path)), "an address is like itself", text);
    }
  },
};

type Pattern = NonNullable<ReturnType<typeof parseAddressPattern>>;
type Path = Extract<ReturnType<typeof parseReversePath>, { kind: "path" }>["path"];

/** By the labels. */
function expectedMatch(pattern: Pattern, path: Path, address: string): boolean {
  if (path.kind === "null") return pattern.kind === "null";
  if (pattern.kind === "any") return true;
  if (pattern.kind === "null") return false;
  const domain = path.domain.kind === "domain" ? path.domain.ascii : undefined;
  if (pattern.kind === "domain") return domain === pattern.domain;
  if (pattern.kind === "subdomains") {
    const labels = domain?.split(".") ?? [];
    return labels.some((_, at) => at > 0 && labels.slice(at).join(".") === pattern.suffix.slice(1));
  }
  const isPlain =
    /^[\0-\x7f]*$/.test(address) && !/["[]/.test(address) && !address.endsWith(".") && !address.startsWith("@");
  return isPlain ? pattern.key === address.toLowerCase() : pattern.key === subjectOf(path).key;
}

const HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA";

const passwordHash: Target = {
  name: "password-hash",
  files: ["core/policy/password-hash.ts"],
  lengthMax: 400,
  seeds: [
    HASH,
    HASH.replace("19456", "7168"),
    HASH.replace("t=2", "t=10"),
    HASH.replace("p=1", "p=8"),
    HASH.replace("19456", "262144"),
    HASH.replace("argon2id", "argon2i"),
    `${HASH}=`,
  ],
  tokens: [
    "$",
    "argon2id",
    "v=19",
    "m=",
    "t=",
    "p=",
    ",",
    "7167",
    "262145",
    "11",
    "0",
    "9",
    "c2FsdHNhbHQ",
    "A",
    "==",
    "AA",
    "AAA",
  ],
  generate: (chance) => {
    const n = (list: readonly number[]): number => oneOf(chance, list);
    const octets = (list: readonly number[]): string => Buffer.alloc(n(list), 7).toString("base64").replaceAll("=", "");
    return `$argon2id$v=19$m=${n([7167, 7168, 19_456, 262_144, 262_145])},t=${n([0, 1, 10, 11])},p=${n([0, 1, 8, 9])}$${octets([7, 8, 64, 65])}$${octets([15, 16, 64, 65])}`;
  },
  check(text) {
    const found = parsePasswordHash(text);
    if ("kind" in found) {
      holds(found.why.length < 120, "it is said why");
      holds(!found.why.includes(text) || text.length < 40, "without the hash", found.why);
      const parts =
        /^\$argon2id\$v=19\$m=([1-9][0-9]{3,5}),t=([1-9]),p=([1-8])\$([A-Za-z0-9]{12,80})\$([A-Za-z0-9]{24,80})$/.exec(
          text,
        );
      const isWhole = parts !== null && parts[4]!.length % 4 === 0 && parts[5]!.length % 4 === 0;
      holds(!isWhole || Number(parts[1]) < 7168 || Number(parts[1]) > 262_144, "a plain hash is one", text);
      return;
    }
    const { memoryKiB, passes, parallelism } = found.parameters;
    holds(memoryKiB >= 7168 && memoryKiB <= 262_144, "memory is bounded", memoryKiB);
    holds(passes >= 1 && passes <= 10 && parallelism >= 1 && parallelism <= 8, "time is bounded", passes, parallelism);
    holds(found.salt.length >= 8 && found.salt.length <= 64, "a salt is long enough", found.salt.length);
    holds(found.hash.length >= 16 && found.hash.length <= 64, "a hash is long enough", found.hash.length);
    same(parsePasswordHash(formatPasswordHash(found)), found, "printed and parsed");
    const [, , , numbers = "", salt = "", hash = ""] = text.split("$");
    same(Buffer.from(salt, "base64").toString("latin1"), textOf(found.salt), "the salt is what stands there");
    same(Buffer.from(hash, "base64").toString("latin1"), textOf(found.hash), "the hash is what stands there");
    same(numbers.match(/[0-9]+/g)!.map(Number), [memoryKiB, passes, parallelism], "and so are the numbers");
  },
};

const URLS = [
  "smtp://h.test",
  "smtps://h.test:465",
  "smtp://u:p@h.test:587",
  "smtp://u%40x:p%3A@h.test",
  "smtp://[::1]:25",
  "smtp://127.0.0.1",
  "SMTP://h",
  "smtp://u@h",
  "smtp://:p@h",
  "smtp://u:p:q@h",
  "smtp://h/x",
  "smtp://u:%zz@h",
  "smtp://u:%c3%a4@h",
  "smtp://u:%ff@h",
  "smtp://u:%0d@h",
  "h.test:465",
  "u:p@h",
  "smtp://h:0",
  "smtp://h:65536",
  "smtp://a_b",
];
const LISTENS = [
  "0.0.0.0:587",
  "[::]:25",
  "127.0.0.1:0",
  "h:25",
  "[::1]",
  "1.2.3.4:65536",
  "1.2.3.4:025",
  "::1:25",
  "[::1]:25:1",
  "192.0.2.53",
  "[2001:db8::53]:53",
  "2001:db8::53",
];
const SPANS = ["30s", "5m", "2h", "5d", "0s", "999999999d", "1000000000s", "5", "s", "-1s", "1.5h", "5 m"];

const configValues: Target = {
  name: "config-values",
  files: ["core/config/values.ts"],
  lengthMax: 2500,
  seeds: [...URLS, ...LISTENS, ...SPANS],
  tokens: [
    ...URLS,
    ...LISTENS,
    ...SPANS,
    "://",
    ":",
    "@",
    "/",
    "%40",
    "%",
    "[",
    "]",
    "u",
    "p",
    "?",
    "#",
    "x".repeat(1024),
  ],
  generate: (chance) =>
    `smtp${oneOf(chance, ["", "s"])}://${oneOf(chance, ["", "u:p@", "u%40:p@", "u:p@p@", `u:${"x".repeat(1025)}@`])}${oneOf(chance, ["h.test", "[::1]", "1.2.3.4", "[::1"])}${oneOf(chance, ["", ":25", ":0", ":65535", ":65536"])}`,
  check(text) {
    for (const [least, most] of [
      [0, 3650 * day],
      [5 * second, 60 * second],
    ] as const)
      checkDuration(text, least, most);
    for (const listen of [parseListen(text), parseDnsServer(text)]) {
      if ("kind" in listen) continue;
      holds(isIP(listen.host) !== 0, "it listens on an address", listen);
      holds(Number.isInteger(listen.port) && listen.port >= 0 && listen.port <= 65_535, "and a port", listen);
      const printed = `${isIP(listen.host) === 6 ? `[${listen.host}]` : listen.host}:${listen.port}`;
      same(parseListen(printed), listen, "printed and parsed");
    }
    for (const server of [parseSmartHostUrl(text), parseServer(text)]) checkServer(text, server);
  },
};

function checkDuration(text: string, least: number, most: number): void {
  const span = parseDuration(text, least, most);
  const [, digits = "", unit = ""] = /^([0-9]{1,9})([smhd])$/.exec(text) ?? [];
  const seconds = digits === "" ? undefined : Number(digits) * { s: 1, m: 60, h: 3600, d: 86_400 }[unit as "s"];
  const isIn = seconds !== undefined && seconds * 1000 >= least && seconds * 1000 <= most;
  same(
    typeof span === "number" ? span : undefined,
    isIn ? seconds * 1000 : undefined,
    "a length of time is what it says",
  );
  if (typeof span === "number") same(parseDuration(durationText(span), 0, 1e18), span, "printed and parsed");
  else holds(span.why.length < 80, "it is said why");
}

function checkServer(text: string, server: ReturnType<typeof parseSmartHostUrl>): void {
  if ("kind" in server) {
    const password = /:([^:@/]{12,})@/.exec(text)?.[1];
    holds(
      password === undefined || !server.why.includes(password),
      "what is wrong is said without the password",
      server.why,
    );
    return;
  }
  const { host, port, credentials } = server;
  holds(isIP(host) !== 0 || /^[a-z0-9.-]+$/.test(host), "a host is one", host);
  holds(Number.isInteger(port) && port >= 1 && port <= 65_535, "a port is one", port);
  holds(text.includes("@") === (credentials !== undefined), "a login is said or not", text);
  if (credentials === undefined) return;
  for (const part of [credentials.username, credentials.password]) {
    holdsNoHidden(part, "a login");
    holds(part !== "" && part.length <= 1024, "a login is bounded", part.length);
  }
  const printed = `smtp${server.isImplicitTls ? "s" : ""}://${encodeURIComponent(credentials.username)}:${encodeURIComponent(credentials.password)}@${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  same(parseSmartHostUrl(printed), server, "printed and parsed");
}

const KEY_VALUES = [
  "0ABCDEFGHIJKLM",
  "a@b.test",
  "@b.test",
  "@*.b.test",
  "smarthost/x",
  "smarthost/x@e",
  "mx/b.test",
  "mx/[IPv6:::1]",
  "mx/[192.0.2.1]",
  "*",
  "<>",
  "waiting",
  "in-hand",
  "held",
  "5m",
  "2026-11-21T23:05:00Z",
  "2026-13-21T23:05Z",
  "connect-failed",
  "conect-failed",
  "4.7.1",
];
const NOW = Date.UTC(2026, 10, 21);

const selection: Target = {
  name: "selection",
  files: ["core/queue/selection.ts", "core/base/nearest.ts", "core/routing/lane.ts"],
  unreachable: {
    "return domain.startsWith": "of the schedule, not of what is parsed",
    "return lane.startsWith(SMART_HOST)": "of the schedule, not of what is parsed",
    "return names.flatMap": "of the schedule, not of what is parsed",
    "return `${SMART_HOST}${name}`": "of the schedule, not of what is parsed",
  },
  lengthMax: 1500,
  seeds: SELECTION_KEYS.flatMap((key) => KEY_VALUES.map((value) => `${key}=${value}`)),
  tokens: [...SELECTION_KEYS.map((key) => `${key}=`), ...KEY_VALUES, ...Object.keys(REASONS), "\n", "@", "/", "["],
  generate: (chance) => some(chance, 4, () => `${oneOf(chance, SELECTION_KEYS)}=${oneOf(chance, KEY_VALUES)}`, "\n"),
  check(input) {
    const texts = textsOf(input);
    const found = parseFilter(texts, NOW);
    const strict = parseSelection(texts, NOW);
    const isNarrowed = Object.keys(texts).length > 0;
    if ("wrong" in found) {
      holds(found.wrong !== "" && "wrong" in strict, "what is wrong is wrong for an action too", found);
      return;
    }
    same("wrong" in strict, !isNarrowed, "an action touches nothing that was not named");
    const fixed = parseFilter(fixAges(texts, NOW), NOW + 999_999);
    same(fixed, found, "with ages as times it is the same selection");
    holds(selectionText(texts) !== "" && selectionText(texts).length <= input.length + 300, "it has words");
    checkCandidates(found);
    for (const text of Object.values(texts)) checkLane(text);
  },
};

function textsOf(input: string): SelectionTexts & Readonly<Record<string, string>> {
  const pairs = input.split("\n").flatMap((line) => {
    const at = line.indexOf("=");
    const key = SELECTION_KEYS.find((name) => name === line.slice(0, at));
    return key === undefined ? [] : [[key, line.slice(at + 1)] as const];
  });
  return Object.fromEntries(pairs);
}

const CANDIDATES: readonly Candidate[] = ["a@b.test", "x@c.b.test", "postmaster"].flatMap((recipient) =>
  ["smarthost/x", "mx/b.test"].map((lane, at) => ({
    lane,
    recipient,
    standing: (["parked", "held", "in-hand"] as const)[at]!,
    last: at === 0 ? "" : JSON.stringify({ because: "connect-failed", text: "4.7.1 No", at: 1 }),
  })),
);

function checkCandidates(found: Exclude<ReturnType<typeof parseFilter>, { wrong: string }>): void {
  for (const candidate of CANDIDATES) {
    const isThis = selects(found, candidate, () => ({ from: "a@b.test", receivedAt: NOW }));
    if (found.lane !== undefined && found.lane !== candidate.lane) same(isThis, false, "another lane is not meant");
    if (found.standing !== undefined && found.standing !== candidate.standing) same(isThis, false, "nor another state");
    if (found.receivedUntil !== undefined && found.receivedUntil < NOW) same(isThis, false, "nor what is newer");
    if (found.receivedSince !== undefined && found.receivedSince > NOW) same(isThis, false, "nor what is older");
    const isGone = selects(found, candidate, () => undefined);
    const asksMessage = found.sender ?? found.receivedSince ?? found.receivedUntil;
    holds(!isGone || asksMessage === undefined, "what ended meanwhile is not meant");
  }
}

function checkLane(text: string): void {
  const lane = laneNamed(text);
  if (lane === undefined) return;
  holds(parseLane(lane) !== undefined, "a lane is one", lane);
  same(laneNamed(lane), lane, "a lane's name is its own");
  const other = nearestLane(lane, ["smarthost/x", "mx/b.test"]);
  holds(other === undefined || other.split("/")[0] === lane.split("/")[0], "what was meant is of its kind", other);
  const word = nearest(text, ["connect_failed", "held"]);
  holds(word === undefined || Math.abs(word.length - text.length) <= 5, "what was meant is not far", word);
}

const HIDING = [
  "\r",
  "\n",
  "\0",
  "\x1b[31m",
  "\x7f",
  "\x85",
  "\u202e",
  "\u200b",
  "\ufeff",
  "\u2028",
  "\ufff9",
  "\u061c",
  "x",
  "\u2066",
];

const printed: Target = {
  name: "printable",
  files: ["core/base/printable.ts"],
  lengthMax: 10_000,
  seeds: [HIDING.join(""), "x".repeat(1025), "\\x0a", "a\nb"],
  tokens: HIDING,
  generate: (chance: Chance) => some(chance, 20, () => oneOf(chance, HIDING)),
  check(text) {
    for (const most of [10, 1024]) {
      const shown = printable(text, most);
      holdsNoHidden(shown, "what is shown");
      holds(shown.length <= 10 * most + 1, "and is bounded", shown.length);
      if (text.length <= most && !/\\[xu]/.test(text)) same(unescaped(shown), text, "and nothing else is changed");
    }
    same(hasHidden(text), printable(text, text.length) !== text, "what is hidden is told");
    for (const line of printableLines(text).split("\n")) holdsNoHidden(line, "a line");
  },
};

function unescaped(text: string): string {
  return text.replace(/\\x([0-9a-f]{2})|\\u\{([0-9a-f]+)\}/g, (_, octet?: string, point?: string) =>
    String.fromCharCode(Number.parseInt(octet ?? point!, 16)),
  );
}

export const targets: readonly Target[] = [
  sasl,
  network,
  addressPattern,
  passwordHash,
  configValues,
  selection,
  printed,
];
