/**
 * The queue of one next hop, as known without DNS: `smarthost/NAME`, `mx/example.com`, `mx/[192.0.2.1]`, each with
 * `@EGRESS` where its route has an egress. Opaque to everything but this file, the store and whoever looks the next hop up.
 */
export type Lane = string;

/** What a lane leads to, and the route's egress by name. */
export type NextHop =
  | { readonly kind: "smarthost"; readonly name: string; readonly egress: string | undefined }
  /** `domain` in A-labels and lower case, or an address. */
  | { readonly kind: "mx"; readonly domain: string; readonly egress: string | undefined };

const SMART_HOST = "smarthost/";
const MX = "mx/";

/** What smart hosts and egresses are called. */
export const NEXT_HOP_NAME = /^[A-Za-z0-9][\w-]{0,62}$/;

export function smartHostLane(name: string): Lane {
  return `${SMART_HOST}${name}`;
}

/** `domain` in A-labels and lower case. */
export function domainLane(domain: string): Lane {
  return `${MX}${domain}`;
}

/** `address` as text, without brackets. */
export function literalLane(address: string): Lane {
  return `${MX}[${address.toLowerCase()}]`;
}

/**
 * A lane or a site, seen through a route's egress: apart from that of others, because what servers hold against us they
 * hold against the address that we come from. It has no egress yet.
 */
export function through(egress: string | undefined, laneOrSite: string): string {
  return egress === undefined ? laneOrSite : `${laneOrSite}@${egress}`;
}

/** The lanes of these smart hosts, each through every egress and through none. */
export function lanesOfHosts(names: readonly string[], egresses: readonly string[]): Lane[] {
  return names.flatMap((name) => [undefined, ...egresses].map((egress) => through(egress, smartHostLane(name))));
}

/** The lane's next hop, whatever the egress. */
export function withoutEgress(lane: Lane): Lane {
  const at = lane.lastIndexOf("@");
  return at === -1 ? lane : lane.slice(0, at);
}

/**
 * True where what waits goes as soon as its site takes mail again: a smart host is one site for all of its lane. What
 * waits for a site of its own waits by its own schedule.
 */
export function isRetriedWithItsSite(lane: Lane): boolean {
  return lane.startsWith(SMART_HOST);
}

/** Undefined where the lane is of a kind that this version does not know: a newer one wrote it. */
export function parseLane(lane: Lane): NextHop | undefined {
  const next = withoutEgress(lane);
  const egress = next === lane ? undefined : lane.slice(next.length + 1);
  if (egress !== undefined && !NEXT_HOP_NAME.test(egress)) return undefined;
  if (next.startsWith(SMART_HOST) && next.length > SMART_HOST.length)
    return { kind: "smarthost", name: next.slice(SMART_HOST.length), egress };
  if (!next.startsWith(MX) || next.length === MX.length) return undefined;
  const domain = next.slice(MX.length);
  return { kind: "mx", domain: domain.startsWith("[") ? domain.slice(1, -1) : domain, egress };
}
