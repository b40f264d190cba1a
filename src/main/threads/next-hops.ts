import { getServers } from "node:dns";
import { networkInterfaces } from "node:os";
import { invariant } from "../../core/base/invariant.ts";
import type { Config, ListenAddress } from "../../core/config/config.ts";
import { parseDnsServer } from "../../core/config/values.ts";
import { parseForwardPath, parseReversePath } from "../../core/mail/path.ts";
import { type Network, isLoopback, parseNetwork } from "../../core/policy/network.ts";
import { type Lane, parseLane, through } from "../../core/routing/lane.ts";
import { type Route, type Step, lanesFor, stepsBehind } from "../../core/routing/route.ts";
import type { SmartHost } from "../../core/routing/smart-host.ts";
import { type NamedEgress, type SiteLimits, type SiteTerms, termsThrough } from "../../core/routing/site-terms.ts";
import { DestinationFinder } from "../../engine/destination.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Entropy } from "../../ports/entropy.ts";
import type { Resolver } from "../../ports/resolver.ts";
import type { Endpoint } from "../../ports/transport.ts";
import type { Site } from "../../ports/queue.ts";
import type { RelayPlan } from "../plan.ts";

// Where mail may go, as the configuration says.

/** The terms of next hops by name, as the egress of that name has them. */
export function nextHopTerms({ config, authorities }: RelayPlan): {
  smartHost(name: string, egress: string | undefined): SmartHost | undefined;
  exchangerTerms(egress: string | undefined): SiteTerms | undefined;
} {
  const hosts = new Map(
    config.smartHosts.map((host): [string, SmartHost] => [
      host.name,
      { ...host, authorities: authorities[host.name] ?? [] },
    ]),
  );
  const egresses = new Map(config.egresses.map((egress) => [egress.name, egress]));
  const named = (name: string): NamedEgress | undefined => egresses.get(name);
  return {
    smartHost: (name, egress) => termsThrough(named, egress, hosts.get(name)),
    exchangerTerms: (egress) => termsThrough(named, egress, config.delivery),
  };
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
    const name = hop?.kind === "smarthost" ? hop.name : "mx"; // which is no smart host's name
    const key = through(hop?.egress, name);
    let steps = known.get(key);
    if (steps === undefined) {
      steps = stepsBehind(routes, hop?.egress, (step) => (step.kind === "mx" ? name === "mx" : step.name === name));
      known.set(key, steps);
    }
    return steps;
  };
}

/** The bounds of a site: of a smart host its own, of all others those of delivery by MX; through each egress anew. */
export function siteLimits({ smartHosts: hosts, delivery }: Config): (site: Site) => SiteLimits {
  const byName = new Map(hosts.map(({ name, limits }) => [name, limits]));
  return (site) => {
    const hop = parseLane(site); // a smart host's site is named as its lane
    return (hop?.kind === "smarthost" ? byName.get(hop.name) : undefined) ?? delivery.limits;
  };
}

/** The DNS servers that the configuration names, else the system's, else one on this machine (resolv.conf(5)). */
function dnsServers({ dns }: Config): Endpoint[] {
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
  parts: {
    readonly clock: Clock;
    readonly entropy: Entropy;
    resolverFor(servers: readonly Endpoint[]): Resolver;
  },
): DestinationFinder {
  return new DestinationFinder({
    clock: parts.clock,
    resolver: parts.resolverFor(dnsServers(config)),
    entropy: parts.entropy,
    isUs: ourselves(config, listening),
    permitted: config.delivery.privateNetworks.map(network),
  });
}
