import { type Config } from "../../src/core/config/config.ts";
import { parseConfig } from "../../src/core/config/parse.ts";
import type { RelayPlan } from "../../src/main/plan.ts";
import { type ListenerFacts, PASSWORD } from "./client.ts";
import type { Dice } from "./dice.ts";
import type { Zone } from "./names.ts";
import type { Traits } from "./next-hop.ts";
import type { SiteBounds } from "./oracle/sites.ts";

// The places of every world: who is where, and what the relay's configuration says of it.

export const LISTENERS: readonly ListenerFacts[] = [
  { port: 2525, tls: "none" },
  { port: 587, tls: "starttls" },
  { port: 465, tls: "implicit" },
];
export const SESSIONS_MAX = 30;
export const POSTMASTER = "postmaster@good.test";
/** Messages that one sender, and postmaster, hear of in an hour (docs/operating/reports.md). */
export const REPORTED_PER_SENDER = 1000;
export const REPORTED_TO_POSTMASTER = 20;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const FIRST_WAIT_MS = 1 * MINUTE_MS;
export const LONGEST_WAIT_MS = 1 * HOUR_MS;

const USUAL: Traits = {
  hasPipelining: true,
  hasEightBit: true,
  hasStartTls: true,
  hasDsn: false,
  isVerifiable: true,
  size: 0,
  isSmartHost: false,
  messagesPerConnectionMax: undefined,
};
const SMART: Traits = { ...USUAL, isSmartHost: true };
/** Octets that the narrow next hop takes. */
const NARROW_OCTETS = 100_000;

export const HOPS: readonly { readonly name: string; readonly address: string; readonly traits: Traits }[] = [
  { name: "primary", address: "10.2.0.1", traits: SMART },
  { name: "backup", address: "10.2.0.2", traits: { ...SMART, hasDsn: true, messagesPerConnectionMax: 5 } },
  { name: "extra", address: "10.2.0.3", traits: { ...SMART, hasPipelining: false, hasStartTls: false } },
  { name: "mxa", address: "10.3.0.1", traits: { ...USUAL, isVerifiable: false } },
  { name: "mxb", address: "10.3.0.2", traits: { ...USUAL, hasStartTls: false } },
  {
    name: "narrow",
    address: "10.3.0.3",
    traits: { ...USUAL, hasEightBit: false, hasPipelining: false, size: NARROW_OCTETS },
  },
  { name: "mxe", address: "10.3.0.4", traits: USUAL },
];

export const HOSTS: ReadonlyMap<string, readonly string[]> = new Map([
  ["mxa.test", ["10.3.0.1"]],
  ["mxb.test", ["10.3.0.2"]],
  ["narrow.test", ["10.3.0.3"]],
  ["mxe.test", ["10.3.0.4"]],
]);

const TWO = [
  { preference: 10, exchange: "mxa.test" },
  { preference: 20, exchange: "mxb.test" },
];

export const ZONES: ReadonlyMap<string, Zone> = new Map<string, Zone>([
  ["mx1.test", { exchangers: TWO }],
  ["mx2.test", { exchangers: TWO }],
  ["both.test", { exchangers: [{ preference: 10, exchange: "narrow.test" }] }],
  ["tight.test", { exchangers: [{ preference: 10, exchange: "narrow.test" }] }],
  ["eg.test", { exchangers: [{ preference: 5, exchange: "mxe.test" }] }],
  ["dead.test", { exchangers: [], isDead: "null-mx" }],
]);

/** What some of them say at other times. */
export const CHANGED_ZONES: ReadonlyMap<string, Zone> = new Map<string, Zone>([
  ["dead.test", { exchangers: TWO }],
  ["gone.test", { exchangers: [{ preference: 5, exchange: "narrow.test" }] }],
  ["mx2.test", { exchangers: TWO.toReversed() }],
  ["both.test", { exchangers: [], isDead: "null-mx" }],
]);

/** Of recipients; those that stand here more often have more mail. */
export const DOMAINS: readonly string[] =
  "good.test good.test good.test good.test good.test mx1.test mx1.test mx2.test both.test tight.test ext.test ext2.test eg.test dead.test gone.test".split(
    " ",
  );

/** Next hops that get a domain's mail by some step of its route, in one of the configurations, by what the DNS says at any time. */
const HOPS_OF: Readonly<Record<string, readonly string[]>> = {
  "good.test": ["primary", "backup"],
  "src.test": ["primary", "backup"],
  "relay.test": ["primary"],
  "ext.test": ["extra"],
  "ext2.test": ["extra", "backup"],
  "mx1.test": ["mxa", "mxb"],
  "mx2.test": ["mxa", "mxb"],
  "both.test": ["narrow", "backup"],
  "tight.test": ["narrow"],
  "eg.test": ["mxe"],
  "dead.test": ["mxa", "mxb"],
  "gone.test": ["narrow"],
};

export function hopsOf(domain: string): readonly string[] {
  return HOPS_OF[domain] ?? [];
}

function serversBehind(name: string): typeof HOPS {
  const zones = [ZONES.get(name), CHANGED_ZONES.get(name)];
  const hosts = [name, ...zones.flatMap((zone) => zone?.exchangers.map(({ exchange }) => exchange) ?? [])];
  const addresses = new Set(hosts.flatMap((host) => HOSTS.get(host) ?? []));
  return HOPS.filter(({ address }) => addresses.has(address));
}

/** Next hops that are found by what the DNS says of this domain or host, at any time. */
export function hopsBehind(name: string): readonly string[] {
  return serversBehind(name).map(({ name: hop }) => hop);
}

/** The smallest that a server of that domain takes, in octets, by what the DNS says at any time. */
export function sizeOf(domain: string): number | undefined {
  const sizes = serversBehind(domain).filter(({ traits }) => traits.size > 0);
  return sizes.length === 0 ? undefined : Math.min(...sizes.map(({ traits }) => traits.size));
}

/** What differs from world to world. */
export interface Terms {
  readonly expireMs: number;
  readonly hasPostmaster: boolean;
  readonly isSoftBounce: boolean;
  readonly delayNotice: string | undefined;
  readonly mailThreads: number;
  readonly primaryConnections: number;
  readonly messagesPerMinute: number | undefined;
  readonly recipientsMax: number;
  /** At some time comes more than a mail thread keeps in memory. */
  readonly isFlooded: boolean;
}

export function drawTerms(dice: Dice): Terms {
  const isFlooded = dice.happens(0.015);
  return {
    ...drawUsual(dice),
    ...(isFlooded ? { mailThreads: 1, messagesPerMinute: 20 } : {}),
    recipientsMax: isFlooded ? 1000 : 20,
    isFlooded,
  };
}

function drawUsual(dice: Dice): Omit<Terms, "recipientsMax" | "isFlooded"> {
  return {
    expireMs: dice.pick([2, 5, 12, 30]) * HOUR_MS,
    hasPostmaster: dice.happens(0.5),
    isSoftBounce: dice.happens(0.08),
    delayNotice: dice.pick([undefined, "20m", "1h", "never"]),
    mailThreads: dice.pick([1, 2, 2, 2, 3]),
    primaryConnections: dice.pick([1, 2, 3, 8]),
    messagesPerMinute: dice.pick([undefined, undefined, 20, 60]),
  };
}

/** `isWithoutExtra`: one smart host is gone, and with it the way of some recipients. */
export function planFor(terms: Terms, folder: string, isWithoutExtra: boolean): RelayPlan {
  return {
    version: "0.0.0",
    startedAt: 0,
    config: configFor(terms, folder, isWithoutExtra),
    mailThreads: terms.mailThreads,
    certificates: [],
    authorities: {},
    ticketSecret: new Uint8Array(32),
    isTerminal: false,
    logKey: undefined,
  };
}

function configFor(terms: Terms, folder: string, isWithoutExtra: boolean): Config {
  const parsed = parseConfig({
    hostname: "relay.test",
    data: folder,
    listeners: LISTENERS.map(({ port, tls }) => ({ listen: `10.0.0.1:${port}`, tls })),
    tls: { certificate: "/none/cert.pem", key: "/none/key.pem" },
    access: { networks: ["10.1.0.0/16", "127.0.0.0/8"] },
    credentials: [{ username: "app", password: PASSWORD, senders: ["*", "<>"] }],
    smarthosts: {
      primary: {
        url: "smtp://10.2.0.1:25",
        connections: terms.primaryConnections,
        connections_per_minute: 30,
        ...(terms.messagesPerMinute === undefined ? {} : { messages_per_minute: terms.messagesPerMinute }),
      },
      backup: { url: "smtp://user:secret@10.2.0.2:587", connections: 2, messages_per_connection: 5 },
      ...(isWithoutExtra ? {} : { extra: { url: "smtp://10.2.0.3:25" } }),
    },
    egress: { other: { source: "10.0.0.2" } },
    routes: [
      { when: { recipient: "@mx1.test" }, deliver: "mx", priority: "high" },
      { when: { recipient: "@mx2.test" }, deliver: "mx", priority: "low" },
      { when: { recipient: "@both.test" }, deliver: ["mx", "backup"] },
      { when: { recipient: "@tight.test" }, deliver: "mx" },
      { when: { recipient: "@eg.test" }, deliver: "mx", egress: "other" },
      { when: { recipient: "@dead.test" }, deliver: "mx" },
      { when: { recipient: "@gone.test" }, deliver: "mx" },
      ...(isWithoutExtra ? [] : [{ when: { recipient: "@ext.test" }, deliver: "extra" }]),
      { when: { recipient: "@ext2.test" }, deliver: isWithoutExtra ? "backup" : "extra" },
      { when: { recipient: "@good.test" }, deliver: ["primary", "backup"] },
      { when: { recipient: "@relay.test" }, deliver: "primary" },
      { when: { recipient: "@src.test" }, deliver: ["primary", "backup"] },
    ],
    delivery: { private_networks: ["10.3.0.0/16"], connections: 3, connections_per_minute: 20 },
    dns: { servers: ["10.9.9.9"] },
    retry: {
      schedule: ["1m", "3m", "10m", "30m", "1h"],
      expire: `${terms.expireMs / HOUR_MS}h`,
      ...(terms.delayNotice === undefined ? {} : { delay_notice: terms.delayNotice }),
    },
    soft_bounce: terms.isSoftBounce,
    limits: { sessions_per_listener: SESSIONS_MAX, recipients_per_message: terms.recipientsMax },
    ...(terms.hasPostmaster ? { postmaster: POSTMASTER } : {}),
  });
  if (parsed.kind === "invalid") throw new Error(JSON.stringify(parsed.issues));
  return parsed.config;
}

/** 10,000 of each mail thread, and 5,000 that were claimed. */
export function inHandMax({ mailThreads }: Terms): number {
  return mailThreads * 10_000 + 5_000;
}

/** What each site is spared, and where its servers are. */
export function siteBounds(
  terms: Terms,
): readonly { readonly bounds: SiteBounds; readonly addresses: readonly string[] }[] {
  const mx = { connectionsMax: 3, connectionsPerMinute: 20, messagesPerMinute: undefined };
  return [
    {
      bounds: {
        name: "primary",
        connectionsMax: terms.primaryConnections,
        connectionsPerMinute: 30,
        messagesPerMinute: terms.messagesPerMinute,
      },
      addresses: ["10.2.0.1"],
    },
    {
      bounds: { name: "backup", connectionsMax: 2, connectionsPerMinute: undefined, messagesPerMinute: undefined },
      addresses: ["10.2.0.2"],
    },
    // What is not configured has the bound of docs/reference/configuration.md.
    {
      bounds: { name: "extra", connectionsMax: 20, connectionsPerMinute: undefined, messagesPerMinute: undefined },
      addresses: ["10.2.0.3"],
    },
    { bounds: { name: "mxa and mxb", ...mx }, addresses: ["10.3.0.1", "10.3.0.2"] },
    { bounds: { name: "narrow", ...mx }, addresses: ["10.3.0.3"] },
    { bounds: { name: "mxe", ...mx }, addresses: ["10.3.0.4"] },
  ];
}
