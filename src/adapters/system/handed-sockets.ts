import fs from "node:fs";
import type { ListenAddress } from "../../core/config/config.ts";

/** A listening socket that whoever started the process opened for it. */
export interface HandedSocket {
  readonly descriptor: number;
  /** Undefined where it is no socket that listens on TCP. */
  readonly address: ListenAddress | undefined;
}

const FIRST = 3; // SD_LISTEN_FDS_START
const LISTEN = "0A";

/**
 * Sockets that a service manager handed over: sd_listen_fds(3). Takes the variables out of the environment, so that no
 * child believes that they are for it. `launcher`: the process that started this one on our behalf, whose sockets are ours.
 */
export function handedSockets(environment: NodeJS.ProcessEnv, launcher: number | undefined): readonly HandedSocket[] {
  const { LISTEN_PID: pid, LISTEN_FDS: count } = environment;
  for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) delete environment[name];
  const isOurs = pid === String(process.pid) || (launcher !== undefined && pid === String(launcher));
  if (!isOurs || count === undefined || !/^\d{1,3}$/.test(count)) return [];
  const addresses = new Map(["/proc/self/net/tcp", "/proc/self/net/tcp6"].flatMap(listening));
  return Array.from({ length: Number(count) }, (_, n) => {
    const inode = inodeOf(FIRST + n);
    return { descriptor: FIRST + n, address: inode === undefined ? undefined : addresses.get(inode) };
  });
}

function inodeOf(descriptor: number): string | undefined {
  try {
    return /^socket:\[(\d+)\]$/.exec(fs.readlinkSync(`/proc/self/fd/${descriptor}`))?.[1];
  } catch {
    return undefined; // it is not open
  }
}

/** Addresses of the sockets that listen, by inode. */
function listening(file: string): (readonly [string, ListenAddress])[] {
  if (!fs.existsSync(file)) return [];
  const rows = fs.readFileSync(file, "utf8").split("\n").slice(1);
  return rows.flatMap((row) => {
    const columns = row.trim().split(/\s+/);
    const address = columns[3] === LISTEN ? addressOf(columns[1]!) : undefined;
    return address === undefined ? [] : [[columns[9]!, address] as const];
  });
}

/** `0100007F:09DD`: words of four octets, each as this machine has numbers in memory, and the port. */
export function addressOf(text: string): ListenAddress | undefined {
  const found = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(text);
  if (found === null) return undefined;
  const octets = found[1]!.match(/.{8}/g)!.flatMap((word) =>
    word
      .match(/../g)!
      .toReversed()
      .map((octet) => Number.parseInt(octet, 16)),
  );
  const port = Number.parseInt(found[2]!, 16);
  if (octets.length === 4) return { host: octets.join("."), port };
  const groups = Array.from({ length: 8 }, (_, at) => (octets[at * 2]! * 256 + octets[at * 2 + 1]!).toString(16));
  return { host: compressed(groups), port };
}

/** As configurations have it: `::`, `::1`, `2001:db8::1` (RFC 5952). */
function compressed(groups: readonly string[]): string {
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}
