// The catalogue of attacks, test/attacks/catalogue.md, against the tests: each row names a test that exists, or what it
// waits for. `node tools/catalogue.ts` fails where one does not.
import fs from "node:fs";
import path from "node:path";

/** The rows of each section. None is ever removed, so that a number means the same for good. */
const IDS: readonly (readonly [section: string, ids: string])[] = [
  ["S-IN", "1..28 EXH"],
  ["S-OUT", "1..2"],
  ["T-S", "1 3 5..9 11..13 15"],
  ["T-C", "1 3..8 10..12"],
  ["POL", "1..3 5..16 18 20..23"],
  ["A", "1..6 8..12 14..19"],
  ["PL", "1..10 13..15 17"],
  ["LEN", "1..3 5..6 8..14"],
  ["BYTE", "1..3 5..11 13..15"],
  ["API-H", "1"],
  ["ADR", "1..14"],
  ["REL", "1..23 API"],
  ["BD", "1..6 8..11 13 15..16"],
  ["PX", "1..9 11 13..14"],
  ["CONN", "1..10"],
  ["LOOP", "1..2 4..11 13..18"],
  ["NH", "1-6 7-12 13-20 22..25 28..32 34..35 37..42"],
  ["WEB", "1..2 4..13 15..19 21"],
  ["DK", "1"],
  ["RE", "1"],
];

/** `1..3 5` is 1, 2, 3 and 5. */
function listed(ids: string): string[] {
  return ids.split(" ").flatMap((id) => {
    const [first = "", last] = id.split("..");
    return last === undefined
      ? [id]
      : Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => `${Number(first) + i}`);
  });
}

export const EXPECTED_IDS: readonly string[] = IDS.flatMap(([section, ids]) =>
  listed(ids).map((id) => `${section}-${id}`),
);

export interface Row {
  readonly line: number;
  readonly id: string;
  readonly what: string;
  readonly covered: string;
}

export interface Complaint {
  readonly line: number;
  readonly text: string;
}

/** The rows of the tables: `| id | what happens | covered by |`. */
export function rowsOf(markdown: string): Row[] {
  const rows: Row[] = [];
  for (const [index, text] of markdown.split("\n").entries()) {
    const cells = text.split(/(?<!\\)\|/).map((cell) => cell.trim());
    if (cells.length !== 5 || cells[1] === "id" || /^-+$/.test(cells[1]!)) continue;
    rows.push({ line: index + 1, id: cells[1]!, what: cells[2]!, covered: cells[3]! });
  }
  return rows;
}

/** The source of a test file, or undefined where there is none. */
export type Reader = (file: string) => string | undefined;

/** What is wrong with one reference: `file` or `file: name`. */
function referenceFault(reference: string, read: Reader): string | undefined {
  const match = /^`([^`:]+)(?:: ([^`]+))?`$/.exec(reference);
  if (match === null) return `not a reference to a test: ${reference}`;
  const [, file, name] = match;
  const source = read(file!);
  if (source === undefined) return `there is no ${file}`;
  if (name === undefined) return file!.endsWith(".txt") ? undefined : `name the test of ${file}`;
  return source.includes(name) ? undefined : `${file} has no test ${JSON.stringify(name)}`;
}

function faultsOf(row: Row, read: Reader): string[] {
  if (row.what === "") return ["says nothing"];
  const waits = /^waits for: \S/.test(row.covered);
  const [tests = "", rest] = row.covered.split("; waits for: ");
  if (waits) return [];
  if (rest === "" || tests === "") return ["neither a test nor what it waits for"];
  const references = tests.match(/`[^`]+`|[^`,\s]+/g) ?? [];
  return references.map((reference) => referenceFault(reference, read)).filter((fault) => fault !== undefined);
}

export function complaints(markdown: string, read: Reader): Complaint[] {
  const rows = rowsOf(markdown);
  const found = rows.flatMap((row) =>
    faultsOf(row, read).map((text) => ({ line: row.line, text: `${row.id}: ${text}` })),
  );
  for (const [index, id] of EXPECTED_IDS.entries())
    if (rows[index]?.id !== id) {
      found.push({
        line: rows[index]?.line ?? 0,
        text: `${id} is expected here, ${rows[index]?.id ?? "nothing"} is found`,
      });
      break;
    }
  for (const row of rows.slice(EXPECTED_IDS.length))
    found.push({ line: row.line, text: `${row.id} is in no list of ids` });
  return found;
}

const ROOT = path.resolve(import.meta.dirname, "..");

export function readTest(file: string): string | undefined {
  const whole = path.join(ROOT, file);
  return fs.existsSync(whole) ? fs.readFileSync(whole, "utf8") : undefined;
}

export const CATALOGUE = "test/attacks/catalogue.md";

function main(): void {
  const found = complaints(readTest(CATALOGUE) ?? "", readTest);
  for (const { line, text } of found) console.error(`${CATALOGUE}:${line}: ${text}`);
  process.exitCode = found.length > 0 ? 1 : 0;
}

if (import.meta.main) main();
