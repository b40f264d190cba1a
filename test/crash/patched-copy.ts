import { execFileSync } from "node:child_process";
import { cpSync, globSync, symlinkSync } from "node:fs";
import path from "node:path";
import { TREE } from "../support/relay.ts";
import { temporaryFolder } from "../support/undo.ts";

/** Planted bugs: patches that each break a promise, so that the tests that look for it can be seen to fail. */
export const PLANTED = path.join(TREE, "test/planted");

/** The name of each that is there. */
export function plantedNames(pattern: string): readonly string[] {
  return globSync(`${pattern}.patch`, { cwd: PLANTED })
    .map((file) => file.slice(0, -".patch".length))
    .toSorted();
}

/** An option of a command. */
export const PATCH = {
  kind: "choice",
  of: plantedNames("*"),
  shown: "NAME",
  help: "with a bug of test/planted in the relay",
} as const;

const PROGRAM: readonly string[] = ["src", "bin", "package.json"];

/** A copy of the program, or of these parts of the tree, with one of them in it. Call `remove` at the end. */
export function plantedTree(patch: string, parts = PROGRAM): { readonly tree: string; readonly remove: () => void } {
  const { folder: tree, remove } = temporaryFolder("planted");
  // What the tests say of their figures is there.
  const copied = parts.includes("test") ? [...parts, "tools"] : parts;
  try {
    for (const part of copied) cpSync(path.join(TREE, part), path.join(tree, part), { recursive: true });
    symlinkSync(path.join(TREE, "node_modules"), path.join(tree, "node_modules"));
    applyPatch(tree, path.join(PLANTED, `${patch}.patch`));
    return { tree, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

export function applyPatch(tree: string, file: string): void {
  // Where the folder lies inside a repository, git would take that one for its own and change nothing.
  const env = { ...process.env, GIT_CEILING_DIRECTORIES: path.dirname(tree) };
  execFileSync("git", ["apply", "--verbose", file], { cwd: tree, env, stdio: "pipe" });
}
