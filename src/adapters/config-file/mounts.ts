import { constants } from "node:fs";
import { access, readFile } from "node:fs/promises";

/** A path as the kernel writes it: octal escapes for blanks and backslashes (proc_pid_mountinfo(5)). */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function isBelow(path: string, point: string): boolean {
  return path === point || path.startsWith(point.endsWith("/") ? point : `${point}/`);
}

/** Whether the mount that has `path`, absolute and without links, is read-only; of equal mount points the later one hides the other. */
export function isReadOnlyIn(mountinfo: string, path: string): boolean {
  let found = { length: 0, isReadOnly: false };
  for (const line of mountinfo.split("\n")) {
    const [mount = "", fileSystem = ""] = line.split(" - ");
    const [, , , , point, options = ""] = mount.split(" ");
    if (point === undefined) continue;
    const place = unescaped(point);
    if (!isBelow(path, place) || place.length < found.length) continue;
    const flags = [...options.split(","), ...(fileSystem.split(" ")[2] ?? "").split(",")];
    found = { length: place.length, isReadOnly: flags.includes("ro") };
  }
  return found.isReadOnly;
}

/** `path` without links. Where the system has no `/proc`, whether writing fails for that reason. */
export async function isOnReadOnlyMount(path: string): Promise<boolean> {
  const mounts = await readFile("/proc/self/mountinfo", "utf8").catch(() => undefined);
  if (mounts !== undefined) return isReadOnlyIn(mounts, path);
  return await access(path, constants.W_OK).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === "EROFS",
  );
}
