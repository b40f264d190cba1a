import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { TREE } from "../support/relay.ts";

/** Inputs that once found something: each a JSON string in ASCII, in a folder named like its target. */
const FOLDER = path.join(TREE, "test/corpus/fuzz");

export interface CorpusFile {
  readonly name: string;
  readonly input: string;
}

export function corpusOf(target: string): CorpusFile[] {
  const folder = path.join(FOLDER, target);
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return names
    .sort()
    .map((name) => ({ name, input: JSON.parse(readFileSync(path.join(folder, name), "utf8")) as string }));
}

export function inputText(input: string): string {
  return JSON.stringify(input).replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Answers where it is now. */
export function keepInCorpus(target: string, name: string, input: string): string {
  const folder = path.join(FOLDER, target);
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${name}.json`);
  writeFileSync(file, `${inputText(input)}\n`);
  return path.relative(TREE, file);
}

/** Texts of the other suites' material. */
export function filesIn(folder: string, end: string): string[] {
  const from = path.join(TREE, "test", folder);
  const names = readdirSync(from, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(end));
  return names.sort().map((name) => readFileSync(path.join(from, name), "latin1"));
}
