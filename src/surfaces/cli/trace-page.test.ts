import fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
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
