// Kinds of values that keys of the configuration have, with the words of the reference page.

import * as z from "zod";
import type { Duration } from "../base/time.ts";
import { utf8 } from "../base/bytes.ts";
import { parseDomain } from "../mail/domain.ts";
import { type Mailbox, parseMailbox } from "../mail/path.ts";
import { type AddressPattern, parseAddressPattern } from "../policy/address-pattern.ts";
import { parseNetwork } from "../policy/network.ts";
import { parsePasswordHash } from "../policy/password-hash.ts";
import { passwordOf, usernameOf } from "../smtp/sasl.ts";
import { type Malformed, malformed, parseDuration } from "./values.ts";

/** What the reference page says of a key besides zod's own facts. */
export interface KeyWords {
  readonly description: string;
  /** The form of the value, where zod only knows that it is text. */
  readonly takes?: string;
  /** What holds without the key, where it is not a plain default. */
  readonly whenAbsent?: string;
}

export function isMalformed(value: unknown): value is Malformed {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "malformed";
}

export function words(keyWords: KeyWords): Record<string, unknown> {
  return { ...keyWords };
}

/** Text that a parser of ours turns into what it means. */
export function text<T>(parse: (text: string) => T | Malformed, keyWords: KeyWords) {
  return z
    .string()
    .transform((value, context): T => {
      const parsed = parse(value);
      if (!isMalformed(parsed)) return parsed;
      context.addIssue({ code: "custom", message: parsed.why });
      return z.NEVER;
    })
    .meta(words(keyWords));
}

export function path(keyWords: KeyWords) {
  return text((value) => (value === "" || value.includes("\0") ? malformed("expected a path") : value), keyWords);
}

export function hostname(value: string): string | Malformed {
  return parseDomain(value)?.ascii ?? malformed("expected a host name such as relay.example.com");
}

export function listenerName(value: string): string | Malformed {
  return /^[A-Za-z0-9][\w.-]{0,62}$/.test(value)
    ? value
    : malformed("a name has letters, digits, dots, hyphens and underscores, 63 at most");
}

export function processUser(value: string): string | Malformed {
  return /^[A-Za-z0-9_][\w.-]{0,31}(:[A-Za-z0-9_][\w.-]{0,31})?$/.test(value)
    ? value
    : malformed("expected a user such as waypost, waypost:mail or 10001:10001");
}

export function username(value: string): string | Malformed {
  return usernameOf(utf8(value)) ?? malformed("a user name has 1 to 256 characters, all of them visible");
}

export function password(value: string): string | Malformed {
  return passwordOf(utf8(value)) ?? malformed("a password has 1 to 1024 characters");
}

type PatternKind = AddressPattern["kind"];

export function pattern(allowed: readonly PatternKind[], expected: string) {
  return (value: string): AddressPattern | Malformed => {
    const parsed = parseAddressPattern(value);
    return parsed !== undefined && allowed.includes(parsed.kind) ? parsed : malformed(`expected ${expected}`);
  };
}

export function network(value: string) {
  const parsed = parseNetwork(value);
  return "kind" in parsed ? malformed(parsed.why) : parsed;
}

export function passwordHash(value: string) {
  const parsed = parsePasswordHash(value);
  return "kind" in parsed ? malformed(parsed.why) : parsed;
}

export function limit(value: number, most: number, description: string) {
  return z.int().min(1).max(most).default(value).meta(words({ description }));
}

export function duration(least: Duration, most: Duration, keyWords: KeyWords) {
  return text((value) => parseDuration(value, least, most), { takes: "length of time", ...keyWords });
}

export function mailbox(value: string): Mailbox | Malformed {
  const parsed = parseMailbox(value);
  if (parsed.kind === "malformed") return malformed("expected an address such as admin@example.com");
  return parsed.domain.kind === "literal" ? malformed("address literals are not routed; name a domain") : parsed;
}
