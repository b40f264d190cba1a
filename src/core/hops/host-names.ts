import { addressOctets } from "../policy/network.ts";
import { addressIn } from "./peer.ts";
import type { Stamp } from "./received.ts";

const COUNTRY_LETTERS = 2;
const SECOND_LEVEL_LETTERS_MAX = 3; // co.uk, com.au, ac.jp

/**
 * Whose a name is, as far as its form tells: the last two labels, or three below `co.uk` and its like. Empty where it
 * does not: for addresses, and names without a domain or with one that means something in one network only.
 */
export function organizationOf(name: string): string {
  if (addressIn(name) !== "") return "";
  const labels = name.toLowerCase().split(".");
  const [last = "", second = ""] = [labels.at(-1), labels.at(-2)];
  if (labels.length < 2 || last === "" || PRIVATE_DOMAINS.has(last)) return "";
  const isBelowCountry = last.length === COUNTRY_LETTERS && second.length <= SECOND_LEVEL_LETTERS_MAX;
  return labels.slice(isBelowCountry && labels.length > 2 ? -3 : -2).join(".");
}

const PRIVATE_DOMAINS = new Set([
  "local",
  "localdomain",
  "localhost",
  "internal",
  "lan",
  "home",
  "corp",
  "intra",
  "private",
]);

/** Operators whose servers have names in more than one domain. */
const OWNERS: ReadonlyMap<string, string> = new Map([
  ["gmail.com", "google.com"],
  ["googlemail.com", "google.com"],
  ["office365.com", "outlook.com"],
  ["exchangelabs.com", "outlook.com"],
  ["hotmail.com", "outlook.com"],
  ["microsoft.com", "outlook.com"],
  ["amazonses.com", "amazonaws.com"],
  ["yahoodns.net", "yahoo.com"],
  ["me.com", "icloud.com"],
  ["apple.com", "icloud.com"],
]);

/** Whose a name is, one operator's domains being one. */
export function ownerOf(name: string): string {
  const organization = organizationOf(name);
  return OWNERS.get(organization) ?? organization;
}

/** Names of the server that wrote a stamp. */
export function ownNames({ by, byNames }: Stamp): readonly string[] {
  return [by, ...byNames].filter((name) => name !== "");
}

/** The name to call a server by. */
export function serverName({ by, byAddress, byNames }: Stamp): string {
  if (by.toLowerCase() === "localhost" && byNames.length > 0) return byNames[0]!;
  return by || byAddress || "a server that does not say its name";
}

export type Reach = "public" | "private" | "loopback" | "nobody";

/** Who can have the address: RFC 1918, 6598, 4193, 3927, and RFC 6890's that no host has. */
export function reachOf(address: string): Reach {
  const octets = addressOctets(address);
  if (octets === undefined) return "nobody";
  return octets.length === 4 ? reachOf4(octets) : reachOf6(octets);
}

function reachOf4([first = 0, second = 0]: readonly number[]): Reach {
  if (first === 127) return "loopback";
  if (first === 0 || first >= 224) return "nobody";
  const isPrivate =
    first === 10 ||
    (first === 172 && second >= 16 && second < 32) ||
    (first === 192 && second === 168) ||
    (first === 169 && second === 254) ||
    (first === 100 && second >= 64 && second < 128);
  return isPrivate ? "private" : "public";
}

function reachOf6(octets: readonly number[]): Reach {
  const [first = 0, second = 0] = octets;
  const isMapped = octets.slice(0, 10).every((octet) => octet === 0) && octets[10] === 0xff && octets[11] === 0xff;
  if (isMapped) return reachOf4(octets.slice(12));
  if (octets.slice(0, 15).every((octet) => octet === 0)) return octets[15] === 1 ? "loopback" : "nobody";
  if (first === 0xff) return "nobody";
  return (first & 0xfe) === 0xfc || (first === 0xfe && (second & 0xc0) === 0x80) ? "private" : "public";
}
