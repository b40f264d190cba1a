import {
  type ForwardPath,
  type Malformed,
  type ReversePath,
  parseForwardPath,
  parseReversePath,
} from "../mail/path.ts";
import { parseAddressList } from "./address-list.ts";

/** Domains by which local programs mean the machine that they run on. */
const HERE: ReadonlySet<string> = new Set(["localhost", "localhost.localdomain"]);

/** `root`, `root@localhost`: `root@DOMAIN`. A quoted local part may hold an `@`. */
export function withDomain(address: string, domain: string): string {
  const at = address.lastIndexOf("@");
  if (at <= 0 || address.endsWith('"')) return `${address}@${domain}`;
  const named = address.slice(at + 1).toLowerCase();
  return HERE.has(named.endsWith(".") ? named.slice(0, -1) : named) ? `${address.slice(0, at)}@${domain}` : address;
}

/** An address of sendmail's arguments or of a header, as RCPT has it. `postmaster` alone is the relay's. */
export function forwardPathOf(address: string, domain: string): ForwardPath | Malformed {
  if (address === "") return { kind: "malformed", why: "the address is empty", isSyntax: true };
  const bare = address.toLowerCase() === "postmaster" ? address : withDomain(address, domain);
  const parsed = parseForwardPath(`<${bare}>`);
  return parsed.kind === "path" ? checked(parsed.path, parsed.rest) : parsed;
}

/** The value of `-f`: an address, with or without a name, or `<>` or nothing for the null reverse-path. */
export function reversePathOf(text: string, domain: string): ReversePath | Malformed {
  if (text.trim() === "" || text.trim() === "<>") return { kind: "null" };
  const list = parseAddressList(text);
  if (list.kind === "malformed") return { kind: "malformed", why: list.why, isSyntax: true };
  if (list.addresses.length !== 1) return { kind: "malformed", why: "one address is expected", isSyntax: true };
  const parsed = parseReversePath(`<${withDomain(list.addresses[0]!, domain)}>`);
  return parsed.kind === "path" ? checked(parsed.path, parsed.rest) : parsed;
}

/** What stands behind a bracket within the address is no part of it. */
function checked<Path>(path: Path, rest: string): Path | Malformed {
  return rest === "" ? path : { kind: "malformed", why: "a bracket stands within the address", isSyntax: true };
}
