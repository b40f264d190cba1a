import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { availableParallelism } from "node:os";
import type { HandedSocket } from "../adapters/system/handed-sockets.ts";
import type { PemPair } from "../adapters/net/tls-context.ts";
import { SESSIONS } from "../core/base/limits.ts";
import { invariant } from "../core/base/invariant.ts";
import { type Config, type ListenAddress, type Listener, listenText } from "../core/config/config.ts";
import { logKeyOf } from "./data-folder.ts";
import type { ListeningPlace, RelayPlan } from "./plan.ts";
import { StartError } from "./start-error.ts";

/**
 * Reads the files that the configuration names. Throws `StartError` where one cannot be read; a pair that root has read, and that
 * the relay's user may not read, is the one that `before` has.
 */
export function planFor(
  config: Config,
  facts: Pick<RelayPlan, "version" | "startedAt" | "isTerminal"> & { readonly mailThreads?: number },
  before?: RelayPlan,
): RelayPlan {
  const known = before === undefined ? new Map<string, PemPair>() : pairsIn(before);
  return {
    ...facts,
    config,
    mailThreads: facts.mailThreads ?? mailThreadsOf(config),
    certificates: config.listeners.map(({ certificates }) =>
      certificates.map((files) => readPair(files, known.get(nameOf(files)))),
    ),
    authorities: readAuthorities(config),
    ticketSecret: newTicketSecret(),
    logKey: undefined,
  };
}

export function withNewTickets(plan: RelayPlan): RelayPlan {
  return { ...plan, ticketSecret: newTicketSecret() };
}

function newTicketSecret(): Uint8Array {
  return randomBytes(32);
}

/** With the key of the log, where the configuration wants one. The data folder is there, and is ours. */
export function withLogKey(plan: RelayPlan): RelayPlan {
  const { data, logs } = plan.config;
  return { ...plan, logKey: logs.addresses === "hashed" ? logKeyOf(data) : undefined };
}

function mailThreadsOf({ threads }: Config): number {
  return threads === "auto" ? Math.min(Math.max(availableParallelism() - 1, 1), 4) : threads;
}

function readPem(file: string, what: string): string {
  try {
    if (!fs.statSync(file).isFile()) throw new Error("it is no regular file"); // a pipe would be waited for
    return fs.readFileSync(file, "utf8");
  } catch (error) {
    throw new StartError(`${what} ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

type Files = Listener["certificates"][number];

function nameOf({ certificate, key }: Files): string {
  return JSON.stringify([certificate, key]);
}

function pairsIn({ config, certificates }: RelayPlan): ReadonlyMap<string, PemPair> {
  return new Map(
    config.listeners.flatMap((listener, place) =>
      listener.certificates.map((files, at) => [nameOf(files), certificates[place]![at]!] as const),
    ),
  );
}

/** Files of certificates that both plans name, and that held something else before. */
export function renewedPairs(before: RelayPlan, now: RelayPlan): readonly string[] {
  const old = pairsIn(before);
  const renewed = [...pairsIn(now)].filter(([name, pair]) => {
    const known = old.get(name);
    return known !== undefined && (known.certificate !== pair.certificate || known.key !== pair.key);
  });
  return renewed.map(([name]) => (JSON.parse(name) as [string, string])[0]);
}

function readPair(files: Files, before: PemPair | undefined): PemPair {
  if (before !== undefined && !(isOurs(files.certificate) && isOurs(files.key))) return before;
  return { certificate: readPem(files.certificate, "the certificate"), key: readPem(files.key, "the key") };
}

/** Whether this user may read it, or there is another reason why not. */
function isOurs(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.R_OK);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "EACCES";
  }
}

function readAuthorities(config: Config): Record<string, readonly string[]> {
  return Object.fromEntries(
    config.smartHosts.flatMap(({ name, authorityFile }) =>
      authorityFile === undefined ? [] : [[name, [readPem(authorityFile, "the authority")]]],
    ),
  );
}

/** Where listeners are, by what the configuration says of them. */
export type Places = ReadonlyMap<string, ListeningPlace>;

/** What names each listener: its address; of port 0, which the system chooses, its name too. */
function keysOf(listeners: readonly Listener[]): string[] {
  return listeners.map(({ listen, name }, at) =>
    listen.port !== 0 ? listenText(listen) : `${listenText(listen)} ${name === listenText(listen) ? at : name}`,
  );
}

/**
 * Listeners that are there already keep their ports and their counts, others get a count that nobody uses. Throws
 * `StartError` where a socket was handed over that no listener is for: mail that is meant to come in there would not.
 */
export function placesFor(
  { listeners }: Config,
  before: Places = new Map(),
  handed: readonly HandedSocket[] = [],
): readonly ListeningPlace[] {
  const strange = handed.find(({ address }) => !listeners.some(({ listen }) => isAt(address, listen)));
  if (strange !== undefined) throw new StartError(strangeSocket(strange));
  const taken = new Set([...before.values()].map(({ place }) => place));
  const free = (): number => {
    for (let place = 0; ; place++) {
      invariant(place < SESSIONS.listenerPlaces, "there are more places than listeners");
      if (taken.has(place)) continue;
      taken.add(place);
      return place;
    }
  };
  const sockets = socketsFor(listeners, handed);
  return keysOf(listeners).map((key, at) => {
    const { listen: address } = listeners[at]!;
    const socket = sockets[at];
    return before.get(key) ?? { address, place: free(), ...(socket && { descriptor: socket.descriptor }) };
  });
}

/** Of each listener the socket that was handed over for it: one of its very address before one that has it among others. */
function socketsFor(
  listeners: readonly Listener[],
  handed: readonly HandedSocket[],
): readonly (HandedSocket | undefined)[] {
  const exact = listeners.map(({ listen }) =>
    handed.find(({ address }) => address?.port === listen.port && address.host === listen.host),
  );
  const left = handed.filter((socket) => !exact.includes(socket));
  return exact.map((socket, at) => socket ?? left.find(({ address }) => isAt(address, listeners[at]!.listen)));
}

/** Nobody would serve a socket that was handed over and has no listener any more: clients would wait there for a greeting. */
export function checkHanded(before: Places, now: readonly ListeningPlace[]): void {
  const kept = new Set(now.map(({ descriptor }) => descriptor));
  const gone = [...before.values()].find(({ descriptor }) => descriptor !== undefined && !kept.has(descriptor));
  if (gone === undefined) return;
  const text = listenText(gone.address);
  throw new StartError(
    `the socket for ${text} was handed over (LISTEN_FDS), and no listener has that address any more: keep the listener, or take the socket out of the socket unit and restart the relay`,
  );
}

/** `[::]` has the IPv4 addresses too, and service managers have nothing else. */
function isAt(address: ListenAddress | undefined, listen: ListenAddress): boolean {
  if (address?.port !== listen.port) return false;
  return address.host === listen.host || (address.host === "::" && listen.host === "0.0.0.0");
}

function strangeSocket({ descriptor, address }: HandedSocket): string {
  if (address === undefined) return `what was handed over as descriptor ${descriptor} is no socket that listens on TCP`;
  const text = listenText(address);
  return `a socket for ${text} was handed over (LISTEN_FDS), and no listener has that address: add one with listen: "${text}", or take the socket out of the socket unit`;
}

export function placesBy({ listeners }: Config, places: readonly ListeningPlace[]): Places {
  return new Map(keysOf(listeners).map((key, at) => [key, places[at]!]));
}
