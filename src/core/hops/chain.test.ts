import * as fc from "fast-check";
import { expect, test } from "vitest";
import { utf8 } from "../base/bytes.ts";
import { TRACE } from "../base/limits.ts";
import { readHeader } from "./fields.ts";
import { type Chain, readChain } from "./chain.ts";

const clock = (text: string): string => `Sat, 21 Nov 2026 ${text} +0000`;

/** A chain of hosts a.test, b.test, ... at these times, bottom to top. */
function chain(...times: readonly string[]): Chain {
  const host = (at: number): string => `${"abcdefgh"[at]}.test`;
  const stamps = times.map(
    (time, at) =>
      `Received: from ${host(at)} (${host(at)} [192.0.2.${at + 1}]) by ${host(at + 1)} with ESMTP id ${at}; ${clock(time)}`,
  );
  return readChain(utf8(`${stamps.toReversed().join("\r\n")}\r\n\r\n`));
}

const delays = ({ hops }: Chain): (number | undefined)[] => hops.map(({ timing: { delay } }) => delay);
const remarks = ({ hops }: Chain): string[] => hops.map(({ timing: { remark } }) => remark);

test("time that goes forward", () => {
  const found = chain("10:00:00", "10:00:05", "10:01:05", "10:01:05");
  expect(delays(found)).toEqual([undefined, 5000, 60_000, 0]);
  expect(found).toMatchObject({ total: 65_000, longest: { at: "c.test", delay: 60_000, hop: 3 } });
  expect(remarks(found)).toEqual(["", "", "", ""]);
});

test("two seconds backwards are no news", () => {
  const found = chain("10:00:02", "10:00:00", "10:00:03");
  expect([delays(found), remarks(found)]).toEqual([
    [undefined, 0, 3000],
    ["", "", ""],
  ]);
});

test("a clock that is ahead: the hop after it fits with the one before, and the time is that between those", () => {
  const found = chain("10:00:00", "10:30:00", "10:00:10", "10:00:11");
  expect(delays(found)).toEqual([undefined, undefined, 10_000, 1000]);
  expect(found.hops[2]!.timing).toMatchObject({
    since: 1,
    remark: "29 min 50 s earlier than the hop before: the clock of c.test is probably ahead",
  });
  expect(found.total).toBe(11_000);
});

test("a clock that is behind: the next hop fits with the one before it", () => {
  const found = chain("10:00:00", "10:00:04", "09:00:00", "10:00:10");
  expect(delays(found)).toEqual([undefined, 4000, undefined, 6000]);
  expect(remarks(found)[2]).toMatch(/the clock of d\.test is probably behind$/);
  expect(found.total).toBe(10_000);
});

test("one of the two, and nobody can say which", () => {
  const found = chain("10:00:00", "09:00:00");
  expect(remarks(found)[1]).toMatch(/the clock of b\.test is ahead, or that of c\.test is behind$/);
  expect([delays(found), found.total, found.longest]).toEqual([[undefined, undefined], undefined, undefined]);
});

test("a delay is never negative, whatever the dates", () => {
  const time = fc.integer({ min: 0, max: 86_399 }).map((s) => new Date(s * 1000).toISOString().slice(11, 19));
  fc.assert(
    fc.property(fc.array(time, { maxLength: 7 }), (times) => {
      const found = chain(...times);
      expect(found.hops).toHaveLength(times.length);
      for (const delay of delays(found)) expect(delay ?? 0).toBeGreaterThanOrEqual(0);
      expect(found.total ?? 0).toBeGreaterThanOrEqual(found.longest?.delay ?? 0);
    }),
  );
});

/** What does not fit in two stamps. */
function doubts(first: string, second: string): string[] {
  const text = `Received: ${second}; ${clock("10:00:01")}\nReceived: ${first}; ${clock("10:00:00")}\n\n`;
  return readChain(utf8(text)).hops.flatMap((hop) => hop.doubts.map((doubt) => `${hop.number}: ${doubt}`));
}

const PLAIN = "from pc.a.test (pc.a.test [192.0.2.1]) by mx.a.test with ESMTP id 1";

test.each([
  ["from mx.a.test (mx.a.test [192.0.2.2]) by b.test with ESMTP id 2"],
  ["from out.a.test (nat.isp.test [192.0.2.2]) by b.test with ESMTP id 2"],
  ["from mx (unknown [192.0.2.2]) by b.test with ESMTP id 2"],
  ["from localhost (localhost [127.0.0.1]) by mx.a.test with ESMTP id 2"],
  ["from other.c.test (other.c.test [10.0.0.1]) by mx.a.test with ESMTP id 2"],
  ["by mx.b.test with SMTP id 2"],
  ["(qmail 7 invoked by uid 1)"],
  ["from [10.0.0.7] (mx.a.test [192.0.2.2]) by b.test with ESMTPSA id 2"],
])("nothing is wrong with %s", (second) => {
  expect(doubts(PLAIN, second)).toEqual([]);
});

test.each([
  [
    "from x.c.test (x.c.test [192.0.2.9]) by b.test with ESMTP id 2",
    /^2: the hop before was stamped by mx\.a\.test, this one came from x\.c\.test, 192\.0\.2\.9: a server between/,
  ],
  [
    "from [192.0.2.8] (mx.a.test [192.0.2.9]) by b.test with ESMTP id 2",
    /^2: the client called itself \[192\.0\.2\.8\], and came from 192\.0\.2\.9$/,
  ],
  [
    "from mx.a.test (mx.a.test [10.0.0.1]) by b.other.test with ESMTP id 2",
    /^2: the message was at mx\.a\.test, and came to b\.other\.test from 10\.0\.0\.1, which is an address of a private network$/,
  ],
  ["from mx.a.test (mx.a.test [0.1.2.3]) by b.test with ESMTP id 2", /^2: no host has the address 0\.1\.2\.3$/],
  ["from mx.a.test (mx.a.test [999.1.2.3]) by b.test with ESMTP id 2", /^2: no host has the address 999\.1\.2\.3$/],
  [
    "from mx.a.test (mx.a.test [192.0.2.2] (may be forged)) by b.test with ESMTP id 2",
    /^2: the server found that the name mx\.a\.test/,
  ],
  ["from mx.a.test (mx.a.test [192.0.2.2]) by mx.a.test with ESMTP id 1", /^2: hop 1 has the same server and id$/],
  [
    "from mx.a.test (mx.a.test [192.0.2.2] by b.test with ESMTP id 2",
    /^2: a parenthesis or a quote in it has no other end$/,
  ],
])("what does not fit in %s", (second, doubt) => {
  expect(doubts(PLAIN, second)).toEqual([expect.stringMatching(doubt)]);
});

test("a client that takes its server's name, and a step back that no clock makes", () => {
  expect(doubts("from mx.a.test (x [192.0.2.9]) by mx.a.test with SMTP id 1", "by mx.a.test id 2")).toEqual([
    "1: the client at 192.0.2.9 called itself by this server's own name",
  ]);
  const text =
    "Received: by b.test id 2; 20 Nov 2026 10:00:00 +0000\nReceived: by a.test id 1; 23 Nov 2026 10:00:00 +0000\n\n";
  expect(readChain(utf8(text)).hops[1]!.doubts).toEqual(["3 d back is more than a clock is off, as a rule"]);
});

test("filters stand between the hops where they stand in the header", () => {
  const text = [
    "X-Rspamd-Score: 3",
    "Received: from mx.a.test by b.test; 21 Nov 2026 10:00:01 +0000",
    "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=b.test; b=x",
    'Authentication-Results: mx.a.test; spf=pass (a; b) smtp.mailfrom=c.test;\r\n\tdkim=fail reason="bad; signature"',
    "X-Spam-Level:",
    "Received: from pc by mx.a.test; 21 Nov 2026 10:00:00 +0000",
    "DKIM-Signature: v=1; s=k1; d=c.test; b=y",
    "Subject: x",
    "",
    "Received: this is the body",
  ].join("\r\n");
  const { hops, marksAfter } = readChain(utf8(text));
  const marks = [...hops.map(({ marksBefore }) => marksBefore), marksAfter];
  expect(marks.map((each) => each.map(({ kind, text }) => [kind, text]))).toEqual([
    [["signature", "d=c.test s=k1"]],
    [
      ["authentication", "mx.a.test spf=pass dkim=fail"],
      ["chain", "i=1 d=b.test cv=none"],
    ],
    [["spam", "3"]],
  ]);
});

test("an mbox, bare line feeds, empty lines before it, lines that are no field", () => {
  const text =
    "\n\nFrom a@b.test Sat Nov 21 10:00:00 2026\nReceived : by a.test\n  id 7\nnothing of this\nSubject: x\n\nSubject: y\n";
  expect(readChain(utf8(text))).toMatchObject({
    subject: "x",
    strayLines: 1,
    hasFields: true,
    isCut: false,
    hops: [{ stamp: { by: "a.test", id: "7" } }],
  });
  expect(readChain(utf8("no field\n"))).toMatchObject({ hasFields: false, strayLines: 1, hops: [] });
  const passwd = "root:x:0:0:root:/root:/bin/bash\nmail:x:8:8:mail:/var/mail:/usr/sbin/nologin\n";
  expect(readChain(utf8(passwd))).toMatchObject({ hasFields: false, hops: [] });
  for (const name of ["Received", "DATE", "X-Mailer", "ARC-Seal", "Authentication-Results"])
    expect(readChain(utf8(`${passwd}${name}: x\n`)).hasFields, name).toBe(true);
});

test("a header without end is read so far, and hops without end are counted", () => {
  const line = "Received: by a.test; 21 Nov 2026 10:00:00 +0000\n";
  const endless = utf8(line.repeat(Math.ceil(TRACE.headerOctetsMax / line.length) + 1));
  const found = readChain(endless);
  expect(found).toMatchObject({ isCut: true });
  expect([found.hops.length, found.hopsLeftOut > 0]).toEqual([TRACE.hopsMax, true]);
});

test("the field that the bound cuts is no hop, and nothing of it is shown; one that ends there is whole", () => {
  const hop = "Received: by a.test; 21 Nov 2026 10:00:00 +0000\r\n";
  const folded = "Received: by b.test\r\n\tid 1;\r\n\t22 Nov 2026 10:00:00 +0000\r\n";
  const found = (rest: string, octetsMax: number): string[] =>
    readHeader(utf8(hop + rest), octetsMax).fields.map(({ value }) => value.slice(0, 9));
  for (let at = hop.length; at < hop.length + folded.length; at++)
    expect(found(`${folded}Subject: x\r\n\r\n`, at)).toEqual(["by a.test"]);
  expect(found(`${folded}Subject: x\r\n\r\n`, hop.length + folded.length + 1)).toEqual(["by a.test", "by b.test"]);
  expect(readHeader(utf8(hop + folded), hop.length + folded.length).fields).toHaveLength(2); // all of it was read
  expect(readHeader(utf8(`${hop}${folded}\r\nbody`), hop.length + folded.length + 2)).toMatchObject({ isCut: false });
});

test("any octets give a chain, and never a throw", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "Received: ",
      "from ",
      "by ",
      "with ",
      "id ",
      "for ",
      "; ",
      "(",
      ")",
      "[",
      "]",
      "<",
      ">",
      '"',
      "\\",
    ),
    fc.constantFrom(
      "\r\n",
      "\n",
      "\r\n\t",
      "\n\n",
      "Date: ",
      "21 Nov 2026 10:00:00 +0000",
      "[192.0.2.1]",
      "a.test",
      "X-Spam-Status: ",
    ),
    fc.constantFrom(
      "ARC-Seal: i=",
      "Authentication-Results: ",
      "localhost",
      "HELO ",
      "helo=",
      "version=TLS1_3",
      "authenticated",
    ),
    fc.string({ unit: "binary", maxLength: 6 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const found = readChain(utf8(pieces.join("")));
      expect(found.encrypted).toBeLessThanOrEqual(found.networked);
    }),
    { numRuns: 500 },
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => void readChain(octets)));
});
