// What concerns several keys at once. Each check takes the sections it needs and is left out while one of them is not
// valid, so that one slip does not hide the others.

import { isIpv4, isIpv6 } from "../mail/domain.ts";
import type { Argon2Parameters } from "../policy/password-hash.ts";
import { isLoopback, isWideOpen } from "../policy/network.ts";
import { listenText } from "./config.ts";
import { type ConfigIssue, type ConfigPath, configPathText, issue } from "./issue.ts";
import { nearest } from "./nearest.ts";
import { type ConfigSections, OPEN_TO_EVERYONE } from "./schema.ts";

/** A section that is not there is not valid; `tls: undefined` is a valid way of having none. */
export type SomeSections = { readonly [Key in keyof ConfigSections]?: ConfigSections[Key] | undefined };
type Check = (sections: SomeSections) => readonly ConfigIssue[];

type ListenerSection = ConfigSections["listeners"][number];
type SmartHostSection = ConfigSections["smarthosts"][string];

export function listenerName(listener: ListenerSection): string {
  return listener.name ?? listenText(listener.listen);
}

/** An issue for each entry whose key an earlier one has; `undefined` is never the same. */
function duplicates<T>(
  entries: readonly T[],
  keyOf: (entry: T) => string | undefined,
  say: (index: number, first: number) => ConfigIssue,
): ConfigIssue[] {
  const seen = new Map<string, number>();
  const issues: ConfigIssue[] = [];
  for (const [index, entry] of entries.entries()) {
    const key = keyOf(entry);
    const first = key === undefined ? undefined : seen.get(key);
    if (first !== undefined) issues.push(say(index, first));
    else if (key !== undefined) seen.set(key, index);
  }
  return issues;
}

function checkListenerDuplicates({ listeners = [] }: SomeSections): ConfigIssue[] {
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

function checkListenerTls(sections: SomeSections): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const isWithoutCertificate = "tls" in sections && sections.tls === undefined;
  for (const [index, { tls, require_tls }] of (sections.listeners ?? []).entries()) {
    if (tls !== "none" && isWithoutCertificate)
      issues.push(issue(["listeners", index], `tls: ${tls} needs tls.certificate and tls.key`));
    if (tls === "none" && require_tls)
      issues.push(issue(["listeners", index, "require_tls"], "cannot hold on a listener with tls: none"));
  }
  return issues;
}

function checkNetworks({ access }: SomeSections): ConfigIssue[] {
  if (access === undefined || access.open_to_everyone !== undefined) return [];
  return access.networks.flatMap((network, index) =>
    isWideOpen(network)
      ? issue(
          ["access", "networks", index],
          `${network.text} would let strangers relay; if that is meant, set access.open_to_everyone: "${OPEN_TO_EVERYONE}"`,
        )
      : [],
  );
}

function checkCredentials({ credentials = [] }: SomeSections): ConfigIssue[] {
  const issues = duplicates(
    credentials,
    ({ username }) => username,
    (index, first) => issue(["credentials", index, "username"], `credentials[${first}] has that name already`),
  );
  for (const [index, { password, password_hash }] of credentials.entries()) {
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

function checkSmartHosts({ smarthosts = {} }: SomeSections): ConfigIssue[] {
  return Object.entries(smarthosts).flatMap(([name, section]) => {
    const problem = smartHostProblem(section);
    const found = problem === undefined ? [] : [issue(["smarthosts", name, problem.key], problem.why)];
    return [...found, ...checkFamily(["smarthosts", name], section, section.url.host)];
  });
}

/** An address can only be reached by its own family. `host` may be a name. */
function checkFamily(
  place: ConfigPath,
  { source, family }: Pick<SmartHostSection, "source" | "family">,
  host: string | undefined,
): ConfigIssue[] {
  const familyOf = (address: string | undefined): string | undefined =>
    address === undefined ? undefined : isIpv4(address) ? "ipv4" : isIpv6(address) ? "ipv6" : undefined;
  const own = familyOf(source) ?? (family === "any" ? undefined : family);
  if (source !== undefined && family !== "any" && own !== family)
    return [issue([...place, "family"], `contradicts source, which is an address of ${own}`)];
  const theirs = familyOf(host);
  if (own === undefined || theirs === undefined || own === theirs) return [];
  const key = source === undefined ? "family" : "source";
  return [issue([...place, key], `cannot reach the url's host, which is an address of ${theirs}`)];
}

function checkDelivery({ delivery }: SomeSections): ConfigIssue[] {
  return delivery === undefined ? [] : checkFamily(["delivery"], delivery, undefined);
}

/** Mail to ourselves would come back to us (promise P5: such a slip must not become a bounce for every sender). */
function checkOurselves({ hostname, listeners, smarthosts = {} }: SomeSections): ConfigIssue[] {
  return Object.entries(smarthosts).flatMap(([name, { url }]) => {
    const isOurListener = listeners?.some(
      ({ listen }) =>
        listen.port === url.port && (listen.host === url.host || (isLoopback(url.host) && isEverywhere(listen.host))),
    );
    if (url.host !== hostname && isOurListener !== true) return [];
    return [issue(["smarthosts", name, "url"], "is this relay itself: mail would come back to it")];
  });
}

function isEverywhere(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

function checkRoutes({ routes = [], smarthosts }: SomeSections): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const names = smarthosts === undefined ? undefined : Object.keys(smarthosts);
  for (const [index, { deliver, when }] of routes.entries()) {
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

const ERRORS: readonly Check[] = [
  checkListenerDuplicates,
  checkListenerTls,
  checkNetworks,
  checkCredentials,
  checkSmartHosts,
  checkOurselves,
  checkDelivery,
  checkRoutes,
];

function warnOfClearPasswords({ listeners = [], credentials = [] }: SomeSections): ConfigIssue[] {
  if (credentials.length === 0) return [];
  return listeners.flatMap((listener, index) =>
    listener.tls === "none" && !isLoopback(listener.listen.host)
      ? issue(
          ["listeners", index, "tls"],
          "other machines reach this listener and it has no TLS: passwords given here would cross the network in clear",
        )
      : [],
  );
}

function warnOfOpenRelay({ access }: SomeSections): ConfigIssue[] {
  if (access?.open_to_everyone === undefined) return [];
  return [
    issue(["access", "open_to_everyone"], "whoever reaches a listener from access.networks may send mail to anybody"),
  ];
}

function warnOfNobody({ access, credentials }: SomeSections): ConfigIssue[] {
  if (access === undefined || access.networks.length > 0 || credentials?.length !== 0) return [];
  return [issue([], "nobody may relay: there are neither access.networks nor credentials")];
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

const WARNINGS: readonly Check[] = [
  warnOfClearPasswords,
  warnOfOpenRelay,
  warnOfNobody,
  warnOfUselessCredentials,
  warnOfRoutes,
  warnOfUnequalHashes,
];

export function findErrors(sections: SomeSections): readonly ConfigIssue[] {
  return ERRORS.flatMap((check) => check(sections));
}

/** What is permitted and probably not meant. */
export function findWarnings(sections: ConfigSections): readonly ConfigIssue[] {
  return WARNINGS.flatMap((check) => check(sections));
}
