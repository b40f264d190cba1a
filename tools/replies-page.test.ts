import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { repliesIn, repliesPage } from "./reference/replies-page.ts";

test("replies are found with their codes and words", () => {
  expect(repliesIn('x = tempfail(452, "4.3.1", "Not enough space; try again later");')).toEqual([
    { code: "452 4.3.1", text: "Not enough space; try again later" },
  ]);
  expect(repliesIn('permfail(501, isSyntax ? "5.5.4" : "5.1.7", `Bad sender: ${parsed.why}`)')).toEqual([
    { code: "501 5.5.4", text: "Bad sender: …" },
    { code: "501 5.1.7", text: "Bad sender: …" },
  ]);
  expect(repliesIn('permfail(\n  501,\n  "5.5.4",\n  error,\n)')).toEqual([{ code: "501 5.5.4", text: "" }]);
});

test("a reply that nobody wrote words for is an error, and so are words for none", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-replies-"));
  onTestFinished(() => fs.rmSync(folder, { recursive: true }));
  fs.writeFileSync(path.join(folder, "a.ts"), 'permfail(521, "5.9.9", "New")');
  expect(() => repliesPage(folder)).toThrow(/differ about 521 5\.9\.9, 421 4\.3\.0, /);
});
