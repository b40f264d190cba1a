import { readFile } from "node:fs/promises";

/** A path as the kernel writes it: octal escapes for blanks and backslashes (proc_pid_mountinfo(5)). */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function isBelow(path: string, point: string): boolean {
  return path === point || path.startsWith(point.endsWith("/") ? point : `${point}/`);
}

const IN_MEMORY: ReadonlySet<string> = new Set(["tmpfs", "ramfs"]);

interface Mount {
  /** Of the file system, `8:1`: parts of one that are mounted apart have the same. */
  readonly device: string;
  /** Which part of the file system it is: `/` is all of it. */
  readonly root: string;
  readonly point: string;
  readonly isReadOnly: boolean;
  readonly type: string;
}

function mountOf(line: string): Mount | undefined {
  const [mount = "", fileSystem = ""] = line.split(" - ");
  const [, , device, root, point, options = ""] = mount.split(" ");
  const [type = "", , ofAll = ""] = fileSystem.split(" ");
  if (device === undefined || root === undefined || point === undefined) return undefined;
  const isReadOnly = [...options.split(","), ...ofAll.split(",")].includes("ro");
  return { device, root, point: unescaped(point), isReadOnly, type };
}

/** The mount that has `path`; of equal mount points the later one hides the other. */
function mountWith(mounts: readonly Mount[], path: string): Mount | undefined {
  let found: Mount | undefined;
  for (const mount of mounts)
    if (isBelow(path, mount.point) && mount.point.length >= (found?.point.length ?? 0)) found = mount;
  return found;
}

/**
 * Whether somebody mounted `path`, absolute and without links, read-only for this process: the file itself, a folder in
 * memory, or one from elsewhere. Not where the system's own files are read-only, as a container's root, or what
 * `ProtectSystem=strict` makes of a machine's: that says nothing about a file there.
 */
export function isMountedReadOnly(mountinfo: string, path: string): boolean {
  const mounts = mountinfo.split("\n").flatMap((line) => mountOf(line) ?? []);
  const mount = mountWith(mounts, path);
  if (mount?.isReadOnly !== true || mount.point === "/") return false;
  if (mount.point === path || IN_MEMORY.has(mount.type)) return true;
  return mount.root !== "/" && mount.device !== mountWith(mounts, "/")?.device;
}

/** `path` without links. Where the system does not tell its mounts, none is. */
export async function isGivenReadOnly(path: string): Promise<boolean> {
  const mounts = await readFile("/proc/self/mountinfo", "utf8").catch(() => "");
  return isMountedReadOnly(mounts, path);
}
