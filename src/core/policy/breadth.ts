import { type Network, contains } from "./network.ts";
import { V4_MAPPED, embeddedIn, isSpecial } from "./reach.ts";

// Shorter prefixes than these are no network of anybody's. Of IPv4 10.0.0.0/8 is the widest private one. Of IPv6 fc00::/7
// is; of public addresses IANA gives /12 to the registries of whole continents, and a few states and companies have a /16.
const V4_PREFIX_MIN = 8;
const V6_PREFIX_MIN = 7;
const V6_PUBLIC_PREFIX_MIN = 16;
// Longer ones than these are one organization's, as a rule: a provider's is /32 to /29, a large company's IPv4 a /16.
const V4_PREFIX_OF_ONE = 16;
const V6_PREFIX_OF_ONE = 28;

/** True where both have an address in common. */
function touches(one: Network, other: Network): boolean {
  return contains(one, other.octets) || contains(other, one.octets);
}

/**
 * True where trusting the network would trust strangers: `0.0.0.0/0`, `::/0`, its halves and quarters, continents, and all
 * of IPv4 written as IPv6: mapped, 6to4, NAT64.
 */
export function isWideOpen(network: Network): boolean {
  if (network.family === 4) return network.prefix < V4_PREFIX_MIN;
  // Clients in mapped addresses are known by their plain ones: such an entry, however long, is a slip.
  const least = isSpecial(network) ? V6_PREFIX_MIN : V6_PUBLIC_PREFIX_MIN;
  return network.prefix < least || touches(network, V4_MAPPED) || embeddedIn(network).some(isWideOpen);
}

/** True where it has public addresses of many organizations, as a rule, although one of the largest may own it. */
export function holdsManyOthers(network: Network): boolean {
  if (isSpecial(network)) return false;
  const least = network.family === 4 ? V4_PREFIX_OF_ONE : V6_PREFIX_OF_ONE;
  const embedded = embeddedIn(network);
  return embedded.length === 0 ? network.prefix < least : embedded.some(holdsManyOthers);
}
