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
  /** Where the value or key at `path` stands; the innermost part that is there, where it is not. */
  locate(path: ConfigPath, at: "key" | "value"): Position;
}

export type ReadYaml =
  /** `problems`: keys that are there twice; of each the last value counts, so that the rest can be looked at too. */
  | { readonly kind: "yaml"; readonly file: YamlFile; readonly problems: readonly Problem[] }
  | { readonly kind: "broken"; readonly problems: readonly Problem[] };

const ALIASES_MAX = 100; // each alias may repeat a part of the file; nested ones multiply
const PROBLEMS_MAX = 10;
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
  readonly #document: Document;
  readonly #lines: LineCounter;

  constructor(document: Document, lines: LineCounter) {
    this.#document = document;
    this.#lines = lines;
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
    const pair = place.items.findLast((item) => String(isPair(item) ? item.key : "") === String(part));
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

/** Each key that stands in its map before, with the line where it does. */
function duplicatesIn(document: Document.Parsed, lines: LineCounter): readonly Problem[] {
  const problems: Problem[] = [];
  visit(document, {
    Map(_, map) {
      const first = new Map<string, number>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        const name = String(key.value);
        const position = positionOf(key, lines);
        const before = first.get(name);
        if (before === undefined) first.set(name, position.line);
        else problems.push({ position, message: `${name}: is here twice, first on line ${before}; take one out` });
      }
    },
  });
  problems.sort((one, other) => one.position.line - other.position.line || one.position.column - other.position.column);
  return problems.slice(0, PROBLEMS_MAX);
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
  try {
    const file = new ParsedFile(document, lines);
    if (!isCyclic(file.value)) return { kind: "yaml", file, problems: duplicatesIn(document, lines) };
    return broken("an alias stands inside what it repeats", firstAlias(document), lines);
  } catch (error) {
    // How the package says that an alias has no anchor, or that aliases multiply beyond the bound.
    if (!(error instanceof ReferenceError)) throw error;
    const isBomb = error.message.startsWith("Excessive");
    return broken(isBomb ? "aliases repeat too much of the file" : ALIAS_WITHOUT_ANCHOR, firstAlias(document), lines);
  }
}
