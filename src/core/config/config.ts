import type { BareNewlines } from "../smtp/data-decoder.ts";
import type { Duration } from "../base/time.ts";
import type { EventLevel } from "../events.ts";
import type { Mailbox } from "../mail/path.ts";
import type { AddressPattern } from "../policy/address-pattern.ts";
import type { PasswordHash } from "../policy/password-hash.ts";
import type { DelayNotice } from "../queue/ageing.ts";
import type { Route } from "../routing/route.ts";
import type { ConfigPath } from "./issue.ts";
import type { NamedEgress, SiteTerms } from "../routing/site-terms.ts";

// What a valid configuration says, with everything parsed. Plain data: it crosses to other threads as it is. Only
// `main` reads it; each part is handed the values it needs.

export interface ListenAddress {
  /** An IPv4 or IPv6 address, without brackets. */
  readonly host: string;
  /** 0 asks the system for a free port. */
  readonly port: number;
}

/** `127.0.0.1:25`, `[::1]:25`. */
export function listenText({ host, port }: ListenAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

export interface Listener {
  readonly name: string;
  readonly listen: ListenAddress;
  readonly tls: "starttls" | "implicit" | "none";
  /** What it shows; the first to clients that name no host. None without TLS. */
  readonly certificates: readonly TlsFiles[];
  readonly bareNewlines: BareNewlines;
  /** MAIL is refused before TLS stands. */
  readonly isTlsRequired: boolean;
  readonly messageOctetsMax: number;
  /** What addresses without a domain get: A-labels. */
  readonly appendDomain: string | undefined;
}

/** Paths of PEM files. */
export interface PemFiles {
  readonly certificate: string;
  readonly key: string;
}

export interface TlsFiles extends PemFiles {
  /** Where the configuration names them. */
  readonly at: ConfigPath;
}

export type CredentialSecret =
  { readonly kind: "plain"; readonly password: string } | { readonly kind: "hash"; readonly hash: PasswordHash };

export interface Credential {
  /** NFC, as the session gives it. */
  readonly username: string;
  readonly secret: CredentialSecret;
  /** Envelope senders that it may use. */
  readonly senders: readonly AddressPattern[];
}

/**
 * verify: TLS with a good certificate, or no delivery. opportunistic: TLS where it is offered, whatever the
 * certificate. none: no STARTTLS.
 */
export type SmartHostTls = "verify" | "opportunistic" | "none";

export interface SmartHost extends SiteTerms {
  readonly name: string;
  /** A-labels or an address without brackets; also the name that the certificate is checked against. */
  readonly host: string;
  readonly port: number;
  readonly isImplicitTls: boolean;
  readonly tls: SmartHostTls;
  /** Path of a PEM file with an authority to trust besides the system's. */
  readonly authorityFile: string | undefined;
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
}

export interface Config {
  /** EHLO name and name in Received fields: A-labels. */
  readonly hostname: string;
  /** Path of the data folder. */
  readonly data: string;
  readonly listeners: readonly Listener[];
  readonly access: {
    /** CIDR notation, always with a prefix. */
    readonly networks: readonly string[];
    /** Envelope senders that their clients may use. */
    readonly senders: readonly AddressPattern[];
  };
  readonly credentials: readonly Credential[];
  readonly smartHosts: readonly SmartHost[];
  /** What routes may name. */
  readonly egresses: readonly NamedEgress[];
  readonly routes: readonly Route[];
  readonly dns: {
    /** Empty: the system's. */
    readonly servers: readonly ListenAddress[];
  };
  readonly delivery: {
    /** CIDR notation, always with a prefix. */
    readonly privateNetworks: readonly string[];
    readonly permitsLiterals: boolean;
    /** Of the servers that MX records name. */
    readonly port: number;
  } & SiteTerms;
  /** Whom root becomes: `name`, `name:group`, `uid:gid`. */
  readonly user: string | undefined;
  readonly threads: "auto" | number;
  readonly limits: {
    readonly sessionsPerListener: number;
    readonly sessionsPerAddress: number;
    readonly recipientsPerMessage: number;
    readonly messagesPerConnection: number;
  };
  /** Who gets mail for `<postmaster>`, and hears of messages without a sender that fail. */
  readonly postmaster: Mailbox | undefined;
  readonly retry: {
    readonly schedule: readonly Duration[];
    readonly expire: Duration;
    readonly delayNotice: DelayNotice;
  };
  readonly sendmail: {
    /** Path of the spool. */
    readonly spool: string;
  };
  readonly isSoftBounce: boolean;
  readonly history: { readonly keptFor: Duration; readonly octetsMax: number };
  readonly logs: { readonly level: EventLevel; readonly addresses: "full" | "hashed" };
}
