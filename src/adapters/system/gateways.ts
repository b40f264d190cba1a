import fs from "node:fs";
import os from "node:os";
import { type Config, listenText } from "../../core/config/config.ts";
import { type ConfigIssue, issue } from "../../core/config/issue.ts";
import { addressOctets, contains, isLoopback, parseNetwork } from "../../core/policy/network.ts";
import { obstacleTo } from "../../core/policy/reach.ts";

const IS_GATEWAY = 0x2; // RTF_GATEWAY: the next hop is another machine

function octetsOf(hex: string): Buffer {
  return Buffer.from(hex, "hex");
}

/** `/proc/net/route`: interface, destination, gateway, flags ..., addresses as numbers of this machine's byte order. */
export function ipv4Gateways(table: string, isLittleEndian: boolean): readonly string[] {
  return table.split("\n").flatMap((line) => {
    const [, destination, gateway = "", flags = "", , , , mask] = line.trim().split(/\s+/);
    const isDefault = destination === "00000000" && mask === "00000000";
    if (!isDefault || (Number.parseInt(flags, 16) & IS_GATEWAY) === 0) return [];
    const octets = octetsOf(gateway);
    return [(isLittleEndian ? octets.reverse() : octets).join(".")];
  });
}

/** `/proc/net/ipv6_route`: destination, its prefix, source, its prefix, gateway, metric, count, use, flags, interface. */
export function ipv6Gateways(table: string): readonly string[] {
  return table.split("\n").flatMap((line) => {
    const [destination = "", prefix, , , gateway = "", , , , flags = ""] = line.trim().split(/\s+/);
    const isDefault = /^0{32}$/.test(destination) && prefix === "00";
    if (!isDefault || (Number.parseInt(flags, 16) & IS_GATEWAY) === 0) return [];
    return [gateway.match(/.{4}/g)!.join(":")];
  });
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error) return ""; // no such system, or it does not tell
    throw error;
  }
}

/** Where packets for everywhere go from here: in a container that is its host. */
function defaultGateways(): readonly string[] {
  return [
    ...ipv4Gateways(read("/proc/net/route"), os.endianness() === "LE"),
    ...ipv6Gateways(read("/proc/net/ipv6_route")),
  ];
}

/** What engines leave in a container. */
const MARKS = ["/.dockerenv", "/run/.containerenv", "/run/secrets/kubernetes.io"];

/** The first process of a machine that is no container is never us. */
function isInContainer(): boolean {
  return process.pid === 1 || process.env["container"] !== undefined || MARKS.some((mark) => fs.existsSync(mark));
}

/** Of this machine, on whatever interface. */
function ownAddresses(): readonly string[] {
  return Object.values(os.networkInterfaces()).flatMap((found) => (found ?? []).map(({ address }) => address));
}

/** What it depends on whether addresses of clients can be trusted. */
export interface NetworkPlace {
  readonly isInContainer: boolean;
  readonly gateways: readonly string[];
  readonly ownAddresses: readonly string[];
}

function thisPlace(): NetworkPlace {
  return { isInContainer: isInContainer(), gateways: defaultGateways(), ownAddresses: ownAddresses() };
}

function holds(network: string, address: string): boolean {
  const parsed = parseNetwork(network);
  return !("kind" in parsed) && contains(parsed, addressOctets(address) ?? []);
}

/**
 * Who is trusted by address is trusted with all whose addresses are translated to it (NAT): behind the port that a container
 * engine publishes, and behind many load balancers, every client has the address of the gateway. An ordinary office, whose
 * networks hold its router too and whose relay has no address that strangers reach, hears nothing.
 */
export function warnOfTranslation(
  { access, listeners }: Pick<Config, "access" | "listeners">,
  place = thisPlace(),
): ConfigIssue[] {
  const { networks } = access;
  const at = (index: number, message: string): ConfigIssue => issue(["access", "networks", index], message);
  for (const [index, network] of place.isInContainer ? networks.entries() : []) {
    const gateway = place.gateways.find((address) => holds(network, address));
    if (gateway === undefined) continue;
    const found = `${network} holds the gateway of this container, ${gateway}: where the port is published, strangers come from there and may relay; name the networks of the clients without it`;
    return [at(index, found)];
  }
  const open = listeners.find(({ listen }) => isOpenToStrangers(listen.host, place));
  const index = networks.findIndex((network) => !isLoopback(network.split("/", 1)[0]!));
  if (open === undefined || index === -1) return [];
  const found = `clients of ${networks[index]} are trusted by their address, and strangers can reach ${listenText(open.listen)}: see to it that nothing on the way gives them such an address (a load balancer, NAT)`;
  return [at(index, found)];
}

/** Whether it listens on an address of the public Internet. */
function isOpenToStrangers(host: string, place: NetworkPlace): boolean {
  const isEverywhere = host === "0.0.0.0" || host === "::";
  const addresses = isEverywhere ? place.ownAddresses : [host];
  return addresses.some((address) => obstacleTo(address, []) === undefined);
}
