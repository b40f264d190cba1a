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

/** Reads the files that the configuration names. Throws `StartError` where one cannot be read. */
export function planFor(
  config: Config,
  facts: Pick<RelayPlan, "version" | "startedAt" | "isTerminal"> & { readonly mailThreads?: number },
): RelayPlan {
  return {
    ...facts,
    config,
    mailThreads: facts.mailThreads ?? mailThreadsOf(config),
    certificates: config.listeners.map(({ certificates }) => certificates.map(readPair)),
    authorities: readAuthorities(config),
    ticketSecret: randomBytes(32),
    logKey: undefined,
  };
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

function readPair(files: Listener["certificates"][number]): PemPair {
  return { certificate: readPem(files.certificate, "the certificate"), key: readPem(files.key, "the key") };
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
  return keysOf(listeners).map((key, at) => {
    const address = listeners[at]!.listen;
    const socket = handed.find((found) => isAt(found.address, address));
    return before.get(key) ?? { address, place: free(), ...(socket && { descriptor: socket.descriptor }) };
  });
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
