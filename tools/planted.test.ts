import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { BLIND_BUGS, BUGS, EACH_SUITE, SHOWN_BY, WORLDS } from "../test/planted/bugs.ts";
import { ROOT, nameOf, obstacle, plantedPatches } from "./planted.ts";

test.for(plantedPatches().map((patch) => ({ name: path.basename(patch), patch })))(
  "$name applies to the source as it is",
  ({ patch }) => {
    expect(obstacle(patch)).toBeUndefined();
  },
);

test("each patch is in the list of who has to find it, and nothing else is", () => {
  const names = plantedPatches().map(nameOf);
  const others = names.filter((name) => path.dirname(name) !== "fuzz"); // test/fuzz/fuzz.test.ts has an eye on those
  expect(Object.keys(SHOWN_BY).toSorted()).toEqual(others.toSorted());
});

test.for(Object.entries(SHOWN_BY))("who is to find %s sets it", ([patch, files]) => {
  const inEachSuite = [...BUGS, ...BLIND_BUGS].some((bug) => bug.patch === patch);
  expect(files.includes(EACH_SUITE)).toBe(inEachSuite);
  expect(files).not.toEqual([]);
  for (const file of files.filter((one) => one !== EACH_SUITE && one !== WORLDS))
    expect(readFileSync(path.join(ROOT, file), "utf8"), file).toContain(`"${patch}"`);
});

test("a patch for a line that is gone is told", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "waypost-patch-"));
  try {
    const patch = path.join(folder, "gone.patch");
    const lines = ["--- a/src/main/version.ts", "+++ b/src/main/version.ts", "@@ -1 +1 @@", "-gone", "+here", ""];
    writeFileSync(patch, lines.join("\n"));
    expect(obstacle(patch)).toContain("version.ts");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
