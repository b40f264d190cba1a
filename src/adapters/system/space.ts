import fs from "node:fs";
import { GiB } from "../../core/base/limits.ts";

export interface Space {
  readonly freeOctets: number;
  readonly totalOctets: number;
}

export function spaceOf(folder: string): Space {
  const found = fs.statfsSync(folder);
  return { freeOctets: found.bavail * found.bsize, totalOctets: found.blocks * found.bsize };
}

/** FIELD: max(1.5 x the message size limit, min(10 % of the disk, 1 GiB)). */
export function neededToAccept(totalOctets: number, messageOctetsMax: number): number {
  return Math.max(1.5 * messageOctetsMax, Math.min(totalOctets / 10, GiB));
}

const NETWORK_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB2"],
  [0x01021997, "9p"],
  [0x00c36400, "Ceph"],
  [0x5346414f, "AFS"],
  [0x47504653, "GPFS"],
]);

const VOLATILE_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x01021994, "tmpfs"],
  [0x858458f6, "ramfs"],
]);

/** The kind of network file system that the folder is on; undefined where it is none. Locks and fsync do not hold there. */
export function networkFileSystem(folder: string): string | undefined {
  return NETWORK_FILE_SYSTEMS.get(typeOf(folder));
}

/** The kind of file system in memory that the folder is on; undefined where it is none. What is there ends with the power. */
export function volatileFileSystem(folder: string): string | undefined {
  return VOLATILE_FILE_SYSTEMS.get(typeOf(folder));
}

/** `f_type` of statfs(2), whose upper half some systems extend by its sign. */
function typeOf(folder: string): number {
  return fs.statfsSync(folder).type >>> 0;
}
