import { execFileSync } from "node:child_process";
import { cpSync, symlinkSync } from "node:fs";
import path from "node:path";
import { TREE } from "./relay.ts";
import { temporaryFolder } from "./undo.ts";

/** The program as it is packaged: compiled. Measurements are of this one. Call `remove` at the end. */
export function compiledTree(): { readonly tree: string; readonly remove: () => void } {
  const { folder: tree, remove } = temporaryFolder("compiled");
  try {
    for (const part of ["bin", "package.json"])
      cpSync(path.join(TREE, part), path.join(tree, part), { recursive: true });
    symlinkSync(path.join(TREE, "node_modules"), path.join(tree, "node_modules"));
    const tsc = path.join(TREE, "node_modules/.bin/tsc");
    execFileSync(tsc, ["-p", "tsconfig.build.json", "--outDir", path.join(tree, "dist")], {
      cwd: TREE,
      stdio: "inherit",
    });
    return { tree, remove };
  } catch (error) {
    remove();
    throw error;
  }
}
