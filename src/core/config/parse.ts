import * as z from "zod";
import { OUTBOUND } from "../base/limits.ts";
import { isIpv4 } from "../mail/domain.ts";
import { ANY_ADDRESS, ANY_SENDER } from "../policy/address-pattern.ts";
import type { Step } from "../routing/route.ts";
import type { NamedEgress, SiteTerms } from "../routing/site-terms.ts";
import { type Ends, findErrors, findWarnings, listenerName } from "./checks.ts";
import type { Config, Credential, CredentialSecret, Listener, SmartHost, SmartHostTls } from "./config.ts";
import type { ConfigIssue } from "./issue.ts";
import { toConfigIssues } from "./messages.ts";
import { type NamedFiles, namedFilesIn } from "./named-files.ts";
import { isSection, type RoughSections, valid } from "./rough-sections.ts";
import { type ConfigSections, accessNetwork, configSchema, listener } from "./schema.ts";
import { NO_NAME, smartHost } from "./schema-outbound.ts";
import { unwrap } from "./shape.ts";

export type ParsedConfig =
  | { readonly kind: "config"; readonly config: Config; readonly warnings: readonly ConfigIssue[] }
  | {
      readonly kind: "invalid";
      readonly issues: readonly ConfigIssue[];
      /** As far as they can be told. */
      readonly files: NamedFiles;
    };

const REPORT = { reportInput: true } as const;

/**
 * The top-level sections that are valid by themselves, and of lists the entries that are. A key that is missing although
 * it may not be is not there.
 */
function validSections(input: Readonly<Record<string, unknown>>): RoughSections {
  const sections: Record<string, unknown> = {};
  for (const [key, schema] of Object.entries(configSchema.shape)) {
    const parsed = schema.safeParse(input[key]);
    const section = parsed.success ? parsed.data : validEntries(schema, input[key]);
    if (parsed.success || section !== undefined) sections[key] = section;
  }
  return sections;
}

/** Of a list, or of a section whose keys are names; undefined where it is neither. */
function validEntries(schema: z.core.$ZodType, input: unknown): unknown {
  const plain = unwrap(schema);
  const entry = (of: z.core.$ZodType, value: unknown): unknown => z.safeParse(of, value).data;
  if (plain instanceof z.ZodArray && Array.isArray(input)) return input.map((value) => entry(plain.def.element, value));
  if (!(plain instanceof z.ZodRecord) || !isSection(input)) return undefined;
  return Object.fromEntries(Object.entries(input).map(([name, value]) => [name, entry(plain.def.valueType, value)]));
}

/** Looked for key by key: whoever repairs one slip should not then find that a smart host was this relay all the time. */
function endsOf({ hostname, listeners, smarthosts, access }: Readonly<Record<string, unknown>>): Ends {
  const { networks, open_to_everyone } = isSection(access) ? access : {};
  const sections = (Array.isArray(listeners) ? listeners : []).filter(isSection);
  return {
    hostname: valid(configSchema.shape.hostname, hostname),
    listens: sections.flatMap(({ listen }) => valid(listener.shape.listen, listen) ?? []),
    urls: Object.entries(isSection(smarthosts) ? smarthosts : {}).flatMap(([name, section]) => {
      const url = isSection(section) ? valid(smartHost.shape.url, section["url"]) : undefined;
      return url === undefined ? [] : [[name, url] as const];
    }),
    networks: (Array.isArray(networks) ? networks : []).map((text) => valid(accessNetwork, text)),
    isOpenToEveryone: open_to_everyone !== undefined,
  };
}

/** zod passes over a key of that name, so that a smart host would be gone without a word. */
function lostNames(input: unknown): readonly ConfigIssue[] {
  if (!isSection(input)) return [];
  return ["smarthosts", "egress"].flatMap((key) => {
    const section = input[key];
    if (!isSection(section) || !Object.hasOwn(section, "__proto__")) return [];
    return [{ path: [key, "__proto__"], at: "key" as const, message: `'__proto__' ${NO_NAME}` }];
  });
}

/** `input` is what the file holds, as plain values. Everything that is wrong is told, not only the first. */
export function parseConfig(input: unknown): ParsedConfig {
  const parsed = configSchema.safeParse(input, REPORT);
  const ends = endsOf(isSection(input) ? input : {});
  if (parsed.success) {
    const sections = { tls: undefined, ...parsed.data }; // absent, and known to be so (checks.ts)
    const issues = [...lostNames(input), ...findErrors(sections, ends)];
    if (issues.length > 0) return { kind: "invalid", issues, files: namedFilesIn(input) };
    return { kind: "config", config: toConfig(sections), warnings: findWarnings(sections) };
  }
  const found = parsed.error.issues.flatMap((issue) => toConfigIssues(configSchema, issue));
  const issues = [...found, ...lostNames(input)];
  return {
    kind: "invalid",
    issues: isSection(input) ? [...issues, ...findErrors(validSections(input), ends)] : issues,
    files: namedFilesIn(input),
  };
}

function toListener(section: ConfigSections["listeners"][number], at: number, tls: ConfigSections["tls"]): Listener {
  const own = section.tls_certificates?.map((files, index) => ({
    ...files,
    at: ["listeners", at, "tls_certificates", index],
  }));
  const certificates = own ?? (tls === undefined ? [] : [{ ...tls, at: ["tls"] }]);
  return {
    certificates: section.tls === "none" ? [] : certificates,
    name: listenerName(section),
    listen: section.listen,
    tls: section.tls,
    bareNewlines: section.bare_newlines,
    isTlsRequired: section.require_tls,
    messageOctetsMax: section.max_message_bytes,
    appendDomain: section.append_domain,
  };
}

function toCredential(section: ConfigSections["credentials"][number]): Credential {
  const { username, password, password_hash, senders } = section;
  const secret: CredentialSecret =
    password_hash === undefined ? { kind: "plain", password: password! } : { kind: "hash", hash: password_hash };
  return { username, secret, senders: senders ?? ANY_ADDRESS };
}

type SiteSection = Pick<
  ConfigSections["delivery"],
  | "connections"
  | "connections_per_minute"
  | "messages_per_minute"
  | "messages_per_connection"
  | "source"
  | "ehlo"
  | "family"
>;

/** An address can only reach its own family. */
function familyWith(source: string): "ipv4" | "ipv6" {
  return isIpv4(source) ? "ipv4" : "ipv6";
}

function toTerms(section: SiteSection): SiteTerms {
  const { source, family } = section;
  return {
    limits: {
      connectionsMax: section.connections,
      connectionsPerMinute: section.connections_per_minute,
      messagesPerMinute: section.messages_per_minute,
      messagesPerConnection: section.messages_per_connection,
    },
    egress: {
      source,
      ehloName: section.ehlo,
      family: source === undefined ? family : familyWith(source),
    },
  };
}

function toEgress(name: string, { source, ehlo, family }: ConfigSections["egress"][string]): NamedEgress {
  return { name, source, ehloName: ehlo, family: source === undefined ? family : familyWith(source) };
}

function toSmartHost(name: string, section: ConfigSections["smarthosts"][string]): SmartHost {
  const { url, tls, tls_ca } = section;
  const isVerifiedUnlessSaid = url.credentials !== undefined || url.isImplicitTls || tls_ca !== undefined;
  const policy: SmartHostTls = tls ?? (isVerifiedUnlessSaid ? "verify" : "opportunistic");
  return { name, ...url, tls: policy, authorityFile: tls_ca, ...toTerms(section) };
}

function toStep(name: string): Step {
  return name === "mx" ? { kind: "mx" } : { kind: "smarthost", name };
}

function toConfig(sections: ConfigSections): Config {
  const { limits } = sections;
  return {
    hostname: sections.hostname,
    data: sections.data,
    listeners: sections.listeners.map((section, at) => toListener(section, at, sections.tls)),
    access: {
      networks: sections.access.networks.map((network) => network.text),
      senders: sections.access.senders ?? ANY_SENDER,
    },
    credentials: sections.credentials.map(toCredential),
    smartHosts: Object.entries(sections.smarthosts).map(([name, section]) => toSmartHost(name, section)),
    egresses: Object.entries(sections.egress).map(([name, section]) => toEgress(name, section)),
    routes: sections.routes.map(({ when, deliver, priority, egress }) => ({
      recipient: when?.recipient,
      sender: when?.sender,
      steps: deliver.map(toStep),
      priority,
      egress,
    })),
    dns: { servers: sections.dns.servers ?? [] },
    delivery: {
      privateNetworks: sections.delivery.private_networks.map((network) => network.text),
      permitsLiterals: sections.delivery.address_literals,
      port: sections.delivery.port,
      ...toTerms({
        ...sections.delivery,
        connections_per_minute: sections.delivery.connections_per_minute ?? OUTBOUND.strangerConnectionsPerMinute,
        messages_per_connection: sections.delivery.messages_per_connection ?? OUTBOUND.messagesPerStrangerConnectionMax,
      }),
    },
    user: sections.user,
    threads: sections.threads,
    limits: {
      sessionsPerListener: limits.sessions_per_listener,
      sessionsPerAddress: limits.sessions_per_address,
      recipientsPerMessage: limits.recipients_per_message,
      messagesPerConnection: limits.messages_per_connection,
    },
    postmaster: sections.postmaster,
    retry: {
      schedule: sections.retry.schedule,
      expire: sections.retry.expire,
      delayNotice: sections.retry.delay_notice,
    },
    sendmail: { spool: sections.sendmail.spool ?? `${sections.data}/spool` },
    isSoftBounce: sections.soft_bounce,
    history: { keptFor: sections.history.keep, octetsMax: sections.history.bytes },
    logs: sections.logs,
  };
}
