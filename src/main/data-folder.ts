import { isReachable } from "../adapters/control-socket/short-path.ts";
import fs from "node:fs";
import path from "node:path";
import type { Privileges, ProcessUser } from "../adapters/system/process-user.ts";
import { syncFolderNow } from "../adapters/durable.ts";
import { giveFolder, isRootsAlone } from "../adapters/given-folder.ts";
import { readOrMakeLogKey } from "../adapters/log/address-hash.ts";
import { isDiskFull } from "../adapters/disk-full.ts";
import { lockFolder } from "../adapters/store-sqlite/folder-lock.ts";
import { logOf } from "../adapters/store-sqlite/store-files.ts";
import { giveSpool, makeSpool } from "../adapters/spool/make-spool.ts";
import { spoolTaken, takerOf } from "../adapters/spool/spool-lock.ts";
import { makeFolder, missingOf } from "../adapters/system/folder.ts";
import { networkFileSystem } from "../adapters/system/space.ts";
import { CONTROL } from "../core/base/limits.ts";
import { dataPaths } from "./plan.ts";
import { DiskFullError, FolderTakenError, StartError } from "./start-error.ts";

/**
 * Makes the data folder where it is not there, the user's if there is one: root makes the first part of its path that is missing, and
 * the user what is below, and all of it where others than root could lead root astray. Throws `StartError` where it cannot be.
 */
export function makeDataFolder(data: string, user: ProcessUser | undefined, privileges: Privileges | undefined): void {
  checkSocketPath(data);
  inFolder(data, () => {
    const [first] = missingOf(data);
    if (user !== undefined && first !== undefined && isRootsAlone(path.dirname(first))) {
      fs.mkdirSync(first, { mode: 0o700 });
      giveFolder(first, user);
      syncFolderNow(path.dirname(first));
    }
    privileges?.asUser();
    makeFolder(data);
    privileges?.asRoot();
  });
  const owner = inFolder(data, () => fs.statSync(data).uid);
  // Not changed here: root that follows what stands in another user's folder can be led astray.
  if (user !== undefined && owner !== user.uid)
    throw new StartError(
      `the data folder ${data} belongs to user ${owner}, and \`user\` is ${user.name}: run chown -R ${user.uid}:${user.gid} ${data}`,
    );
}

/**
 * Makes a spool that stands outside the data folder where it is not there: only root may make one there for another user. Throws
 * `StartError` where it cannot be.
 */
export function makeSpoolFor(user: ProcessUser, spool: string, data: string): void {
  if (isWithin(spool, data)) return;
  inSpool(spool, () => (isRootsAlone(path.dirname(spool)) ? giveSpool(spool, user) : undefined));
}

/** Makes the spool of sendmail where it is not there. Throws `StartError` where it cannot be, or is not safe. */
export function makeSpoolFolder(spool: string, data: string): void {
  inSpool(spool, () => makeSpool(spool, !isWithin(spool, data)));
  const taker = takerOf(spool);
  if (taker !== undefined && String(taker.pid) !== numberIn(dataPaths(data).pid))
    throw new StartError(spoolTaken(spool, taker.pid)); // the one that runs on this data folder is told of where that is taken
}

function isWithin(spool: string, data: string): boolean {
  return spool.startsWith(`${data}/`);
}

/** `work` answers what is wrong with it. */
function inSpool(spool: string, work: () => string | undefined): void {
  let wrong: string | undefined;
  try {
    wrong = work();
  } catch (error) {
    if (isDiskFull(error)) throw new DiskFullError(spool);
    wrong = error instanceof Error ? error.message : String(error);
  }
  if (wrong !== undefined) throw new StartError(`the spool ${spool} (\`sendmail.spool\`) cannot be used: ${wrong}`);
}

/** A data folder that is this process's alone. */
export interface TakenFolder {
  /** Nobody closed the store of the process before this one: a kill, a power cut, or an end in trouble. */
  readonly wasKilled: boolean;
  /** Its store is open: what the process before this one left is in it. */
  storeOpened(): void;
  release(): void;
}

/**
 * Makes the data folder this process's alone. Throws `StartError` where it cannot be, and where another process takes mail from the
 * spool all the same: of one that runs on this folder somebody may have removed the file that it had locked.
 */
export function takeDataFolder(data: string, spool: string): TakenFolder {
  const { pid } = dataPaths(data);
  const lock = inFolder(data, () => {
    const remote = networkFileSystem(data);
    if (remote !== undefined)
      throw new StartError(`${data} is on ${remote}: locks and fsync do not hold there. Put \`data\` on a local disk`);
    return lockFolder(data);
  });
  if (lock === undefined) throw new FolderTakenError(`another Waypost${processOf(pid)} runs on ${data}`);
  const taker = takerOf(spool);
  if (taker !== undefined) {
    lock.release();
    throw new StartError(spoolTaken(spool, taker.pid));
  }
  const wasKilled = fs.existsSync(pid); // who ends by itself takes its number along
  leaveNumber(data, pid);
  return takenFolder(lock, dataPaths(data), wasKilled);
}

/** Where the store was not closed the next one has to know, too: it is to find a log. One that was there and is gone was taken over. */
function takenFolder(
  lock: { release(): void },
  { pid, queue }: Pick<ReturnType<typeof dataPaths>, "pid" | "queue">,
  wasKilled: boolean,
): TakenFolder {
  let isNext = wasKilled && !fs.existsSync(logOf(queue));
  const end = (): void => {
    if (!isNext && !fs.existsSync(logOf(queue))) takeNumberAlong(pid);
  };
  process.once("exit", end);
  return {
    wasKilled,
    storeOpened: () => (isNext = false),
    release: () => {
      process.off("exit", end);
      end();
      lock.release();
    },
  };
}

/** What cannot be removed has the next start look for a log that may be gone in order, which is only a warning. */
function takeNumberAlong(pid: string): void {
  try {
    fs.rmSync(pid, { force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
  }
}

function checkSocketPath(data: string): void {
  const { socket } = dataPaths(data);
  if (!isReachable(socket))
    throw new StartError(
      `the path of the control socket, ${socket}, has ${Buffer.byteLength(socket)} octets and the system takes ${CONTROL.socketPathOctetsMax}: name a folder with a shorter path in \`data\`, or mount /proc`,
    );
}

/** For who finds the folder taken; a full disk keeps nobody from starting. */
function leaveNumber(data: string, file: string): void {
  inFolder(data, () => {
    try {
      fs.writeFileSync(file, `${process.pid}\n`, { mode: 0o600 });
    } catch (error) {
      if (!isDiskFull(error)) throw error;
    }
  });
}

/** For `logs.addresses: hashed`. Throws `StartError` where there is none to be had: in clear is what was not wanted. */
export function logKeyOf(data: string): Uint8Array {
  const file = dataPaths(data).logKey;
  try {
    return readOrMakeLogKey(file);
  } catch (error) {
    if (isDiskFull(error)) throw new DiskFullError(data);
    const text = error instanceof Error ? error.message : String(error);
    throw new StartError(`${file}, the key for \`logs.addresses: hashed\`, cannot be used: ${text}`);
  }
}

/** Who has the lock wrote its number there; the lock itself is what counts. */
function processOf(file: string): string {
  const text = numberIn(file);
  return /^\d+$/.test(text) ? `, process ${text},` : "";
}

function numberIn(file: string): string {
  return fs.existsSync(file) ? fs.readFileSync(file, "utf8").trim() : "";
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
  const own = process.geteuid?.(); // that of `user`, where root made itself that
  if (!isOfOthers || own === undefined) return other.replace("name", "Name");
  return `Give it to the user that Waypost runs as (chown ${own}), or ${other}`;
}
