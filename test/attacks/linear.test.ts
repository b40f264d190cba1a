import { expect, test } from "vitest";
import { readChain } from "../../src/core/hops/chain.ts";
import { HeaderExaminer } from "../../src/core/mail/header.ts";
import { parseForwardPath, parseReversePath } from "../../src/core/mail/path.ts";
import { ChunkDecoder, DataDecoder } from "../../src/core/smtp/data-decoder.ts";
import { parseMailParameters, parseRcptParameters } from "../../src/core/smtp/parameters.ts";
import { KiB } from "../../src/core/base/limits.ts";
import { octets, testListener } from "../support/listener.ts";
import { Machine } from "../support/machine.ts";
import { tally } from "../support/recorded.ts";

// L4: twice the input takes no more than twice the time.

const counted = tally("linear");

function milliseconds(work: () => void): number {
  const started = performance.now();
  work();
  return performance.now() - started;
}

const ATTEMPTS = 6;
const ROUNDS = 3;
const NOTHING_MS = 1;

/**
 * By the best of a few rounds in which both sizes take turns: a slow moment of the machine would have to meet all of one
 * size and none of the other. What is linear shows it in one of several attempts; what is not in none.
 */
function isLinear(work: (size: number) => void, size: number): boolean {
  work(size);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    let once = Number.POSITIVE_INFINITY;
    let twice = Number.POSITIVE_INFINITY;
    for (let round = 0; round < ROUNDS; round++) {
      once = Math.min(
        once,
        milliseconds(() => work(size)),
      );
      twice = Math.min(
        twice,
        milliseconds(() => work(2 * size)),
      );
    }
    if (twice <= 2.5 * once || twice < NOTHING_MS) return true;
  }
  return false;
}

const decode = (pattern: string, chunk: number) => (size: number) => {
  const input = octets(pattern.repeat(Math.ceil(size / pattern.length)));
  for (const decoder of [new DataDecoder("reject"), new DataDecoder("normalize"), new ChunkDecoder("normalize")]) {
    for (let at = 0; at < input.length; at += chunk) decoder.decode(input.subarray(at, at + chunk), 0, []);
  }
};
const examine = (pattern: string, chunk: number) => (size: number) => {
  const input = octets(`A: b\r\n${pattern.repeat(Math.ceil(size / pattern.length))}`);
  const examiner = new HeaderExaminer();
  for (let at = 0; at < input.length; at += chunk) examiner.examine(input.subarray(at, at + chunk));
  examiner.finish();
};
const path =
  (before: string, pattern: string, after = "") =>
  (size: number) => {
    const text = `${before}${pattern.repeat(Math.ceil(size / pattern.length))}${after}`;
    parseForwardPath(text);
    parseReversePath(text);
  };
const parameters = (pattern: string) => (size: number) => {
  const text = pattern.repeat(Math.ceil(size / pattern.length));
  parseMailParameters(text);
  parseRcptParameters(text, true);
};
const trace =
  (before: string, pattern: string, after = "") =>
  (size: number) => {
    readChain(octets(`${before}${pattern.repeat(Math.ceil(size / pattern.length))}${after}\r\n\r\n`));
  };
const session = (pattern: string, chunk: number) => (size: number) => {
  const input = octets(pattern.repeat(Math.ceil(size / pattern.length)));
  const machine = new Machine(testListener("trusted size=100000000")).open();
  for (const line of ["EHLO c", "MAIL FROM:<a@b.c>", "RCPT TO:<b@b.c>", "DATA"]) machine.receive(octets(`${line}\r\n`));
  for (let at = 0; at < input.length; at += chunk) machine.session.receive(input.subarray(at, at + chunk));
};

const FAMILIES: readonly (readonly [name: string, work: (size: number) => void, size: number])[] = [
  ...["x", "\r\n", "\r", "\n", ".", "\r\n.", "\n.\r", "\0", "\xff\r\n.."].flatMap(
    (pattern) =>
      [
        [`content of ${JSON.stringify(pattern)}`, decode(pattern, 4096), 128 * KiB],
        [`content of ${JSON.stringify(pattern)}, octet by octet`, decode(pattern, 1), 8 * KiB],
      ] as const,
  ),
  ...[
    "x",
    " x\r\n",
    "a: b\r\n",
    "Received: a\r\n",
    "Subject: a\r\n",
    "a: \r\n\t\r\n",
    "a :\xff\r\n",
    ":",
    "\t",
  ].flatMap(
    (pattern) =>
      [
        [`header of ${JSON.stringify(pattern)}`, examine(pattern, 4096), 128 * KiB],
        [`header of ${JSON.stringify(pattern)}, octet by octet`, examine(pattern, 1), 8 * KiB],
      ] as const,
  ),
  ["a path of dots", path("<", "a.", "@b.c>"), 256 * KiB],
  ["a path of @", path("<", "@", ">"), 256 * KiB],
  ["a path of <", path("", "<"), 256 * KiB],
  ["a path of quotes", path("<", '"', "@b.c>"), 256 * KiB],
  ["a path of quoted pairs", path('<"', '\\"', '"@b.c>'), 256 * KiB],
  ["a path of comments", path("<a", "((", "@b.c>"), 256 * KiB],
  ["a path of labels", path("<a@", "b.", "c>"), 256 * KiB],
  ["parameters of spaces", parameters(" "), 256 * KiB],
  ["parameters of one kind", parameters("SIZE=1 "), 256 * KiB],
  ["a parameter of one letter", parameters("A"), 256 * KiB],
  ["a parameter of xtext", parameters("ENVID=+41"), 256 * KiB],
  ["a list of notifications", parameters("NOTIFY=,"), 256 * KiB],
  ...[
    "(",
    ")",
    "(a) ",
    "\\(",
    '"',
    '\\"',
    '" ',
    "<",
    "<a>",
    ";",
    "; ",
    "from ",
    "by (a [1.2.3.4]) ",
    "21 Nov ",
    "Nov 21 ",
    "[",
    "a=b:c ",
  ].map(
    (pattern) => [`a stamp of ${JSON.stringify(pattern)}`, trace("Received: from a ", pattern), 256 * KiB] as const,
  ),
  ["stamps without end", trace("", "Received: from a by b with SMTP id 1; 21 Nov 2026 10:00:00 +0000\r\n"), 256 * KiB],
  [
    "stamps whose clocks go back",
    trace("", "Received: by a; 21 Nov 2026 1:0:0 Z\r\nReceived: by b; 20 Nov 2026 1:0:0 Z\r\n"),
    256 * KiB,
  ],
  ["folds of a stamp", trace("Received: from a", "\r\n\t(a)"), 256 * KiB],
  ["a filter's verdict of parts", trace("Authentication-Results: a", "; spf=pass (x)"), 256 * KiB],
  ["tags of a signature", trace("DKIM-Signature: v=1", "; d=a=b"), 256 * KiB],
  ["lines that are no field", trace("A: b\r\n", "nothing\r\n"), 256 * KiB],
  ["a session's content in small segments", session("x\r\n.y\n", 7), 128 * KiB],
];

test.for(FAMILIES)("L4: %s", ([, work, size]) => {
  expect(isLinear(work, size)).toBe(true);
  counted.add("families");
});

/** It looks at all that came before with each octet: 3.9 times the cost for twice the input. */
const quadratic = (size: number): void => {
  const input = octets("x".repeat(size));
  let sum = 0;
  for (let end = 0; end < input.length; end++) sum += input.subarray(0, end).indexOf(10);
  expect(sum).toBe(-input.length);
};

test("control: a decoder that begins anew with each octet is found", () => {
  expect(isLinear(quadratic, 16 * KiB)).toBe(false);
  counted.add("plantedFound");
});
