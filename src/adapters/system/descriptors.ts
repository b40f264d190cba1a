import fs from "node:fs";

/** How many file descriptors this process may have; undefined where the system does not tell, or has no limit. */
export function descriptorsMax(): number | undefined {
  const file = "/proc/self/limits";
  return fs.existsSync(file) ? softLimit(fs.readFileSync(file, "utf8")) : undefined;
}

/** The first number of `Max open files  1024  524288  files`; the second is what it may be raised to (proc(5)). */
export function softLimit(limits: string): number | undefined {
  const found = /^Max open files\s+(\d+)\s/m.exec(limits)?.[1];
  return found === undefined ? undefined : Number(found);
}
