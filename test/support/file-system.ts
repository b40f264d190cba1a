import { execFileSync } from "node:child_process";

/** The type of the file system that a folder is on: `ext4`. */
export function fileSystemOf(folder: string): string {
  const lines = execFileSync("df", ["--output=fstype", folder], { encoding: "utf8" }).trim().split("\n");
  return lines.at(-1)!.trim();
}
