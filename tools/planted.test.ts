import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { obstacle, plantedPatches } from "./planted.ts";

test.for(plantedPatches().map((patch) => ({ name: path.basename(patch), patch })))(
  "$name applies to the source as it is",
  ({ patch }) => {
    expect(obstacle(patch)).toBeUndefined();
  },
);

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
