import { getServers } from "node:dns";
import { networkInterfaces } from "node:os";
import { DnsResolver } from "../../adapters/dns/resolver.ts";
import { invariant } from "../../core/base/invariant.ts";
import type { Config, ListenAddress } from "../../core/config/config.ts";
import { parseDnsServer } from "../../core/config/values.ts";
import { parseForwardPath, parseReversePath } from "../../core/mail/path.ts";
import { type Network, isLoopback, parseNetwork } from "../../core/policy/network.ts";
import { type Lane, parseLane, smartHostLane } from "../../core/routing/lane.ts";
import { type Route, type Step, lanesFor, stepsBehind } from "../../core/routing/route.ts";
import type { SmartHost } from "../../core/routing/smart-host.ts";
import type { SiteLimits } from "../../core/routing/site-terms.ts";
import { DestinationFinder } from "../../engine/destination.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Entropy } from "../../ports/entropy.ts";
import type { Site } from "../../ports/queue.ts";
import type { RelayPlan } from "../plan.ts";

// Where mail may go, as the configuration says.

/** Smart hosts by name, with their authorities. */
export function smartHosts({ config, authorities }: RelayPlan): (name: string) => SmartHost | undefined {
  const byName = new Map(
    config.smartHosts.map((host): [string, SmartHost] => [
      host.name,
      { ...host, authorities: authorities[host.name] ?? [] },
    ]),
  );
  return (name) => byName.get(name);
}

/** The lanes of a stored delivery, as the routes are now. */
export function lanesOf(routes: readonly Route[], from: string, recipient: string): readonly Lane[] {
  const sender = parseReversePath(`<${from}>`);
  const path = parseForwardPath(`<${recipient}>`);
  if (sender.kind === "malformed" || path.kind === "malformed") return [];
  return lanesFor(routes, sender.path, path.path);
}

/** The steps that mail of a lane may have behind it, as the routes are. */
export function fallbacksOf(routes: readonly Route[]): (lane: Lane) => readonly Step[] {
  const known = new Map<string, readonly Step[]>();
  return (lane) => {
    const hop = parseLane(lane);
    const key = hop?.kind === "smarthost" ? hop.name : "mx"; // which is no smart host's name
    let steps = known.get(key);
    if (steps === undefined) {
      steps = stepsBehind(routes, (step) => (step.kind === "mx" ? key === "mx" : step.name === key));
      known.set(key, steps);
    }
    return steps;
  };
}

/** The bounds of a site: of a smart host its own, of all others those of delivery by MX. */
export function siteLimits({ smartHosts: hosts, delivery }: Config): (site: Site) => SiteLimits {
  const byLane = new Map(hosts.map(({ name, limits }) => [smartHostLane(name), limits]));
  return (site) => byLane.get(site) ?? delivery.limits;
}

/** The DNS servers that the configuration names, else the system's, else one on this machine (resolv.conf(5)). */
function dnsServers({ dns }: Config): { readonly address: string; readonly port: number }[] {
  const system = getServers().flatMap((text): readonly ListenAddress[] => {
    const parsed = parseDnsServer(text);
    return "kind" in parsed ? [] : [parsed];
  });
  const known = dns.servers.length > 0 ? dns.servers : system;
  const used = known.length > 0 ? known : [{ host: "127.0.0.1", port: 53 }];
  return used.map(({ host, port }) => ({ address: host, port }));
}

function network(text: string): Network {
  const parsed = parseNetwork(text);
  invariant(!("kind" in parsed), "the configuration was checked");
  return parsed;
}

/**
 * Whether a host or an address is this relay: its names, and the addresses at which it takes mail on the port that MX
 * records mean. Another mail server of the same machine is not us.
 */
function ourselves(config: Config, listening: readonly ListenAddress[]): (hostOrAddress: string) => boolean {
  const names = new Set([config.hostname, "localhost"]);
  const listens = listening.filter(({ port }) => port === config.delivery.port).map(({ host }) => host);
  const isEverywhere = listens.some((host) => host === "0.0.0.0" || host === "::");
  const own = new Set([
    ...listens,
    ...(isEverywhere
      ? Object.values(networkInterfaces()).flatMap((found) => (found ?? []).map(({ address }) => address))
      : []),
  ]);
  return (found) => names.has(found) || own.has(found) || (isEverywhere && isLoopback(found));
}

export function destinationFinder(
  config: Config,
  listening: readonly ListenAddress[],
  parts: { readonly clock: Clock; readonly entropy: Entropy },
): DestinationFinder {
  return new DestinationFinder({
    clock: parts.clock,
    resolver: new DnsResolver({ servers: dnsServers(config), ...parts }),
    entropy: parts.entropy,
    isUs: ourselves(config, listening),
    permitted: config.delivery.privateNetworks.map(network),
    family: config.delivery.egress.family,
  });
}
