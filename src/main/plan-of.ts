import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { availableParallelism } from "node:os";
import type { PemPair } from "../adapters/net/tls-context.ts";
import { SESSIONS } from "../core/base/limits.ts";
import { invariant } from "../core/base/invariant.ts";
import { type Config, type Listener, listenText } from "../core/config/config.ts";
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
  };
}

function mailThreadsOf({ threads }: Config): number {
  return threads === "auto" ? Math.min(Math.max(availableParallelism() - 1, 1), 4) : threads;
}

function readPem(file: string, what: string): string {
  try {
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

/** Listeners that are there already keep their ports and their counts, others get a count that nobody uses. */
export function placesFor({ listeners }: Config, before: Places = new Map()): readonly ListeningPlace[] {
  const taken = new Set([...before.values()].map(({ place }) => place));
  const free = (): number => {
    for (let place = 0; ; place++) {
      invariant(place < SESSIONS.listenerPlaces, "there are more places than listeners");
      if (taken.has(place)) continue;
      taken.add(place);
      return place;
    }
  };
  return keysOf(listeners).map((key, at) => before.get(key) ?? { address: listeners[at]!.listen, place: free() });
}

export function placesBy({ listeners }: Config, places: readonly ListeningPlace[]): Places {
  return new Map(keysOf(listeners).map((key, at) => [key, places[at]!]));
}
