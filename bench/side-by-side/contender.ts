import type { Case } from "./cases.ts";

/** Who the load goes through. */
export interface Contender {
  readonly name: string;
  /** Of a round, at most: one that is slow shows as much with fewer messages. */
  readonly messagesMax?: number;
  /** Why it cannot run here; undefined where it can. */
  missing(subject: Case): string | undefined;
  start(scene: Scene): Promise<Contestant>;
}

/** What a relay finds. */
export interface Scene {
  readonly subject: Case;
  /** A folder of its own, empty, that every user may read. */
  readonly folder: string;
  /** Where it sends everything, or what its domains' servers listen on. */
  readonly sinkPort: number;
  /** Its certificate and key (files), and who may log in, where the case has logins. */
  readonly certificate: string;
  readonly key: string;
  readonly login: Login;
  /** A DNS server that knows the case's domains, where it has any: 127.0.0.1 and this port, or `DNS_ADDRESS` and 53. */
  readonly dnsPort: number;
  /** Programs before its own: `taskset -c 0`. */
  readonly under: readonly string[];
}

export interface Login {
  readonly username: string;
  readonly password: string;
}

/** One that runs. */
export interface Contestant {
  readonly port: number;
  /** The process whose descendants are all of it; undefined where there is nothing between source and sink. */
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

/** What each domain is, by its number. */
export function domainName(n: number): string {
  return `d${n}.example`;
}
