// What a local program has to know of the relay, as far as the configuration says it. That file may hold secrets that the
// program may not read, or name variables that only the relay has: what cannot be known is left out, and nothing is judged.

import { INBOUND } from "../base/limits.ts";
import { parseDomain } from "../mail/domain.ts";
import type { ListenAddress, Listener } from "./config.ts";
import { parseListen } from "./values.ts";

export interface LocalTerms {
  /** Where a program on this machine gets to the relay. */
  readonly server: ListenAddress | undefined;
  /** Octets of the largest message that is taken there. */
  readonly messageOctetsMax: number;
  readonly spool: string | undefined;
  /** `append_domain` there, else `hostname`. */
  readonly domain: string | undefined;
}

type Section = Readonly<Record<string, unknown>>;

function section(value: unknown): Section {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Section) : {};
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** `0.0.0.0` and `::` are this machine's own addresses too. */
function onThisMachine({ host, port }: ListenAddress): ListenAddress | undefined {
  if (host === "0.0.0.0") return { host: "127.0.0.1", port };
  if (host === "::") return { host: "::1", port };
  return host.startsWith("127.") || host === "::1" ? { host, port } : undefined;
}

/**
 * Where a program on this machine gets to the relay: the first listener without TLS, or where it `needsTls` with STARTTLS, comes
 * before the others. Undefined where none is for it.
 */
export function localServer(
  listeners: readonly Pick<Listener, "listen" | "tls">[],
  needsTls: boolean,
): ListenAddress | undefined {
  const doors = listeners.flatMap(({ listen, tls }) => {
    const address = onThisMachine(listen);
    return address === undefined || tls === "implicit" || listen.port === 0 ? [] : [{ address, tls }];
  });
  const wanted = doors.find(({ tls }) => (tls === "starttls") === needsTls);
  return (wanted ?? (needsTls ? undefined : doors[0]))?.address;
}

interface Door {
  readonly address: ListenAddress;
  readonly tls: unknown;
  readonly octetsMax: number;
  readonly domain: string | undefined;
}

function doorOf(value: unknown): readonly Door[] {
  const { listen, tls = "starttls", max_message_bytes: octetsMax, append_domain: domain } = section(value);
  const parsed = typeof listen === "string" ? parseListen(listen) : undefined;
  const address = parsed === undefined || "kind" in parsed ? undefined : onThisMachine(parsed);
  if (address === undefined || tls === "implicit" || address.port === 0) return [];
  const most = typeof octetsMax === "number" ? octetsMax : INBOUND.messageOctetsMax;
  return [{ address, tls, octetsMax: most, domain: parseDomain(text(domain) ?? "")?.ascii }];
}

/** `input` is what the file holds, as plain values. The first listener without TLS comes before those with STARTTLS. */
export function localTerms(input: unknown): LocalTerms {
  const { hostname, data, listeners, sendmail } = section(input);
  const doors = (Array.isArray(listeners) ? listeners : []).flatMap(doorOf);
  const door = doors.find(({ tls }) => tls === "none") ?? doors[0];
  const folder = text(data);
  return {
    server: door?.address,
    messageOctetsMax: door?.octetsMax ?? INBOUND.messageOctetsMax,
    spool: text(section(sendmail)["spool"]) ?? (folder === undefined ? undefined : `${folder}/spool`),
    domain: door?.domain ?? parseDomain(text(hostname) ?? "")?.ascii,
  };
}
