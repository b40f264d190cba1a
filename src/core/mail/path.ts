import { INBOUND } from "../base/limits.ts";
import { hasHidden } from "../base/printable.ts";
import { type AddressLiteral, type Domain, parseAddressLiteral, parseDomain } from "./domain.ts";

/** An address of an envelope. */
export interface Mailbox {
  readonly kind: "mailbox";
  /** Quoted only where it has to be; case kept: what it means is the next hop's business. */
  readonly localPart: string;
  readonly domain: Domain | AddressLiteral;
  /** `local@domain` as it goes on the wire. */
  readonly text: string;
  /** True where the text is not ASCII, so that the next hop has to offer SMTPUTF8. */
  readonly isInternational: boolean;
}

/** RFC 5321 section 4.1.2 Reverse-path; the null one is a case. */
export type ReversePath = Mailbox | { readonly kind: "null" };

/** RFC 5321 section 4.1.2 Forward-path; `<postmaster>` has no domain (section 4.5.1). */
export type ForwardPath = Mailbox | { readonly kind: "postmaster" };

export interface Parsed<Path> {
  readonly kind: "path";
  readonly path: Path;
  /** What follows the closing bracket. */
  readonly rest: string;
}

export interface Malformed {
  readonly kind: "malformed";
  readonly why: string;
  /** What is around the address is wrong, rather than the address. */
  readonly isSyntax: boolean;
}

function malformed(why: string, isSyntax = false): Malformed {
  return { kind: "malformed", why, isSyntax };
}

const ATEXT = new Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-/=?^_`{|}~");

function isDotString(text: string): boolean {
  if (text === "") return false;
  let afterDot = true;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === ".") {
      if (afterDot) return false;
      afterDot = true;
    } else if (ATEXT.has(c) || c.charCodeAt(0) > 0x7f) afterDot = false;
    else return false;
  }
  return !afterDot;
}

/** RFC 5321 section 4.1.2 Quoted-string with only the quoting it needs. */
function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, (c) => `\\${c}`)}"`;
}

interface Scan {
  readonly end: number;
  readonly localPart: string;
}

/** The local part that starts at `from`; ends at the `@`. */
function scanLocalPart(text: string, from: number): Scan | Malformed {
  if (text[from] !== '"') {
    const at = text.indexOf("@", from);
    if (at === -1) return malformed("no @ in the address");
    const localPart = text.slice(from, at);
    return isDotString(localPart) ? { end: at, localPart } : malformed("the local part is not valid");
  }
  let value = "";
  for (let i = from + 1; i < text.length; i++) {
    const c = text[i]!;
    if (c === '"') {
      if (text[i + 1] !== "@") return malformed("a quoted local part has to be followed by @");
      return { end: i + 1, localPart: isDotString(value) ? value : quoted(value) };
    }
    const literal = c === "\\" ? text[++i] : c;
    if (literal === undefined || literal < " " || literal === "\x7f")
      return malformed("the quoted local part is not valid");
    value += literal;
  }
  return malformed("the quoted local part has no end");
}

function scanDomain(text: string): Domain | AddressLiteral | undefined {
  return text.startsWith("[") ? parseAddressLiteral(text) : parseDomain(text.endsWith(".") ? text.slice(0, -1) : text);
}

/** `local@domain` without brackets. Linear in its length; at most `INBOUND.pathOctetsMax` characters. */
export function parseMailbox(text: string): Mailbox | Malformed {
  if (text.length > INBOUND.pathOctetsMax) return malformed("the address is too long");
  if (hasHidden(text)) return malformed("the address has control or invisible characters");
  const local = scanLocalPart(text, 0);
  if ("kind" in local) return local;
  const domain = scanDomain(text.slice(local.end + 1));
  if (domain === undefined) return malformed("the domain is not valid");
  const whole = `${local.localPart}@${domain.text}`;
  let isInternational = false;
  for (let i = 0; i < whole.length; i++) if (whole.charCodeAt(i) > 0x7f) isInternational = true;
  return { kind: "mailbox", localPart: local.localPart, domain, text: whole, isInternational };
}

/** Without blanks at its ends. What else Unicode has for white space is none in SMTP. */
export function trimmed(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isBlank(text[start])) start++;
  while (end > start && isBlank(text[end - 1])) end--;
  return text.slice(start, end);
}

function isBlank(c: string | undefined): boolean {
  return c === " " || c === "\t";
}

/** The text between `<` and its `>` (quotes respected), and what follows. */
function bracketed(text: string): { readonly inner: string; readonly rest: string } | Malformed {
  if (!text.startsWith("<")) return malformed("the address has to stand in angle brackets", true);
  let isQuoted = false;
  for (let i = 1; i < text.length; i++) {
    const c = text[i]!;
    if (isQuoted && c === "\\") i++;
    else if (c === '"') isQuoted = !isQuoted;
    else if (c === ">" && !isQuoted) {
      const rest = text.slice(i + 1);
      if (rest !== "" && !rest.startsWith(" ") && !rest.startsWith("\t"))
        return malformed("nothing may touch the closing bracket", true);
      return { inner: text.slice(1, i), rest: trimmed(rest) };
    }
  }
  return malformed("the closing bracket is missing", true);
}

/**
 * The mailbox without the source route before it (RFC 5321 section 4.1.1.3 and appendix C: to be recognized, to be
 * ignored). Nothing of a route is kept: only the address behind it says where mail goes, and who may send it there.
 */
function parseRouted(inner: string): Mailbox | Malformed {
  if (!inner.startsWith("@")) return parseMailbox(inner);
  const colon = inner.indexOf(":");
  const hosts = inner.slice(0, Math.max(colon, 0)).split(",");
  const isRoute = hosts.every((host) => host.startsWith("@") && parseDomain(host.slice(1)) !== undefined);
  return isRoute ? parseMailbox(inner.slice(colon + 1)) : malformed("the source route is not valid");
}

export function parseReversePath(text: string): Parsed<ReversePath> | Malformed {
  const found = bracketed(text);
  if ("kind" in found) return found;
  if (found.inner === "") return { kind: "path", path: { kind: "null" }, rest: found.rest };
  const mailbox = parseRouted(found.inner);
  return mailbox.kind === "malformed" ? mailbox : { kind: "path", path: mailbox, rest: found.rest };
}

export function parseForwardPath(text: string): Parsed<ForwardPath> | Malformed {
  const found = bracketed(text);
  if ("kind" in found) return found;
  if (found.inner.toLowerCase() === "postmaster")
    return { kind: "path", path: { kind: "postmaster" }, rest: found.rest };
  const mailbox = parseRouted(found.inner);
  return mailbox.kind === "malformed" ? mailbox : { kind: "path", path: mailbox, rest: found.rest };
}

/** As it stands between the brackets of MAIL or RCPT: `""` for the null reverse-path. */
export function pathText(path: ReversePath | ForwardPath): string {
  return path.kind === "mailbox" ? path.text : path.kind === "null" ? "" : "postmaster";
}

/** What two spellings of one address have in common: NFC, A-labels. The local part's case is kept. */
export function pathKey(path: ReversePath | ForwardPath): string {
  if (path.kind !== "mailbox") return path.kind;
  const domain = path.domain.kind === "domain" ? path.domain.ascii : path.domain.text.toLowerCase();
  return `${path.localPart.normalize("NFC")}@${domain}`;
}

/** Where mail for this recipient goes: `<postmaster>` without a domain is the address that the configuration has for it. */
export function addressed(path: ForwardPath, postmaster: Mailbox | undefined): ForwardPath {
  return path.kind === "postmaster" ? (postmaster ?? path) : path;
}
