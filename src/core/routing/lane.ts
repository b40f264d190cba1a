/**
 * The queue of one next hop, as known without DNS: `smarthost/NAME`, `mx/example.com`, `mx/[192.0.2.1]`. Opaque to
 * everything but this file, the store and whoever looks the next hop up.
 */
export type Lane = string;

/** What a lane leads to. */
export type NextHop =
  | { readonly kind: "smarthost"; readonly name: string }
  /** `domain` in A-labels and lower case, or an address. */
  | { readonly kind: "mx"; readonly domain: string };

const SMART_HOST = "smarthost/";
const MX = "mx/";

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
 * True where what waits goes as soon as its site takes mail again: a smart host is one site for all of its lane. What
 * waits for a site of its own waits by its own schedule.
 */
export function isRetriedWithItsSite(lane: Lane): boolean {
  return lane.startsWith(SMART_HOST);
}

/** Undefined where the lane is of a kind that this version does not know: a newer one wrote it. */
export function parseLane(lane: Lane): NextHop | undefined {
  if (lane.startsWith(SMART_HOST) && lane.length > SMART_HOST.length)
    return { kind: "smarthost", name: lane.slice(SMART_HOST.length) };
  if (!lane.startsWith(MX) || lane.length === MX.length) return undefined;
  const domain = lane.slice(MX.length);
  return { kind: "mx", domain: domain.startsWith("[") ? domain.slice(1, -1) : domain };
}
