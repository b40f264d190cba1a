import { readFileSync } from "node:fs";
import inspector from "node:inspector/promises";
import { stripTypeScriptTypes } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { TREE } from "../support/relay.ts";

/** What was reached of one file. */
export interface FileCoverage {
  readonly file: string;
  /** Lines of code inside functions, but for those that only close something. */
  readonly lines: number;
  readonly missed: readonly { readonly number: number; readonly text: string }[];
}

interface Watched {
  readonly file: string;
  readonly source: string;
  /** Places that belong to a function, those that ran, and those of them that a kept input reaches. */
  readonly inFunction: Uint8Array;
  readonly everReached: Uint8Array;
  readonly reached: Uint8Array;
  /** What the last look found. */
  fresh: number[];
}

/**
 * Which code runs, by V8's own counters. Has to begin before the files are imported. What is looked at is the text without its
 * types: Node puts white space in their place, so that lines and columns stay.
 */
export class Coverage {
  readonly #session = new inspector.Session();
  #watched: ReadonlyMap<string, Watched> = new Map();

  /** From here on these are what is looked at; a file may have been imported meanwhile. */
  watch(files: readonly string[]): void {
    this.#watched = new Map(
      files.map((file) => {
        const name = path.join(TREE, "src", file);
        const source = withoutComments(stripTypeScriptTypes(readFileSync(name, "utf8")));
        const map = (): Uint8Array => new Uint8Array(source.length);
        const watched = { file, source, inFunction: map(), everReached: map(), reached: map(), fresh: [] };
        return [pathToFileURL(name).href, watched];
      }),
    );
  }

  static async start(): Promise<Coverage> {
    const coverage = new Coverage();
    coverage.#session.connect();
    await coverage.#session.post("Profiler.enable");
    await coverage.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
    return coverage;
  }

  async stop(): Promise<void> {
    await this.#session.post("Profiler.stopPreciseCoverage");
    this.#session.disconnect();
  }

  /** Adds what ran since the last look; answers how much of it never had. */
  async look(): Promise<number> {
    const { result } = await this.#session.post("Profiler.takePreciseCoverage");
    let fresh = 0;
    for (const script of result) {
      const watched = this.#watched.get(script.url);
      if (watched === undefined) continue;
      watched.fresh = freshIn(watched, script.functions);
      fresh += watched.fresh.length;
    }
    return fresh;
  }

  /** What the last look found is new again, so that it can be seen which input it was. */
  forget(): void {
    for (const { reached, fresh } of this.#watched.values()) for (const at of fresh) reached[at] = 0;
  }

  files(): FileCoverage[] {
    return [...this.#watched.values()].map(coverageOf);
  }
}

function freshIn(
  { inFunction, everReached, reached }: Watched,
  functions: readonly inspector.Profiler.FunctionCoverage[],
): number[] {
  const ran = new Uint8Array(reached.length);
  // Outer ones first: what is inside of another says more of its own part.
  for (const [at, { ranges }] of functions.entries()) {
    for (const { startOffset, endOffset, count } of ranges) {
      ran.fill(count > 0 ? 1 : 0, startOffset, endOffset);
      if (at > 0) inFunction.fill(1, startOffset, endOffset); // the first one is the module
    }
  }
  const fresh: number[] = [];
  for (let at = 0; at < ran.length; at++) {
    if (ran[at] === 0 || reached[at] !== 0) continue;
    reached[at] = 1;
    everReached[at] = 1;
    fresh.push(at);
  }
  return fresh;
}

/** What is not worth a line: brackets, `else`, and what begins a case. */
const EMPTY_LINE = /^[\s{}()[\];,]*(?:else\s*\{?|default:)?$/;

function coverageOf({ file, source, inFunction, everReached }: Watched): FileCoverage {
  const missed: { number: number; text: string }[] = [];
  let lines = 0;
  let at = 0;
  for (const [index, text] of source.split("\n").entries()) {
    const places = Array.from(text, (c, i) => (/\S/.test(c) && !/[{}();,]/.test(c) ? at + i : -1)).filter(
      (i) => i >= 0,
    );
    at += text.length + 1;
    if (EMPTY_LINE.test(text) || !places.some((place) => inFunction[place] === 1)) continue;
    lines++;
    if (!places.some((place) => everReached[place] === 1)) missed.push({ number: index + 1, text: text.trim() });
  }
  return { file, lines, missed };
}

/** White space in their place. */
function withoutComments(source: string): string {
  return source.replace(/^(\s*)\/\/.*$|\/\*\*?[^]*?\*\/|(?<=[;{},\s])\/\/ .*$/gm, (comment) =>
    comment.replace(/[^\n]/g, " "),
  );
}
