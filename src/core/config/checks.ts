// What concerns several keys at once. Each check takes the sections it needs and is left out while one of them is not
// valid, and so is each entry of a list, so that one slip does not hide the others.

import { invariant } from "../base/invariant.ts";
import { isWideOpen } from "../policy/breadth.ts";
import type { Argon2Parameters } from "../policy/password-hash.ts";
import { type Network, addressOctets, contains, isLoopback, parseNetwork } from "../policy/network.ts";
import { domainLane, withoutEgress } from "../routing/lane.ts";
import { type Route, type Way, wayFor } from "../routing/route.ts";
import {
  checkNetworks,
  warnOfManyOthers,
  warnOfNobody,
  warnOfOpenRelay,
  warnOfUselessSenders,
} from "./access-checks.ts";
import { listenText } from "./config.ts";
import {
  checkEgresses,
  checkFamily,
  checkRouteEgress,
  warnOfSharedSources,
  warnOfUnusedEgresses,
} from "./egress-checks.ts";
import { type ConfigIssue, configPathText, issue } from "./issue.ts";
import { nearest } from "../base/nearest.ts";
import { type RoughSections, type SomeSections, validOnes } from "./rough-sections.ts";
import type { ConfigSections } from "./schema.ts";
import { durationText } from "./values.ts";

function knownNetwork(text: string): Network {
  const network = parseNetwork(text);
  invariant(!("kind" in network), "a network of ours is well-formed");
  return network;
}

const V4_MAPPED = knownNetwork("::ffff:0:0/96");
/** What connections to which stay on this machine, in both forms of an IPv4 address. */
const OWN_NETWORKS = ["127.0.0.0/8", "0.0.0.0/8", "::1/128", "::/128", "::ffff:127.0.0.0/104", "::ffff:0:0/104"].map(
  knownNetwork,
);

type ListenerSection = ConfigSections["listeners"][number];
type SmartHostSection = ConfigSections["smarthosts"][string];

export function listenerName(listener: ListenerSection): string {
  return listener.name ?? listenText(listener.listen);
}

/** An issue for each entry whose key an earlier one has; `undefined` is never the same. */
function duplicates<T>(
  entries: readonly (T | undefined)[],
  keyOf: (entry: T) => string | undefined,
  say: (index: number, first: number) => ConfigIssue,
): ConfigIssue[] {
  const seen = new Map<string, number>();
  const issues: ConfigIssue[] = [];
  for (const [index, entry] of validOnes(entries)) {
    const key = keyOf(entry);
    const first = key === undefined ? undefined : seen.get(key);
    if (first !== undefined) issues.push(say(index, first));
    else if (key !== undefined) seen.set(key, index);
  }
  return issues;
}

function checkListenerDuplicates({ listeners = [] }: RoughSections): ConfigIssue[] {
  const byAddress = duplicates(
    listeners,
    ({ listen }) => (listen.port === 0 ? undefined : listenText(listen)),
    (index, first) => issue(["listeners", index, "listen"], `listeners[${first}] listens there already`),
  );
  const byName = duplicates(
    listeners,
    ({ name }) => name,
    (index, first) => issue(["listeners", index, "name"], `listeners[${first}] has that name already`),
  );
  return [...byAddress, ...byName];
}

function checkListenerTls(sections: RoughSections): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const isWithoutCertificate = "tls" in sections && sections.tls === undefined;
  for (const [index, { tls, require_tls, tls_certificates }] of validOnes(sections.listeners ?? [])) {
    if (tls !== "none" && isWithoutCertificate && tls_certificates === undefined)
      issues.push(issue(["listeners", index], `tls: ${tls} needs tls.certificate and tls.key`));
    if (tls === "none" && tls_certificates !== undefined)
      issues.push(issue(["listeners", index, "tls_certificates"], "has no effect on a listener with tls: none"));
    if (tls === "none" && require_tls)
      issues.push(issue(["listeners", index, "require_tls"], "cannot hold on a listener with tls: none"));
  }
  return issues;
}

function checkCredentials({ credentials = [] }: RoughSections): ConfigIssue[] {
  const issues = duplicates(
    credentials,
    ({ username }) => username,
    (index, first) => issue(["credentials", index, "username"], `credentials[${first}] has that name already`),
  );
  for (const [index, { password, password_hash }] of validOnes(credentials)) {
    if (password === undefined && password_hash === undefined)
      issues.push(issue(["credentials", index], "needs password or password_hash"));
    if (password !== undefined && password_hash !== undefined)
      issues.push(
        issue(["credentials", index, "password_hash"], "cannot stand beside password; leave one of them out"),
      );
  }
  return issues;
}

function smartHostProblem(section: SmartHostSection): { readonly key: string; readonly why: string } | undefined {
  const { url, tls, tls_ca } = section;
  if (url.credentials !== undefined && tls !== undefined && tls !== "verify")
    return { key: "tls", why: `${tls} would give the password in the url to anybody on the way; use verify` };
  if (url.isImplicitTls && tls === "none")
    return { key: "tls", why: "none contradicts smtps; write smtp:// in the url" };
  if (tls_ca !== undefined && tls !== undefined && tls !== "verify")
    return { key: "tls_ca", why: `has no effect with tls: ${tls}; use verify` };
  return undefined;
}

function checkSmartHosts({ smarthosts = {} }: RoughSections): ConfigIssue[] {
  return Object.entries(smarthosts).flatMap(([name, section]) => {
    if (section === undefined) return [];
    const problem = smartHostProblem(section);
    const found = problem === undefined ? [] : [issue(["smarthosts", name, problem.key], problem.why)];
    return [...found, ...checkFamily(["smarthosts", name], section, section.url.host)];
  });
}

function checkDelivery({ delivery }: RoughSections): ConfigIssue[] {
  return delivery === undefined ? [] : checkFamily(["delivery"], delivery, undefined);
}

/** Who we are, whom mail goes to and whom it is taken from, as far as that is valid, whatever else is wrong beside it. */
export interface Ends {
  readonly hostname: string | undefined;
  readonly listens: readonly ListenerSection["listen"][];
  /** By name. */
  readonly urls: readonly (readonly [string, SmartHostSection["url"]])[];
  /** Of `access.networks`; entries that are not valid are undefined. */
  readonly networks: readonly (Network | undefined)[];
  /** Whether `access.open_to_everyone` is there, whatever it says. */
  readonly isOpenToEveryone: boolean;
}

/** Mail to ourselves would come back to us (promise P5: such a slip must not become a bounce for every sender). */
function checkOurselves({ hostname, listens, urls }: Ends): ConfigIssue[] {
  return urls.flatMap(([name, url]) => {
    const isOurListener = listens.some((listen) => listen.port === url.port && reaches(url.host, listen.host));
    if (url.host !== hostname && !isOurListener) return [];
    return [issue(["smarthosts", name, "url"], "is this relay itself: mail would come back to it")];
  });
}

/** Whether a connection to `host` gets to who listens at `address`, as far as that is known without a lookup. */
function reaches(host: string, address: string): boolean {
  const targets = (THIS_MACHINE.get(host) ?? [host]).map(plainAddress);
  if (targets.includes(plainAddress(address))) return true;
  return isEverywhere(address) && targets.some(isLoopback);
}

/** Connections to the address of nobody in particular are made to the machine's own. */
const THIS_MACHINE: ReadonlyMap<string, readonly string[]> = new Map([
  ["localhost", ["127.0.0.1", "::1"]],
  ["0.0.0.0", ["127.0.0.1"]],
  ["::", ["::1"]],
]);

/** One text for each address: `::ffff:192.0.2.1` is 192.0.2.1 (RFC 4291 section 2.5.5.2). */
function plainAddress(text: string): string {
  const octets = addressOctets(text);
  if (octets === undefined || octets.length === 4) return text;
  if (contains(V4_MAPPED, octets)) return octets.slice(12).join(".");
  return octets.every((octet, at) => octet === (at === 15 ? 1 : 0)) ? "::1" : octets.join(":");
}

function isEverywhere(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

function checkRoutes({ routes = [], smarthosts }: RoughSections): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const names = smarthosts === undefined ? undefined : Object.keys(smarthosts);
  for (const [index, { deliver, when }] of validOnes(routes)) {
    if (when !== undefined && when.recipient === undefined && when.sender === undefined)
      issues.push(
        issue(["routes", index, "when"], "needs recipient or sender; without `when` the route matches everything"),
      );
    for (const [at, name] of deliver.entries()) {
      if (names === undefined || name === "mx" || names.includes(name)) continue;
      const meant = nearest(name, names);
      const hint = meant === undefined ? "" : `; did you mean '${meant}'?`;
      const place = deliver.length === 1 ? [] : [at];
      issues.push(
        issue(["routes", index, "deliver", ...place], `there is no smart host of that name in smarthosts${hint}`),
      );
    }
  }
  return issues;
}

const ERRORS: readonly ((sections: RoughSections) => readonly ConfigIssue[])[] = [
  checkListenerDuplicates,
  checkListenerTls,
  checkCredentials,
  checkSmartHosts,
  checkDelivery,
  checkRoutes,
  checkEgresses,
  checkRouteEgress,
];

function warnOfClearText({ listeners = [], credentials = [] }: SomeSections): ConfigIssue[] {
  if (credentials.length === 0) return [];
  return listeners.flatMap((listener, index) =>
    listener.tls === "none" && !isLoopback(listener.listen.host)
      ? issue(
          ["listeners", index, "tls"],
          "other machines reach this listener and it has no TLS: nobody can log in here, mail can be read on the way, and so can the password of a client that sends it unasked",
        )
      : [],
  );
}

const PORT_SUBMISSIONS = 465;

/** RFC 8314 section 3.3: who is told nothing else waits there for a handshake, and hears a greeting. */
function warnOfImplicitPort({ listeners = [] }: SomeSections): ConfigIssue[] {
  return listeners.flatMap(({ listen, tls }, index) =>
    listen.port === PORT_SUBMISSIONS && tls !== "implicit"
      ? issue(
          ["listeners", index, "listen"],
          "clients begin with TLS at port 465, and this listener does not: it needs tls: implicit and a certificate (without a file: WAYPOST_TLS_CERTIFICATE)",
        )
      : [],
  );
}

function warnOfUnusedCertificate({ tls, listeners }: SomeSections): ConfigIssue[] {
  if (tls === undefined || listeners === undefined) return [];
  const isShown = listeners.some((listener) => listener.tls !== "none" && listener.tls_certificates === undefined);
  return isShown ? [] : [issue(["tls"], "no listener shows this certificate")];
}

function warnOfUselessCredentials({ listeners, credentials }: SomeSections): ConfigIssue[] {
  const isOffered = listeners === undefined || listeners.some(({ tls }) => tls !== "none");
  if (isOffered || credentials === undefined || credentials.length === 0) return [];
  return [issue(["credentials"], "nobody can log in: AUTH is offered over TLS only, and every listener has tls: none")];
}

function warnOfRoutes({ routes }: SomeSections): ConfigIssue[] {
  if (routes === undefined) return [];
  if (routes.length === 0) return [issue([], "no mail goes anywhere: there are no routes")];
  const first = routes.findIndex((route) => route.when === undefined);
  if (first === -1 || first === routes.length - 1) return [];
  return [issue(["routes", first + 1], `is never reached: routes[${first}] matches everything`)];
}

function sameCost(one: Argon2Parameters, other: Argon2Parameters): boolean {
  const { memoryKiB, passes, parallelism } = one;
  return memoryKiB === other.memoryKiB && passes === other.passes && parallelism === other.parallelism;
}

function warnOfUnequalHashes({ credentials = [] }: SomeSections): ConfigIssue[] {
  const hashed = credentials.flatMap(({ password_hash }, index) =>
    password_hash === undefined ? [] : { index, parameters: password_hash.parameters },
  );
  const [first] = hashed;
  const other = hashed.find(({ parameters }) => !sameCost(parameters, first!.parameters));
  if (first === undefined || other === undefined) return [];
  const where = configPathText(["credentials", first.index]);
  return [
    issue(
      ["credentials", other.index, "password_hash"],
      `costs more or less than that of ${where}: the time of an answer tells strangers which user names exist`,
    ),
  ];
}

/** A notice to postmaster is mail from the null sender like any other. */
function warnOfPostmaster({ postmaster, hostname, routes = [] }: SomeSections): ConfigIssue[] {
  if (postmaster === undefined || postmaster.domain.kind !== "domain" || routes.length === 0) return [];
  const way = (among: typeof routes): Way | undefined => wayFor(among.map(toRoute), { kind: "null" }, postmaster);
  if (way(routes) === undefined)
    return [issue(["postmaster"], "no route takes mail from the null sender to this address: nothing arrives there")];
  if (postmaster.domain.ascii !== hostname) return [];
  // A route that names the domain, and a server for it, is meant.
  const named = way(routes.filter(({ when }) => when?.recipient !== undefined));
  if (named !== undefined && withoutEgress(named.lanes[0]!) !== domainLane(hostname)) return [];
  return [
    issue(
      ["postmaster"],
      "its domain is this relay's own name: without a route to another server mail would come back",
    ),
  ];
}

function toRoute({ when, deliver, priority, egress }: ConfigSections["routes"][number]): Route {
  const steps = deliver.map((name) =>
    name === "mx" ? ({ kind: "mx" } as const) : ({ kind: "smarthost", name } as const),
  );
  return { recipient: when?.recipient, sender: when?.sender, priority, steps, egress };
}

function warnOfRetry({ retry }: SomeSections): ConfigIssue[] {
  if (retry === undefined) return [];
  const { schedule, expire, delay_notice: notice } = retry;
  const issues: ConfigIssue[] = [];
  if (schedule[0]! > expire)
    issues.push(
      issue(
        ["retry"],
        `the first wait of schedule (${durationText(schedule[0]!)}) is longer than expire (${durationText(expire)}): what is not taken at once is tried only once more, when its time is over`,
      ),
    );
  if (typeof notice === "number" && notice >= expire)
    issues.push(
      issue(
        ["retry", "delay_notice"],
        `is never sent: no message waits for longer than expire (${durationText(expire)})`,
      ),
    );
  return issues;
}

function warnOfPrivateNetworks({ delivery }: SomeSections): ConfigIssue[] {
  if (delivery === undefined) return [];
  return delivery.private_networks.flatMap((network, index) => {
    const place = ["delivery", "private_networks", index];
    if (OWN_NETWORKS.some((own) => contains(own, network.octets) || contains(network, own.octets)))
      return issue(
        place,
        `${network.text} holds this machine itself: whoever controls a domain's records could have mail sent to what listens here`,
      );
    if (isWideOpen(network))
      return issue(place, `${network.text} holds the networks of others: mail could be sent to any machine in them`);
    return [];
  });
}

const WARNINGS: readonly ((sections: SomeSections) => readonly ConfigIssue[])[] = [
  warnOfUnusedCertificate,
  warnOfClearText,
  warnOfImplicitPort,
  warnOfOpenRelay,
  warnOfManyOthers,
  warnOfNobody,
  warnOfUselessSenders,
  warnOfUselessCredentials,
  warnOfRoutes,
  warnOfUnequalHashes,
  warnOfPostmaster,
  warnOfRetry,
  warnOfPrivateNetworks,
  warnOfUnusedEgresses,
  warnOfSharedSources,
];

export function findErrors(sections: RoughSections, ends: Ends): readonly ConfigIssue[] {
  return [...ERRORS.flatMap((check) => check(sections)), ...checkNetworks(ends), ...checkOurselves(ends)];
}

/** What is permitted and probably not meant. */
export function findWarnings(sections: ConfigSections): readonly ConfigIssue[] {
  return WARNINGS.flatMap((check) => check(sections));
}
