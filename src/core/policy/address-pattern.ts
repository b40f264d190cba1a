import { unreachable } from "../base/invariant.ts";
import { parseDomain } from "../mail/domain.ts";
import { type ForwardPath, type ReversePath, parseMailbox, pathKey } from "../mail/path.ts";

/** Which addresses a rule is about. Used for the senders of a credential and for the conditions of a route. */
export type AddressPattern =
  /** `*`: every address; never the null reverse-path, which has to be named. */
  | { readonly kind: "any" }
  /** `<>`: the null reverse-path. */
  | { readonly kind: "null" }
  /** `user@example.com`. `key` is what `subjectOf` makes of the address. */
  | { readonly kind: "address"; readonly key: string }
  /** `@example.com`: the domain itself, not what is below it. */
  | { readonly kind: "domain"; readonly domain: string }
  /** `@*.example.com`: everything below the domain, at any depth, not the domain itself. */
  | { readonly kind: "subdomains"; readonly suffix: string };

/** An address as patterns see it: computed once, compared with many. */
export interface Subject {
  readonly isNull: boolean;
  /** The address without regard to case, also of the local part: nobody means two people by `App@` and `app@`. */
  readonly key: string;
  /** A-labels in lower case; empty for the null reverse-path, `<postmaster>` and address literals. */
  readonly domain: string;
}

export function subjectOf(path: ReversePath | ForwardPath): Subject {
  const isNull = path.kind === "null";
  const domain = path.kind === "mailbox" && path.domain.kind === "domain" ? path.domain.ascii : "";
  return { isNull, key: path.kind === "mailbox" ? pathKey(path).toLowerCase() : "", domain };
}

function parseDomainPattern(text: string): AddressPattern | undefined {
  const isBelow = text.startsWith("*.");
  const domain = parseDomain(isBelow ? text.slice(2) : text);
  if (domain === undefined) return undefined;
  return isBelow ? { kind: "subdomains", suffix: `.${domain.ascii}` } : { kind: "domain", domain: domain.ascii };
}

/** What may be the sender where nothing is said of senders: every address. */
export const ANY_ADDRESS: readonly AddressPattern[] = [{ kind: "any" }];
/** The same with the null reverse-path: a mail server in a trusted network reports from it. */
export const ANY_SENDER: readonly AddressPattern[] = [{ kind: "any" }, { kind: "null" }];

/** Undefined where the text is none of the five forms. */
export function parseAddressPattern(text: string): AddressPattern | undefined {
  if (text === "*") return { kind: "any" };
  if (text === "<>") return { kind: "null" };
  if (text.startsWith("@")) return parseDomainPattern(text.slice(1));
  const mailbox = parseMailbox(text);
  if (mailbox.kind === "mailbox" && mailbox.localPart.includes("*")) return undefined; // meant as a wildcard, surely
  return mailbox.kind === "mailbox" ? { kind: "address", key: subjectOf(mailbox).key } : undefined;
}

/** As it is written in a configuration, in the form in which it is compared. */
export function patternText(pattern: AddressPattern): string {
  switch (pattern.kind) {
    case "any":
      return "*";
    case "null":
      return "<>";
    case "address":
      return pattern.key;
    case "domain":
      return `@${pattern.domain}`;
    case "subdomains":
      return `@*${pattern.suffix}`;
    default:
      return unreachable(pattern);
  }
}

export function matches(pattern: AddressPattern, subject: Subject): boolean {
  switch (pattern.kind) {
    case "any":
      return !subject.isNull;
    case "null":
      return subject.isNull;
    case "address":
      return pattern.key === subject.key;
    case "domain":
      return pattern.domain === subject.domain;
    case "subdomains":
      return subject.domain.endsWith(pattern.suffix);
    default:
      return unreachable(pattern);
  }
}
