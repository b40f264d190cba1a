import { invariant } from "../base/invariant.ts";
import { type Network, addressOctets, contains, parseNetwork } from "./network.ts";

/**
 * Where mail for strangers never goes (IANA's special-purpose address registries, RFC 6890): whoever controls a domain's
 * records could otherwise have us talk to this machine or to the network behind us.
 */
const SPECIAL: readonly (readonly [network: Network, what: string])[] = [
  ...special("this host", "0.0.0.0/8", "::/128"),
  ...special("loopback", "127.0.0.0/8", "::1/128"),
  ...special("private", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fec0::/10"),
  ...special("link-local", "169.254.0.0/16", "fe80::/10"),
  ...special("multicast", "224.0.0.0/4", "ff00::/8"),
  ...special("documentation", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"),
  ...special("reserved", "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4", "64:ff9b:1::/48", "100::/64", "2001::/23"),
];

/** IPv4 addresses as IPv6 has them (RFC 4291 section 2.5.5.2). */
export const V4_MAPPED = network("::ffff:0:0/96");

/** IPv6 networks whose addresses are IPv4 addresses in disguise, and the octet at which those begin. */
const DISGUISES: readonly (readonly [network: Network, at: number])[] = [
  [V4_MAPPED, 12],
  [network("::/96"), 12], // IPv4-compatible, long obsolete (RFC 4291 section 2.5.5.1)
  [network("64:ff9b::/96"), 12], // NAT64 (RFC 6052)
  [network("2002::/16"), 2], // 6to4 (RFC 3056)
];

const ALL_IPV4 = network("0.0.0.0/0");

function network(text: string): Network {
  const parsed = parseNetwork(text);
  invariant(!("kind" in parsed), `${text} is a network`);
  return parsed;
}

function special(what: string, ...networks: readonly string[]): [Network, string][] {
  return networks.map((text) => [network(text), what]);
}

/** Whether all of its addresses are special ones: no public host has one of them. */
export function isSpecial(network: Network): boolean {
  return SPECIAL.some(([special]) => special.prefix <= network.prefix && contains(special, network.octets));
}

/** What an IPv6 network holds of IPv4 in disguise, as networks of IPv4. */
export function embeddedIn(network: Network): readonly Network[] {
  if (network.family === 4) return [];
  return DISGUISES.flatMap(([disguise, at]) => {
    if (network.prefix <= disguise.prefix) return contains(network, disguise.octets) ? [ALL_IPV4] : [];
    if (!contains(disguise, network.octets)) return [];
    const octets = network.octets.slice(at, at + 4);
    const prefix = Math.min(32, network.prefix - 8 * at);
    return [{ family: 4, octets, prefix, text: `${octets.join(".")}/${prefix}` }];
  });
}

/** What keeps mail for strangers from an address: `loopback`, `private` ...; undefined where nothing does. */
export function obstacleTo(address: string, permitted: readonly Network[]): string | undefined {
  const octets = addressOctets(address);
  if (octets === undefined) return "malformed";
  if (permitted.some((network) => contains(network, octets))) return undefined;
  const found = SPECIAL.find(([network]) => contains(network, octets));
  if (found !== undefined) return found[1];
  const disguise = DISGUISES.find(([network]) => contains(network, octets));
  if (disguise === undefined) return undefined;
  const [, at] = disguise;
  return obstacleTo(octets.slice(at, at + 4).join("."), permitted);
}
