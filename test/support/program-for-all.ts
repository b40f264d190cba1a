import fs from "node:fs";
import path from "node:path";
import { TREE } from "./relay.ts";
import { temporaryFolder } from "./undo.ts";

/** Where the program lies, and the Node that runs it. */
interface Program {
  readonly tree: string;
  readonly node: string;
}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
}

const PARTS = ["bin", "src", "package.json"];
let program: Program | undefined;

/**
 * The program as each user of this machine may run it: the one of this tree, or a copy, where a folder above is closed to others.
 * The copy goes with this process.
 */
export function programForAll(): Program {
  program ??=
    isOpenToAll(TREE) && isOpenToAll(process.execPath) ? { tree: TREE, node: process.execPath } : copyOfProgram();
  return program;
}

/** In a folder that everybody may read. It goes with this process. */
export function copyOfProgram(): Program {
  const { folder: tree } = temporaryFolder("program");
  fs.chmodSync(tree, 0o755);
  const lock = JSON.parse(fs.readFileSync(path.join(TREE, "package-lock.json"), "utf8")) as Lock;
  const needed = Object.entries(lock.packages).filter(([name, { dev }]) => name !== "" && dev !== true);
  for (const part of [...PARTS, ...needed.map(([name]) => name)])
    if (fs.existsSync(path.join(TREE, part)))
      fs.cpSync(path.join(TREE, part), path.join(tree, part), { recursive: true });
  const node = path.join(tree, "node");
  fs.copyFileSync(process.execPath, node);
  return { tree, node };
}

/** Whether one who neither owns it nor is of its group gets at it. */
function isOpenToAll(place: string): boolean {
  const found = fs.statSync(place);
  const asked = found.isDirectory() ? 0o001 : 0o004;
  const above = path.dirname(place);
  return (found.mode & asked) !== 0 && (above === place || isOpenToAll(above));
}
