import { isIpv4, isIpv6 } from "../mail/domain.ts";

/** A range of addresses in CIDR notation. */
export interface Network {
  readonly family: 4 | 6;
  /** The address with all bits behind the prefix zero: 4 or 16 octets. */
  readonly octets: readonly number[];
  readonly prefix: number;
  /** `10.0.0.0/8`; an address alone gets its full prefix. */
  readonly text: string;
}

export interface NotANetwork {
  readonly kind: "malformed";
  readonly why: string;
}

function ipv4Octets(text: string): number[] {
  return text.split(".").map(Number);
}

function groupOctets(part: string): number[] {
  if (part === "") return [];
  return part.split(":").flatMap((group) => {
    if (group.includes(".")) return ipv4Octets(group);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

function zeros(length: number): number[] {
  return Array.from({ length }, () => 0);
}

function ipv6Octets(text: string): number[] {
  const [head, tail] = text.split("::");
  const first = groupOctets(head!);
  if (tail === undefined) return first;
  const last = groupOctets(tail);
  return [...first, ...zeros(16 - first.length - last.length), ...last];
}

/** The octets of an address in text; undefined where it is none. */
export function addressOctets(text: string): readonly number[] | undefined {
  if (isIpv4(text)) return ipv4Octets(text);
  return isIpv6(text) ? ipv6Octets(text) : undefined;
}

/** Whose an address is, as far as it tells: an IPv4 address is one customer's, and so is a /64 of IPv6. */
export function subscriberOf(address: string): string {
  const octets = addressOctets(address.split("%", 1)[0]!); // a link-local address has a zone behind it
  return octets?.length === 16 ? `${octets.slice(0, 8).join(".")}/64` : address;
}

function masked(octets: readonly number[], prefix: number): number[] {
  return octets.map((octet, i) => octet & (0xff00 >> Math.min(8, Math.max(0, prefix - 8 * i))) & 0xff);
}

function malformed(why: string): NotANetwork {
  return { kind: "malformed", why };
}

/** RFC 4632 section 3.1 notation, strictly: an address whose bits behind the prefix are set is a slip of the pen. */
export function parseNetwork(text: string): Network | NotANetwork {
  const slash = text.indexOf("/");
  const address = slash === -1 ? text : text.slice(0, slash);
  const octets = addressOctets(address);
  if (octets === undefined) return malformed("expected a network such as 10.0.0.0/8 or fd00::/8");
  const bits = octets.length * 8;
  const digits = slash === -1 ? `${bits}` : text.slice(slash + 1);
  const prefix = Number(digits);
  if (!/^(0|[1-9][0-9]{0,2})$/.test(digits) || prefix > bits) return malformed(`the prefix has to be 0 to ${bits}`);
  const start = masked(octets, prefix);
  if (start.some((octet, i) => octet !== octets[i]))
    return malformed(`the address has bits set behind /${prefix}; write ${address} for the address alone`);
  return { family: bits === 32 ? 4 : 6, octets: start, prefix, text: `${address}/${prefix}` };
}

/** `octets` of an address, 4 or 16. */
export function contains({ octets: start, prefix }: Network, octets: readonly number[]): boolean {
  return octets.length === start.length && masked(octets, prefix).every((octet, i) => octet === start[i]);
}

export function isLoopback(address: string): boolean {
  const octets = addressOctets(address);
  if (octets === undefined) return false;
  if (octets.length === 4) return octets[0] === 127;
  return octets.every((octet, i) => octet === (i === 15 ? 1 : 0));
}
