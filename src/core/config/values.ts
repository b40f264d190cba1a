// What stands in single values: `ADDRESS:PORT`, the URL of a smart host, lengths of time. Messages say what is expected and never
// repeat the value, which may hold a password.

import { utf8Text } from "../base/bytes.ts";
import { type Duration, day, hour, minute, second } from "../base/time.ts";
import { hasHidden } from "../base/printable.ts";
import { isIpv4, isIpv6, parseDomain } from "../mail/domain.ts";
import type { ListenAddress } from "./config.ts";

export interface Malformed {
  readonly kind: "malformed";
  readonly why: string;
}

export function malformed(why: string): Malformed {
  return { kind: "malformed", why };
}

const UNITS: ReadonlyMap<string, Duration> = new Map([
  ["s", second],
  ["m", minute],
  ["h", hour],
  ["d", day],
]);

/** `30s`, `5m`, `2h`, `5d`: the shortest way that people write. */
export function durationText(duration: Duration): string {
  const [unit, length] = [...UNITS].toReversed().find(([, length]) => duration % length === 0) ?? ["s", second];
  return `${duration / length}${unit}`;
}

/** A length of time in whole seconds, minutes, hours or days. */
export function parseDuration(text: string, least: Duration, most: Duration): Duration | Malformed {
  const found = /^([0-9]{1,9})([smhd])$/.exec(text);
  if (found === null) return malformed("expected a length of time such as 30s, 5m, 2h or 5d");
  const duration = Number(found[1]) * UNITS.get(found[2]!)!;
  if (duration < least) return malformed(`has to be ${durationText(least)} at least`);
  return duration > most ? malformed(`has to be ${durationText(most)} at most`) : duration;
}

const PORT_MAX = 65_535;

function parsePort(text: string): number | undefined {
  return /^(0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= PORT_MAX ? Number(text) : undefined;
}

interface HostAndPort {
  /** Without brackets. */
  readonly host: string;
  readonly isBracketed: boolean;
  /** Undefined where there is no colon. */
  readonly port: string | undefined;
}

function splitHostAndPort(text: string): HostAndPort | undefined {
  const found = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([^:]*))?$/.exec(text);
  if (found === null) return undefined;
  const isBracketed = found[1] !== undefined;
  return { host: found[1] ?? found[2]!, isBracketed, port: found[3] };
}

/** `0.0.0.0:587`, `[::]:25`; names are not resolved here, so that a listener cannot move by a change in DNS. */
export function parseListen(text: string): ListenAddress | Malformed {
  const parts = splitHostAndPort(text);
  const isAddress = parts !== undefined && (parts.isBracketed ? isIpv6(parts.host) : isIpv4(parts.host));
  const port = parts?.port === undefined ? undefined : parsePort(parts.port);
  if (!isAddress || port === undefined)
    return malformed("expected an address and a port, such as 0.0.0.0:587 or [::]:587");
  return { host: parts.host, port };
}

const PORT_DNS = 53;

/** `192.0.2.53`, `[2001:db8::53]:5353`; an IPv6 address without a port may go without its brackets. */
export function parseDnsServer(text: string): ListenAddress | Malformed {
  if (isIpv6(text)) return { host: text, port: PORT_DNS };
  const parts = splitHostAndPort(text);
  const isAddress = parts !== undefined && (parts.isBracketed ? isIpv6(parts.host) : isIpv4(parts.host));
  const port = parts?.port === undefined ? PORT_DNS : parsePort(parts.port);
  if (!isAddress || port === undefined || port === 0)
    return malformed("expected an address, such as 192.0.2.53 or [2001:db8::53]:53");
  return { host: parts.host, port };
}

/** What the URL of a smart host says. */
export interface SmartHostUrl {
  readonly host: string;
  readonly port: number;
  readonly isImplicitTls: boolean;
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
}

const PORT_SMTP = 25;
const PORT_SUBMISSION = 587;
const PORT_SUBMISSIONS = 465;
const SECRET_CHARACTERS_MAX = 1024; // as long as what our own clients may send

function percentDecoded(text: string): string | undefined {
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) return undefined;
  const octets: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const isEscape = text[i] === "%";
    const code = isEscape ? Number.parseInt(text.slice(i + 1, i + 3), 16) : text.charCodeAt(i);
    if (code > 0xff || (!isEscape && code > 0x7e)) return undefined; // a URL is ASCII
    octets.push(code);
    if (isEscape) i += 2;
  }
  return utf8Text(Uint8Array.from(octets));
}

function parseUserinfo(text: string): NonNullable<SmartHostUrl["credentials"]> | Malformed {
  const colon = text.indexOf(":");
  if (colon === -1) return malformed("the user name needs a password: USER:PASSWORD@HOST");
  const username = percentDecoded(text.slice(0, colon));
  const password = percentDecoded(text.slice(colon + 1));
  if (username === undefined || password === undefined || text.slice(colon + 1).includes(":") || text.includes("@"))
    return malformed("user name and password have to be percent-encoded (@ is %40, : is %3A, / is %2F, % is %25)");
  if (username === "" || password === "") return malformed("user name and password may not be empty");
  if (hasHidden(username) || hasHidden(password))
    return malformed("user name and password may not hold control or invisible characters");
  if (username.length > SECRET_CHARACTERS_MAX || password.length > SECRET_CHARACTERS_MAX)
    return malformed(`user name and password may have ${SECRET_CHARACTERS_MAX} characters at most`);
  return { username, password };
}

function parseHost(parts: HostAndPort): string | undefined {
  if (parts.isBracketed) return isIpv6(parts.host) ? parts.host : undefined;
  return isIpv4(parts.host) ? parts.host : parseDomain(parts.host)?.ascii;
}

function defaultPort(isImplicitTls: boolean, hasCredentials: boolean): number {
  if (isImplicitTls) return PORT_SUBMISSIONS;
  return hasCredentials ? PORT_SUBMISSION : PORT_SMTP;
}

/** `smtp://USER:PASSWORD@HOST:PORT`, `smtps://HOST`. */
export function parseSmartHostUrl(text: string): SmartHostUrl | Malformed {
  const found = /^(smtps?):\/\/([^]*)$/i.exec(text);
  if (found === null) return malformed("expected smtp://HOST or smtps://HOST");
  if (hasHidden(text)) return malformed("the URL has control or invisible characters");
  const isImplicitTls = found[1]!.toLowerCase() === "smtps";
  const authority = found[2]!;
  if (/[/?#]/.test(authority))
    return malformed("the URL ends after host and port; in user name and password write / as %2F, ? as %3F, # as %23");
  const at = authority.lastIndexOf("@");
  const credentials = at === -1 ? undefined : parseUserinfo(authority.slice(0, at));
  if (credentials !== undefined && "kind" in credentials) return credentials;
  return withHost(authority.slice(at + 1), isImplicitTls, credentials);
}

/**
 * The server of a command: such a URL, or `HOST`, `HOST:PORT`, `USER:PASSWORD@HOST:PORT`. An IPv6 address stands in brackets.
 * As everywhere port 465 begins with TLS.
 */
export function parseServer(text: string): SmartHostUrl | Malformed {
  if (text.includes("://")) return parseSmartHostUrl(text);
  return parseSmartHostUrl(`${text.endsWith(":465") ? "smtps" : "smtp"}://${text}`);
}

function withHost(
  text: string,
  isImplicitTls: boolean,
  credentials: SmartHostUrl["credentials"],
): SmartHostUrl | Malformed {
  const parts = splitHostAndPort(text);
  const host = parts === undefined ? undefined : parseHost(parts);
  if (parts === undefined || host === undefined)
    return malformed("the host has to be a name, an IPv4 address or an IPv6 address in brackets");
  const port = parts.port === undefined ? defaultPort(isImplicitTls, credentials !== undefined) : parsePort(parts.port);
  if (port === undefined || port === 0) return malformed("the port has to be 1 to 65535");
  return { host, port, isImplicitTls, credentials };
}
