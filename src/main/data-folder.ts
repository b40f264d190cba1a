import { isDiskFull } from "../adapters/store-sqlite/disk-full.ts";
import { lockFolder } from "../adapters/store-sqlite/folder-lock.ts";
import { makeFolder } from "../adapters/system/folder.ts";
import { networkFileSystem } from "../adapters/system/space.ts";
import { CONTROL } from "../core/base/limits.ts";
import { dataPaths } from "./plan.ts";
import { DiskFullError, FolderTakenError, StartError } from "./start-error.ts";

/** Makes the data folder where it is not there, and makes it ours. Throws `StartError` where it cannot be. */
export function takeDataFolder(data: string): { release(): void } {
  const { socket } = dataPaths(data);
  const octets = Buffer.byteLength(socket);
  if (octets > CONTROL.socketPathOctetsMax)
    throw new StartError(
      `the path of the control socket, ${socket}, has ${octets} octets and the system takes ${CONTROL.socketPathOctetsMax}: name a folder with a shorter path in \`data\``,
    );
  const lock = inFolder(data, () => {
    makeFolder(data);
    const remote = networkFileSystem(data);
    if (remote !== undefined)
      throw new StartError(`${data} is on ${remote}: locks and fsync do not hold there. Put \`data\` on a local disk`);
    return lockFolder(data);
  });
  if (lock === undefined) throw new FolderTakenError(`another Waypost runs on ${data}`);
  return lock;
}

function inFolder<Result>(data: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (error instanceof StartError) throw error;
    if (isDiskFull(error)) throw new DiskFullError(data);
    const text = error instanceof Error ? error.message : String(error);
    throw new StartError(`the data folder ${data} cannot be used: ${text}. ${adviceOn(error)}`);
  }
}

/** The usual slip with a volume is that it is root's. */
function adviceOn(error: unknown): string {
  const other = "name another one in `data` (without a file: WAYPOST_DATA)";
  const isOfOthers = error instanceof Error && "code" in error && (error.code === "EACCES" || error.code === "EPERM");
  const own = process.getuid?.();
  if (!isOfOthers || own === undefined) return other.replace("name", "Name");
  return `Give it to the user that Waypost runs as (chown ${own}), or ${other}`;
}
