import fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { utf8 } from "../../core/base/bytes.ts";
import { TRACE } from "../../core/base/limits.ts";
import { readChain } from "../../core/hops/chain.ts";
import { type Paint, chainLines } from "./trace-page.ts";

const CHAINS = path.resolve(import.meta.dirname, "../../../test/corpus/chains");
const NAMES = fs.readdirSync(CHAINS).flatMap((name) => (name.endsWith(".eml") ? [name.slice(0, -4)] : []));
const plain: Paint = (_, text) => text;

function page(name: string): string[] {
  return chainLines(readChain(fs.readFileSync(path.join(CHAINS, `${name}.eml`))), plain);
}

describe("the page of a chain is as expected", () => {
  test.each(NAMES)("%s", async (name) => {
    const file = path.join(CHAINS, `${name}.expected.txt`);
    await expect(`${page(name).join("\n")}\n`).toMatchFileSnapshot(file);
  });
});

test("every chain has its page, and every page is of a chain", () => {
  const files = fs.readdirSync(CHAINS).sort();
  expect(files).toEqual(NAMES.flatMap((name) => [`${name}.eml`, `${name}.expected.txt`]).sort());
  expect(NAMES.length).toBeGreaterThan(20);
});

test.each(NAMES)("%s fits into 100 columns, and has nothing that a terminal obeys", (name) => {
  for (const line of page(name)) {
    expect(line.length).toBeLessThanOrEqual(100);
    expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
  }
});

test("line ends make no difference", () => {
  for (const name of NAMES) {
    const octets = fs.readFileSync(path.join(CHAINS, `${name}.eml`));
    const bare = Buffer.from(octets.toString("latin1").replaceAll("\r\n", "\n"), "latin1");
    const whole = Buffer.from(bare.toString("latin1").replaceAll("\n", "\r\n"), "latin1");
    expect(readChain(bare)).toEqual(readChain(whole));
  }
});

test("colours are the painter's alone", () => {
  const octets = fs.readFileSync(path.join(CHAINS, "forged-bottom.eml"));
  const lines = chainLines(readChain(octets), (style, text) => `{${style}}${text}`);
  expect(lines[0]).toMatch(/^\{bold\}4 hops/);
  expect(lines[1]).toBe('{yellow}Something does not fit at hop 1, 2, 3, 4: see "!" there');
  expect(lines).toContain("{red}     ! no host has the address 999.1.2.3");
  expect(lines).toContain("{dim}     ~ X-Spam-Flag: YES");
});

test("hops that are too many are counted where the hops are, and a header that is cut says what may be missing", () => {
  const hop = "Received: by a.test; 21 Nov 2026 10:00:00 +0000\n";
  const pageOf = (text: string): string[] => chainLines(readChain(utf8(text)), plain);
  const many = pageOf(`${hop.repeat(TRACE.hopsMax + 3)}\n`);
  expect(many[0]).toMatch(/^1000 hops of 1003\b/);
  expect(many.at(-1)).toBe("Hops above these, which are not looked at: 3");
  const endless = pageOf(hop.repeat(Math.ceil(TRACE.headerOctetsMax / hop.length) + 1));
  expect(endless[0]).toMatch(/^1000 hops of \d{5} or more\b/);
  expect(endless.at(-1)).toMatch(/the first hops may be in it\.$/);
  expect(pageOf(`Subject: x\nX: ${"x".repeat(TRACE.headerOctetsMax)}\n${hop}\n`)[0]).toBe(
    "No hop in what was read of the header",
  );
});
