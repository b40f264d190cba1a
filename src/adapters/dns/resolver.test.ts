import { type Answer, type OptAnswer, RECURSION_AVAILABLE, TRUNCATED_RESPONSE, decode, encode } from "dns-packet";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DnsServerScript } from "../../../test/support/dns-server.ts";
import { freePort } from "../../../test/support/free-port.ts";
import { DNS } from "../../core/base/limits.ts";
import { SystemClock } from "../system/clock.ts";
import { SystemEntropy } from "../system/entropy.ts";
import { decodeResponse } from "./message.ts";
import { DnsResolver } from "./resolver.ts";
import { TOO_MANY } from "./turns.ts";

const OPT: OptAnswer = {
  type: "OPT",
  name: ".",
  udpPayloadSize: 1232,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
};

let dns: DnsServerScript;
let now = 0;

beforeEach(async () => {
  now = 0;
  dns = await DnsServerScript.start();
});
afterEach(() => dns.close());

function resolver(...servers: readonly { readonly address: string; readonly port: number }[]): DnsResolver {
  const system = new SystemClock();
  return new DnsResolver({
    servers: servers.length > 0 ? servers : [dns.server],
    clock: {
      monotonic: () => now,
      after: (delay, call) => system.after(delay, call),
      soon: (call) => system.soon(call),
    },
    entropy: new SystemEntropy(),
  });
}

describe("answers", () => {
  test("MX records with their preferences, in A-labels without a dot at the end", async () => {
    dns.mx("example.com", [20, "B.example.com."], [10, "a.example.com"]);
    expect(await resolver().exchangers("example.com")).toEqual({
      kind: "found",
      records: [
        { preference: 20, exchange: "b.example.com" },
        { preference: 10, exchange: "a.example.com" },
      ],
    });
  });

  test("a null MX is a record", async () => {
    dns.mx("example.com", [0, "."]);
    expect(await resolver().exchangers("example.com")).toEqual({
      kind: "found",
      records: [{ preference: 0, exchange: "" }],
    });
  });

  test("addresses of both families", async () => {
    dns.a("h.example", "192.0.2.1", "192.0.2.2").aaaa("h.example", "2001:db8::1");
    const found = resolver();
    expect(await found.addresses("h.example", 4)).toEqual({ kind: "found", records: ["192.0.2.1", "192.0.2.2"] });
    expect(await found.addresses("h.example", 6)).toEqual({ kind: "found", records: ["2001:db8::1"] });
  });

  test("no such records is something else than no such name", async () => {
    dns.a("h.example", "192.0.2.1");
    expect(await resolver().exchangers("h.example")).toEqual({ kind: "absent", hasName: true });
    expect(await resolver().exchangers("nothing.example")).toEqual({ kind: "absent", hasName: false });
  });

  test("what does not fit into a datagram comes over TCP", async () => {
    const records = Array.from({ length: 200 }, (_, at) => ({
      type: "MX" as const,
      name: "big.example",
      ttl: 60,
      data: { preference: at, exchange: `h${at}.big.example` },
    }));
    dns.on("MX", "big.example", { overTcp: records });
    const found = await resolver().exchangers("big.example");
    expect(found.kind === "found" && found.records.length).toBe(200);
    expect(dns.asked).toEqual(["MX big.example", "MX big.example"]);
  });
});

describe("aliases", () => {
  const cname = (name: string, data: string, ttl = 60) => ({ type: "CNAME" as const, name, ttl, data });

  test("that the server followed", async () => {
    const mx = { type: "MX" as const, name: "real.example", ttl: 60, data: { preference: 1, exchange: "h.example" } };
    dns.on("MX", "alias.example", { records: [cname("alias.example", "Real.example."), mx] });
    expect(await resolver().exchangers("alias.example")).toMatchObject({ kind: "found" });
  });

  test("that it did not follow", async () => {
    dns.on("A", "alias.example", { records: [cname("alias.example", "real.example")] }).a("real.example", "192.0.2.1");
    expect(await resolver().addresses("alias.example", 4)).toEqual({ kind: "found", records: ["192.0.2.1"] });
  });

  test("that go round end, and are no answer", async () => {
    dns.on("A", "a.example", { records: [cname("a.example", "b.example"), cname("b.example", "a.example")] });
    dns.on("A", "b.example", { records: [cname("b.example", "a.example")] });
    expect(await resolver().addresses("a.example", 4)).toMatchObject({ kind: "failed" });
    expect(dns.asked.length).toBeLessThanOrEqual(DNS.aliasesMax + 1);
  });
});

describe("no answer", () => {
  test("of one server: the next is asked, and first from then on", async () => {
    const dead = { address: "127.0.0.1", port: await freePort() };
    dns.a("h.example", "192.0.2.1").a("i.example", "192.0.2.2");
    const found = resolver(dead, dns.server);
    expect(await found.addresses("h.example", 4)).toMatchObject({ kind: "found" });
    expect(await found.addresses("i.example", 4)).toMatchObject({ kind: "found" });
  });

  test.each(["SERVFAIL", "REFUSED"] as const)("%s says which server, and is remembered for a moment", async (code) => {
    dns.on("A", "h.example", { code });
    const found = resolver();
    const answer = await found.addresses("h.example", 4);
    expect(answer).toEqual({ kind: "failed", text: `A of h.example: 127.0.0.1:${dns.port}: ${code}` });
    expect(dns.asked.length).toBe(DNS.rounds);
    now += DNS.ttlFailed - 1;
    await found.addresses("h.example", 4);
    expect(dns.asked.length).toBe(DNS.rounds);
    now += 2;
    await found.addresses("h.example", 4);
    expect(dns.asked.length).toBe(2 * DNS.rounds);
  });

  test("nobody listens", async () => {
    const answer = await resolver({ address: "127.0.0.1", port: await freePort() }).addresses("h.example", 4);
    expect(answer).toMatchObject({ kind: "failed", text: expect.stringContaining("ECONNREFUSED") as string });
  });

  test("a server that cannot be reached at all", async () => {
    const answer = await resolver({ address: "255.255.255.255", port: 53 }).addresses("h.example", 4);
    expect(answer).toMatchObject({ kind: "failed", text: expect.stringContaining("EACCES") as string });
  });

  test("silence takes as long as is permitted, and no longer", async () => {
    dns.on("A", "h.example", { silence: true });
    const started = performance.now();
    const answer = await resolver().addresses("h.example", 4);
    expect(answer).toMatchObject({ kind: "failed", text: expect.stringContaining("no answer within") as string });
    const elapsed = performance.now() - started;
    expect(elapsed).toBeGreaterThanOrEqual(DNS.rounds * DNS.attempt - 50);
    expect(elapsed).toBeLessThan(DNS.rounds * DNS.attempt + 2000);
  });

  test("a connection that is closed without an answer", async () => {
    dns.on("A", "h.example", { closesTcp: true });
    const answer = await resolver().addresses("h.example", 4);
    expect(answer).toMatchObject({ kind: "failed", text: expect.stringContaining("closed the connection") as string });
  });

  test.each([
    ["a server that does not recurse and does not know", 0, []],
    ["a code whose upper bits stand elsewhere", RECURSION_AVAILABLE, [{ ...OPT, extendedRcode: 1 }]],
  ])("%s says nothing of what there is not", async (_, flags, additionals) => {
    dns.on("MX", "h.example", {
      octets: (query) => [
        encode({ type: "response", id: query.id!, flags, questions: query.questions!, answers: [], additionals }),
      ],
    });
    expect(await resolver().exchangers("h.example")).toMatchObject({ kind: "failed" });
  });

  test("a server that is too old for EDNS is asked without", async () => {
    dns.on("A", "h.example", {
      octets: (query) => {
        const isOld = (query.additionals ?? []).length > 0;
        const answers = [{ type: "A" as const, name: "h.example", ttl: 60, data: "192.0.2.1" }];
        return [
          encode({
            type: "response",
            id: query.id!,
            flags: isOld ? 1 : 0,
            questions: query.questions!,
            answers: isOld ? [] : answers,
          }),
        ];
      },
    });
    expect(await resolver().addresses("h.example", 4)).toEqual({ kind: "found", records: ["192.0.2.1"] });
  });
});

describe("what a server does not say is not taken for absence", () => {
  const cname = (name: string, data: string): Answer => ({ type: "CNAME", name, ttl: 60, data });
  const a = (name: string): Answer => ({ type: "A", name, ttl: 60, data: "192.0.2.1" });
  const soa: Answer = {
    type: "SOA",
    name: "example",
    ttl: 60,
    data: { mname: "ns.example", rname: "x.example", serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 60 },
  };
  const ns: Answer = { type: "NS", name: "example", ttl: 60, data: "ns.example" };
  const chain = Array.from({ length: DNS.aliasesMax + 1 }, (_, at) => cname(`h${at}.example`, `h${at + 1}.example`));
  const NXDOMAIN = 3;

  interface Said {
    readonly flags?: number;
    readonly answers?: readonly Answer[];
    readonly authorities?: readonly Answer[];
  }

  async function answerTo(name: string, { flags = RECURSION_AVAILABLE, answers = [], authorities = [] }: Said) {
    dns.on("A", name, {
      octets: (query) => [
        encode({
          type: "response",
          id: query.id!,
          flags,
          questions: query.questions!,
          answers: [...answers],
          authorities: [...authorities],
        }),
      ],
    });
    return resolver().addresses(name, 4);
  }

  test.each<[string, Said, string]>([
    [
      "aliases that go round within one answer",
      { answers: [cname("h0.example", "h1.example"), cname("h1.example", "h0.example")] },
      "stands for another",
    ],
    [
      "the same beside an SOA record",
      { answers: [cname("h0.example", "h0.example")], authorities: [soa] },
      "stands for",
    ],
    [
      "the same beside NXDOMAIN",
      { flags: RECURSION_AVAILABLE | NXDOMAIN, answers: [cname("h0.example", "h0.example")] },
      "stands for",
    ],
    ["a chain that is too long", { answers: [...chain, a(`h${chain.length}.example`)] }, "stands for another"],
    ["records of other names", { answers: [a("other.example")] }, "what was not asked"],
    ["a record of another class", { answers: [{ ...a("h0.example"), class: "CH" } as Answer] }, "what was not asked"],
    ["a referral (RFC 2308 section 2.2)", { authorities: [ns] }, "refers"],
    [
      "NXDOMAIN and records of the name",
      { flags: RECURSION_AVAILABLE | NXDOMAIN, answers: [a("h0.example")] },
      "contradicts",
    ],
    [
      "NXDOMAIN at the end of an alias, from a server that does not know",
      { flags: NXDOMAIN, answers: [cname("h0.example", "gone.example")] },
      "no recursion",
    ],
    [
      "what is cut off over TCP too",
      { flags: RECURSION_AVAILABLE | TRUNCATED_RESPONSE, answers: [a("h0.example")] },
      "cut off",
    ],
  ])("%s", async (_, said, text) => {
    const found = await answerTo("h0.example", said);
    expect(found).toMatchObject({ kind: "failed", text: expect.stringContaining(text) as string });
  });

  test.each<[string, Said, boolean]>([
    ["NXDOMAIN without an SOA record (RFC 2308 section 2.1)", { flags: RECURSION_AVAILABLE | NXDOMAIN }, false],
    ["nothing at all (RFC 2308 section 2.2, type 3)", {}, true],
    ["an SOA record beside NS records", { authorities: [soa, ns] }, true],
    ["another name's records beside an SOA record", { answers: [a("other.example")], authorities: [soa] }, true],
    ["other records of the name", { answers: [{ type: "TXT", name: "h0.example", ttl: 60, data: "x" }] }, true],
    [
      "NXDOMAIN is about the last name of the aliases (RFC 6604 section 3)",
      {
        flags: RECURSION_AVAILABLE | NXDOMAIN,
        answers: [cname("h0.example", "gone.example")],
        authorities: [soa],
      },
      false,
    ],
    [
      "nothing at the end of the aliases (RFC 2308 section 2.2)",
      { answers: [cname("h0.example", "empty.example")], authorities: [soa] },
      true,
    ],
  ])("but this is: %s", async (_, said, hasName) => {
    expect(await answerTo("h0.example", said)).toEqual({ kind: "absent", hasName });
  });

  test("an answer to a question of another class is not ours", () => {
    const message = encode({
      type: "response",
      id: 1,
      flags: 0,
      questions: [{ type: "A", name: "h.example", class: "CH" }],
    });
    expect(decodeResponse(message, 1, { type: "A", name: "h.example" })).toBeUndefined();
  });
});

describe("what would keep the thread busy is no answer", () => {
  const decoded = (octets: Uint8Array): unknown => decodeResponse(octets, 0x1234, { type: "A", name: "a.test" });
  const head = [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0x61, 4, 0x74, 0x65, 0x73, 0x74, 0, 0, 1, 0, 1];

  test("more records than its octets can hold, with a text whose length is beyond them", () => {
    const octets = Uint8Array.from([...head, 4, 0x74, 0x65, 0x73, 0x74, 0, 0, 16, 0, 1, 0, 0, 0, 5, 0, 35]);
    octets.fill(255, 6, 12);
    const started = performance.now();
    expect(decoded(octets)).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(50);
    octets.set([0, 1, 0, 0, 0, 0], 6);
    expect(decoded(octets)).toBeUndefined(); // the length alone
  });

  test("a thousand MX records are an answer: as servers compress their names", () => {
    const question = Uint8Array.from([...head.slice(0, 20), 0, 15, 0, 1]);
    question.set([1000 >> 8, 1000 & 255], 6);
    const records = Array.from({ length: 1000 }, (_, n) => {
      const label = `mx${String(n).padStart(3, "0")}`;
      const octets = new TextEncoder().encode(label);
      return [0xc0, 12, 0, 15, 0, 1, 0, 0, 0, 60, 0, 10, 0, n % 50, label.length, ...octets, 0xc0, 12];
    });
    const message = Uint8Array.from([...question, ...records.flat()]);
    const started = performance.now();
    const found = decodeResponse(message, 0x1234, { type: "MX", name: "a.test" });
    expect(found?.records).toHaveLength(1000);
    expect(performance.now() - started).toBeLessThan(200);
  });

  test("a message that is longer than any answer", () => {
    const octets = new Uint8Array(DNS.answerOctetsMax + 1);
    octets.set(head);
    expect(decoded(octets)).toBeUndefined();
    expect(decoded(octets.subarray(0, -1))).toMatchObject({ code: "NOERROR", records: [] });
  });
});

test("what is not the answer is waited past: another id, another question, no message at all", async () => {
  dns.on("A", "h.example", {
    octets: (query) => {
      const answer = (id: number, name: string, data: string): Uint8Array =>
        encode({
          type: "response",
          id,
          questions: [{ type: "A", name }],
          answers: [{ type: "A", name, ttl: 60, data }],
        });
      const whole = answer(query.id!, "h.example", "192.0.2.1");
      return [
        answer((query.id! + 1) % 65_536, "h.example", "203.0.113.66"),
        answer(query.id!, "other.example", "203.0.113.66"),
        encode({ type: "response", id: query.id!, flags: RECURSION_AVAILABLE, questions: [], answers: [] }),
        new Uint8Array([1, 2, 3]),
        whole.subarray(0, whole.length - 2),
        encode({ ...decode(Buffer.from(whole)), type: "query" }),
        whole,
      ];
    },
  });
  expect(await resolver().addresses("h.example", 4)).toEqual({ kind: "found", records: ["192.0.2.1"] });
});

describe("memory", () => {
  const a = (ttl: number) => ({ records: [{ type: "A" as const, name: "h.example", ttl, data: "192.0.2.1" }] });

  test.each([
    ["for as long as the record says", 60, 60_000],
    ["not shorter than the least", 0, DNS.ttlMin],
    ["not longer than the most", 10 * 86_400, DNS.ttlMax],
  ])("an answer is good %s", async (_, ttl, lifetime) => {
    dns.on("A", "h.example", a(ttl));
    const found = resolver();
    await found.addresses("h.example", 4);
    now += lifetime - 1;
    await found.addresses("h.example", 4);
    expect(dns.asked).toHaveLength(1);
    now += 1;
    await found.addresses("h.example", 4);
    expect(dns.asked).toHaveLength(2);
  });

  test("absence for what the zone says", async () => {
    dns.on("A", "h.example", { code: "NXDOMAIN", soa: 30 });
    const found = resolver();
    await found.addresses("h.example", 4);
    now += 29_999;
    await found.addresses("h.example", 4);
    expect(dns.asked).toHaveLength(1);
    now += 1;
    await found.addresses("h.example", 4);
    expect(dns.asked).toHaveLength(2);
  });

  test("who asks while it is asked waits for the same answer", async () => {
    dns.on("A", "h.example", a(60));
    const found = resolver();
    const answers = await Promise.all(Array.from({ length: 50 }, () => found.addresses("h.example", 4)));
    expect(new Set(answers.map((answer) => answer.kind))).toEqual(new Set(["found"]));
    expect(dns.asked).toHaveLength(1);
  });
});

test("more than there are turns for at a time wait for them, and all are answered", async () => {
  dns.otherwise = { records: [], soa: 60 };
  const found = resolver();
  const names = Array.from({ length: DNS.youngMax * 2 }, (_, at) => `h${at}.example`);
  const answers = await Promise.all(names.map((name) => found.addresses(name, 4)));
  expect(answers.every((answer) => answer.kind === "absent")).toBe(true);
});

test("thousands of domains whose servers are silent delay no others, and those that end for it are not asked anew", async () => {
  dns.otherwise = { silence: true };
  const found = resolver();
  const silent = Array.from({ length: 6000 }, (_, at) => found.exchangers(`silent${at}.example`));
  const waits = Array.from({ length: 100 }, async (_, at) => {
    dns.mx(`d${at}.example`, [10, `h${at}.example`]).a(`h${at}.example`, "192.0.2.1");
    const started = performance.now();
    const answers = [await found.exchangers(`d${at}.example`), await found.addresses(`h${at}.example`, 4)];
    expect(answers.map(({ kind }) => kind)).toEqual(["found", "found"]);
    return performance.now() - started;
  });
  const sorted = (await Promise.all(waits)).toSorted((a, b) => a - b);
  expect(sorted[95]).toBeLessThan(2000);
  const ended = silent.map(async (answer, at) => ({ at, answer: await answer }));
  const { at, answer } = await Promise.any(
    ended.map(async (one) => {
      const it = await one;
      return it.answer.kind === "failed" && it.answer.text.endsWith(TOO_MANY.slow) ? it : Promise.reject(new Error());
    }),
  );
  const asked = dns.asked.filter((question) => question === `MX silent${at}.example`).length;
  expect(asked).toBe(1);
  expect(await found.exchangers(`silent${at}.example`)).toEqual(answer);
  expect(dns.asked.filter((question) => question === `MX silent${at}.example`)).toHaveLength(1);
}, 20_000);

test("beyond those that wait, a lookup fails at once", async () => {
  dns.otherwise = { silence: true };
  const found = resolver();
  const names = Array.from({ length: DNS.youngMax + DNS.waitingMax + 1 }, (_, at) => `h${at}.example`);
  const first = await Promise.race(names.map((name) => found.addresses(name, 4)));
  expect(first).toEqual({ kind: "failed", text: TOO_MANY.waiting });
});
