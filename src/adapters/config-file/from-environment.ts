import type { ConfigPath } from "../../core/config/issue.ts";
import { type EnvironmentValues, listOf } from "./environment-values.ts";
import { percentEncoded } from "./substitute.ts";
import { type Variable, VARIABLES, type VariableName } from "./variables.ts";

const FALLBACKS: ReadonlyMap<string, string | undefined> = new Map(
  VARIABLES.map(({ name, fallback }: Variable) => [name, fallback]),
);

/** What the values stand for, as a file would say it, and what is wrong with them that a file could not have wrong. */
export interface FromEnvironment {
  readonly input: object;
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

/** Where in the configuration a variable's value goes; the first that fits. */
const PLACES: readonly (readonly [key: RegExp, name: VariableName])[] = [
  [/^hostname/, "WAYPOST_HOSTNAME"],
  [/^data/, "WAYPOST_DATA"],
  [/^sendmail/, "WAYPOST_SPOOL"],
  [/^listeners/, "WAYPOST_LISTEN"],
  [/senders/, "WAYPOST_SENDERS"],
  [/^access/, "WAYPOST_NETWORKS"],
  [/^credentials\.0\.username/, "WAYPOST_SUBMIT_USERNAME"],
  [/^credentials/, "WAYPOST_SUBMIT_PASSWORD"],
  [/^smarthosts\.relayhost\.tls_ca/, "WAYPOST_RELAYHOST_CA"],
  [/^tls\.key/, "WAYPOST_TLS_KEY"],
  [/^tls/, "WAYPOST_TLS_CERTIFICATE"],
];

/** The variable that a key gets its value from. */
export function variableOf(key: string): VariableName {
  return PLACES.find(([place]) => place.test(key))?.[1] ?? "WAYPOST_RELAYHOST";
}

/** The same for people, by the name that was set, and with the place in a list. */
export function variableAt(path: ConfigPath, { values }: EnvironmentValues): string {
  const name = variableOf(path.join("."));
  const { from, entries } = values.get(name) ?? { from: name, entries: [] };
  const at = path.findLast((part) => typeof part === "number");
  const entry = at === undefined ? undefined : entries[at];
  const isOneOfMany = entry !== undefined && new Set(entries).size > 1;
  return isOneOfMany && !name.includes("SUBMIT") ? `${from}, entry ${entry + 1}` : from;
}

type Texts = (name: VariableName) => string | undefined;

const PAIRS: readonly (readonly [VariableName, VariableName])[] = [
  ["WAYPOST_RELAYHOST_USERNAME", "WAYPOST_RELAYHOST_PASSWORD"],
  ["WAYPOST_SUBMIT_USERNAME", "WAYPOST_SUBMIT_PASSWORD"],
  ["WAYPOST_TLS_CERTIFICATE", "WAYPOST_TLS_KEY"],
];

/** Both or neither: half of a pair is a slip. */
function halfPairs({ values, failed }: EnvironmentValues): readonly string[] {
  return PAIRS.flatMap(([one, other]) => {
    if (failed.has(one) || failed.has(other) || values.has(one) === values.has(other)) return [];
    const [there, missing] = values.has(one) ? [one, other] : [other, one];
    return [`${missing}: is not set, and ${values.get(there)!.from} needs it`];
  });
}

/**
 * A login that nobody could use is an error, and no warning: AUTH is offered over TLS only, so every client that was given the
 * password would be refused, one by one, by a relay that looks well. The container that does not start says why at once.
 */
function loginWithoutTls(text: Texts): readonly string[] {
  if (text("WAYPOST_SUBMIT_PASSWORD") === undefined || text("WAYPOST_TLS_CERTIFICATE") !== undefined) return [];
  return [
    "WAYPOST_SUBMIT_PASSWORD: a password is taken over TLS only, for in clear everybody on the way could read it: set WAYPOST_TLS_CERTIFICATE and WAYPOST_TLS_KEY, or leave the login out and name the clients in WAYPOST_NETWORKS",
  ];
}

function loginTwice(text: Texts): readonly string[] {
  const hasLogin = (text("WAYPOST_RELAYHOST") ?? "").includes("@");
  if (!hasLogin || text("WAYPOST_RELAYHOST_USERNAME") === undefined) return [];
  return ["WAYPOST_RELAYHOST_USERNAME: there is a login in the URL of the smart host already; leave one of them out"];
}

/** Servers may refuse whoever calls itself by a single word; and the name of a container is another one each time. */
function warnOfHostname(text: Texts, systemName: string): readonly string[] {
  if (text("WAYPOST_HOSTNAME") !== undefined || systemName.includes(".")) return [];
  return ["WAYPOST_HOSTNAME: is not set, and the name of this machine has no domain: some servers refuse such a name"];
}

/** The URL of a smart host that may be written as Postfix does: `host`, `host:587`, `[host]:587`. */
function relayhostUrl(relayhost: string, login: string): string {
  const [, scheme, rest] = /^([a-z]+:\/\/)([^]*)$/i.exec(relayhost) ?? [];
  if (scheme !== undefined) return `${scheme}${login}${rest}`;
  // Brackets: no MX lookup, in Postfix. We make none anyway; an IPv6 address keeps them.
  const plain = relayhost.replace(/^\[([^:\]]*)\]/, "$1");
  return `${plain.endsWith(":465") ? "smtps" : "smtp"}://${login}${plain}`;
}

function smartHost(text: Texts): object {
  const [username, password] = [text("WAYPOST_RELAYHOST_USERNAME"), text("WAYPOST_RELAYHOST_PASSWORD")];
  const login =
    username === undefined || password === undefined ? "" : `${percentEncoded(username)}:${percentEncoded(password)}@`;
  return {
    url: relayhostUrl(text("WAYPOST_RELAYHOST") ?? "", login),
    ...given("tls_ca", text("WAYPOST_RELAYHOST_CA")),
  };
}

/** Without `undefined` in it, which the schema takes for a value. */
function given(key: string, value: unknown): object {
  return value === undefined ? {} : { [key]: value };
}

function credentials(text: Texts, senders: object): readonly object[] {
  const [username, password] = [text("WAYPOST_SUBMIT_USERNAME"), text("WAYPOST_SUBMIT_PASSWORD")];
  return username === undefined || password === undefined ? [] : [{ username, password, ...senders }];
}

/** The configuration that the variables stand for. Closed to all but this machine unless told. */
export function configFromEnvironment(environment: EnvironmentValues, systemName: string): FromEnvironment {
  const text: Texts = (name) => environment.values.get(name)?.text ?? FALLBACKS.get(name);
  const [certificate, key] = [text("WAYPOST_TLS_CERTIFICATE"), text("WAYPOST_TLS_KEY")];
  const tls = certificate === undefined || key === undefined ? undefined : { certificate, key };
  const senderList = text("WAYPOST_SENDERS");
  const senders = given("senders", senderList === undefined ? undefined : listOf(senderList));
  const networks = listOf(text("WAYPOST_NETWORKS") ?? "");
  const listen = listOf(text("WAYPOST_LISTEN") ?? "");
  const tlsAt = (each: string): string =>
    tls === undefined ? "none" : each.endsWith(":465") ? "implicit" : "starttls";
  return {
    input: {
      hostname: text("WAYPOST_HOSTNAME") ?? systemName,
      data: text("WAYPOST_DATA"),
      listeners: listen.map((each) => ({ listen: each, tls: tlsAt(each) })),
      ...given("tls", tls),
      // Postfix writes IPv6 networks as [2001:db8::]/32.
      access: { networks: networks.map((network) => network.replace(/^\[([^\]]*)\]/, "$1")), ...senders },
      credentials: tls === undefined ? [] : credentials(text, senders),
      smarthosts: { relayhost: smartHost(text) },
      routes: [{ deliver: "relayhost" }],
      ...(text("WAYPOST_SPOOL") === undefined ? {} : { sendmail: { spool: text("WAYPOST_SPOOL") } }),
    },
    errors: [...halfPairs(environment), ...loginTwice(text), ...loginWithoutTls(text)],
    warnings: warnOfHostname(text, systemName),
  };
}
