import fs from "node:fs";
import path from "node:path";
import { CONTROL } from "../../core/base/limits.ts";

/** A way to a socket that the system takes, good until it is released. */
export interface ShortPath {
  readonly path: string;
  release(): void;
}

const OPEN_FILES = "/proc/self/fd";

/**
 * A unix socket's path has a hundred octets and some (unix(7)), and a folder's may have thousands: then the socket is
 * reached through the folder held open, which has a short name in /proc. Relative to a current folder would do too, but
 * threads have none of their own. Throws where the folder cannot be opened, as for a short path the system does itself.
 */
export function shortPath(socket: string): ShortPath {
  if (isShort(socket) || !fs.existsSync(OPEN_FILES)) return { path: socket, release: () => undefined };
  const folder = fs.openSync(path.dirname(socket), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  return { path: `${OPEN_FILES}/${folder}/${path.basename(socket)}`, release: () => fs.closeSync(folder) };
}

/** False where the path is too long for this system, and it has no shorter one. */
export function isReachable(socket: string): boolean {
  return isShort(socket) || fs.existsSync(OPEN_FILES);
}

function isShort(socket: string): boolean {
  return Buffer.byteLength(socket) <= CONTROL.socketPathOctetsMax;
}
