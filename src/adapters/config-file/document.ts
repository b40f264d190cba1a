import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from "yaml";
import { printable } from "../../core/base/printable.ts";
import type { ConfigPath } from "../../core/config/issue.ts";

export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface Problem {
  readonly position: Position;
  readonly message: string;
}

/** A configuration file that is well-formed YAML. */
export interface YamlFile {
  /** Plain values. */
  readonly value: unknown;
  /** Keys that are there again: what stands at the first one counts. */
  readonly repeated: readonly Problem[];
  /** Where the value or key at `path` stands; the innermost part that is there, where it is not. */
  locate(path: ConfigPath, at: "key" | "value"): Position;
}

export type ReadYaml =
  | { readonly kind: "yaml"; readonly file: YamlFile }
  | { readonly kind: "broken"; readonly problems: readonly Problem[] };

const ALIASES_MAX = 100; // each alias may repeat a part of the file; nested ones multiply
const PROBLEMS_MAX = 10;
const KEY_SHOWN_MAX = 100;
const START: Position = { line: 1, column: 1 };

const ALIAS_WITHOUT_ANCHOR = "an alias has no anchor; where * belongs to the value, put the value in quotes";
const NOT_YAML = "this is not valid YAML";

/** Our words for what people do wrong; the parser's own may quote the file, which holds secrets. */
const WORDS: ReadonlyMap<string, string> = new Map([
  ["BAD_DQ_ESCAPE", "unknown escape in a text in double quotes; write \\\\ for a backslash"],
  ["BAD_INDENT", "the indentation does not fit, or a bracket before it is not closed"],
  ["BAD_SCALAR_START", "a text cannot start with this character; put it in quotes"],
  ["BLOCK_AS_IMPLICIT_KEY", "a second colon; put the value in quotes"],
  ["BLOCK_IN_FLOW", "a block cannot stand inside brackets"],
  ["MISSING_CHAR", "a closing quote, bracket, comma or colon is missing"],
  ["MULTILINE_IMPLICIT_KEY", "a colon is missing"],
  ["MULTIPLE_DOCS", "only one document is read; take out the line with ---"],
  ["RESOURCE_EXHAUSTION", "nested too deeply"],
  ["TAB_AS_INDENT", "a tab cannot indent; use spaces"],
  ["TAG_RESOLVE_FAILED", "unknown tag; where ! belongs to the value, put the value in quotes"],
  ["UNEXPECTED_TOKEN", "this cannot stand here; is there a quote or colon too many?"],
]);

class ParsedFile implements YamlFile {
  readonly value: unknown;
  readonly repeated: readonly Problem[];
  readonly #document: Document;
  readonly #lines: LineCounter;

  constructor(document: Document, lines: LineCounter, repeated: readonly Problem[]) {
    this.#document = document;
    this.#lines = lines;
    this.repeated = repeated;
    this.value = document.toJS({ maxAliasCount: ALIASES_MAX });
  }

  locate(path: ConfigPath, at: "key" | "value"): Position {
    let node: Node | null | undefined = this.#document.contents;
    let found = node;
    for (const [index, part] of path.entries()) {
      const isKeyWanted = at === "key" && index === path.length - 1;
      node = this.#inside(node, part, isKeyWanted);
      if (node === null || node === undefined) break;
      found = node;
    }
    return positionOf(found, this.#lines);
  }

  #inside(node: Node | null | undefined, part: string | number, isKeyWanted: boolean): Node | null | undefined {
    const place = isAlias(node) ? node.resolve(this.#document) : node;
    if (!isCollection(place)) return undefined;
    if (!isMap(place)) return place.get(part, true);
    const pair = place.items.find((item) => String(isPair(item) ? item.key : "") === String(part));
    const value = pair?.value as Node | null | undefined;
    return isKeyWanted || value === null || isEmpty(value) ? (pair?.key as Node | undefined) : value;
  }
}

/** A key with nothing behind it: its value has no place of its own worth showing. */
function isEmpty(node: Node | undefined): boolean {
  return node?.range?.[0] === node?.range?.[1];
}

function positionOf(node: Node | null | undefined, lines: LineCounter): Position {
  const offset = node?.range?.[0];
  if (offset === undefined) return START;
  const { line, col } = lines.linePos(offset);
  return line === 0 ? START : { line, column: col };
}

/** Takes keys out that are there again, so that all others can be looked at; answers them, the first few. */
function withoutRepeated(document: Document, lines: LineCounter): readonly Problem[] {
  const repeated: Problem[] = [];
  visit(document, {
    Map(_, map) {
      const first = new Map<string, Node>();
      map.items = map.items.filter(({ key }) => {
        if (!isScalar(key)) return true;
        const name = String(key.value);
        const before = first.get(name);
        if (before === undefined) first.set(name, key);
        else repeated.push(repeatedProblem(name, key, before, lines));
        return before === undefined;
      });
    },
  });
  return repeated.slice(0, PROBLEMS_MAX);
}

function repeatedProblem(name: string, key: Node, first: Node, lines: LineCounter): Problem {
  const shown = name.split(":", 1)[0]!; // what is behind a colon without a blank may be a secret
  const message = `${printable(shown, KEY_SHOWN_MAX)}: is here twice, first on line ${positionOf(first, lines).line}`;
  return { position: positionOf(key, lines), message };
}

/** One problem a line, the first few: what follows a slip is mostly its echo. */
function problemsOf(document: Document.Parsed): readonly Problem[] {
  const byLine = new Map<number, Problem>();
  for (const found of [...document.errors, ...document.warnings]) {
    const [start] = found.linePos ?? [];
    const position = start === undefined ? START : { line: start.line, column: start.col };
    if (byLine.has(position.line)) continue;
    byLine.set(position.line, { position, message: WORDS.get(found.code) ?? NOT_YAML });
    if (byLine.size === PROBLEMS_MAX) break;
  }
  return [...byLine.values()];
}

function firstAlias(document: Document.Parsed): Node | undefined {
  let first: Node | undefined;
  visit(document, {
    Alias(_, node) {
      first = node;
      return visit.BREAK;
    },
  });
  return first;
}

function broken(message: string, node: Node | undefined, lines: LineCounter): ReadYaml {
  return { kind: "broken", problems: [{ position: positionOf(node, lines), message }] };
}

/** True where a value holds itself. Each object is looked at once. */
function isCyclic(value: unknown, above = new Set<object>(), done = new Set<object>()): boolean {
  if (typeof value !== "object" || value === null || done.has(value)) return false;
  if (above.has(value)) return true;
  above.add(value);
  const found = Object.values(value).some((inner) => isCyclic(inner, above, done));
  above.delete(value);
  done.add(value);
  return found;
}

/** Takes any text. `text` is bounded by the caller. */
export function readYaml(text: string): ReadYaml {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: true,
    logLevel: "error",
    uniqueKeys: false,
  });
  const problems = problemsOf(document);
  if (problems.length > 0) return { kind: "broken", problems };
  const repeated = withoutRepeated(document, lines);
  try {
    const file = new ParsedFile(document, lines, repeated);
    if (!isCyclic(file.value)) return { kind: "yaml", file };
    return broken("an alias stands inside what it repeats", firstAlias(document), lines);
  } catch (error) {
    // How the package says that an alias has no anchor, or that aliases multiply beyond the bound.
    if (!(error instanceof ReferenceError)) throw error;
    if (repeated.length > 0) return { kind: "broken", problems: repeated }; // the anchor may have stood in one of them
    const isBomb = error.message.startsWith("Excessive");
    return broken(isBomb ? "aliases repeat too much of the file" : ALIAS_WITHOUT_ANCHOR, firstAlias(document), lines);
  }
}
