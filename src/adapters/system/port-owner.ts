import fs from "node:fs";
import path from "node:path";
import { printable } from "../../core/base/printable.ts";

const NAME_SHOWN_MAX = 40;

/** The program that listens on a TCP port of this machine, where the system tells: `smtpd (pid 812)`. */
export function portOwner(port: number): string | undefined {
  const inodes = new Set(["/proc/net/tcp", "/proc/net/tcp6"].flatMap((file) => listeners(file, port)));
  if (inodes.size === 0) return undefined;
  for (const pid of numbered("/proc")) {
    for (const descriptor of numbered(`/proc/${pid}/fd`)) {
      const target = readLink(`/proc/${pid}/fd/${descriptor}`);
      const inode = target === undefined ? undefined : /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode !== undefined && inodes.has(inode)) return `${nameOf(pid)} (pid ${pid})`;
    }
  }
  return undefined;
}

/** Its name alone: what stands behind it on its command line may be a password. */
function nameOf(pid: string): string {
  const target = readLink(`/proc/${pid}/exe`);
  const name = target === undefined ? readText(`/proc/${pid}/comm`).trim() : path.basename(target);
  return printable(name.replace(/ \(deleted\)$/, ""), NAME_SHOWN_MAX) || "a program";
}

const LISTEN = "0A";

/** Inodes of the sockets that listen on `port`. */
function listeners(file: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = readText(file).split("\n").slice(1);
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter((columns) => columns[1]?.endsWith(suffix) === true && columns[3] === LISTEN)
    .map((columns) => columns[9]!);
}

// What cannot be read (another user's process, one that just ended, a system without /proc) tells nothing.

function readText(file: string): string {
  try {
    return fs.readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return "";
  }
}

function numbered(folder: string): string[] {
  try {
    return fs.readdirSync(folder).filter((name) => /^\d+$/.test(name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return [];
  }
}

function readLink(file: string): string | undefined {
  try {
    return fs.readlinkSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return undefined;
  }
}
