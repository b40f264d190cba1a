import { expect, test } from "vitest";
import { CATALOGUE, EXPECTED_IDS, complaints, readTest, rowsOf } from "./catalogue.ts";

const GOOD = "waits for: nothing in particular";

function catalogue(change: (id: string) => string | undefined = () => undefined): string {
  return ["| id | what happens | covered by |", "| --- | --- | --- |"]
    .concat(EXPECTED_IDS.map((id) => change(id) ?? `| ${id} | something | ${GOOD} |`).filter((line) => line !== ""))
    .join("\n");
}

const one = (covered: string): string => catalogue((id) => (id === "PL-3" ? `| PL-3 | x | ${covered} |` : undefined));
const read = (file: string): string | undefined =>
  file === "test/a.test.ts" ? 'test("row 3: it holds")' : file === "test/a.txt" ? "S: 220 *" : undefined;
const told = (markdown: string): string[] => complaints(markdown, read).map(({ text }) => text);

test("the project's own catalogue is whole", () => {
  const markdown = readTest(CATALOGUE)!;
  expect(complaints(markdown, readTest)).toEqual([]);
  expect(rowsOf(markdown).length).toBeGreaterThan(200);
});

test.each([
  "`test/a.test.ts: row 3`",
  "`test/a.txt`",
  "`test/a.test.ts: it holds`, `test/a.txt`; waits for: more",
  GOOD,
])("%s is good", (covered) => {
  expect(told(one(covered))).toEqual([]);
});

test.each([
  ["", "PL-3: neither a test nor what it waits for"],
  ["waits for:", "PL-3: not a reference to a test: waits"],
  ["`test/b.test.ts: row 3`", "PL-3: there is no test/b.test.ts"],
  ["`test/a.test.ts: row 4`", 'PL-3: test/a.test.ts has no test "row 4"'],
  ["`test/a.test.ts`", "PL-3: name the test of test/a.test.ts"],
  ["by hand", "PL-3: not a reference to a test: by"],
])("%j is not: %s", (covered, complaint) => {
  expect(told(one(covered))[0]).toBe(complaint);
});

test("a row that is missing, said twice or unknown is told", () => {
  expect(told(catalogue((id) => (id === "LEN-5" ? "" : undefined)))[0]).toMatch(/^LEN-5 is expected here/);
  expect(told(catalogue((id) => (id === "LEN-5" ? "| LEN-3 | x | waits for: y |" : undefined)))[0]).toMatch(
    /^LEN-5 is expected/,
  );
  expect(told(`${catalogue()}\n| RE-2 | x | waits for: y |`)).toEqual(["RE-2 is in no list of ids"]);
});
