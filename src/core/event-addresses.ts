// `logs.addresses: hashed`: no event leaves with the local part of a mail address in it. The domain stays, so that trouble
// with one of them can be seen.

import type { Event, FieldValue } from "./events.ts";
import { parseMailbox, pathKey } from "./mail/path.ts";

/** Gives `h:` and hexadecimal digits for an address, the same for every spelling of it that `addressKey` makes one. */
export type HashAddress = (key: string) => string;

/** Names of the configuration and of this machine, or of hosts: a lane may have an @ before its egress. */
const NAMES: ReadonlySet<string> = new Set(
  "event hostname data listener listeners client lane site target host version mechanism id about was".split(" "),
);
/** The whole of the field is an address, whatever characters it has. */
const ADDRESSES: ReadonlySet<string> = new Set(["from", "to", "recipient"]);
const IDENTITIES: ReadonlySet<string> = new Set(["username", "identity"]);
/** Shorter local parts are words of a sentence too often to be looked for in it. */
const WORD_MIN = 3;
/** Of a text no more is looked at: a line shows the first half of that at most. */
const TEXT_MAX = 2048;

/** What all spellings of an address have in common: case (few servers tell it apart), quotes that it could do without, NFC, A-labels. */
export function addressKey(address: string): string {
  const mailbox = parseMailbox(address);
  return (mailbox.kind === "mailbox" ? pathKey(mailbox) : address.normalize("NFC")).toLowerCase();
}

/** The event with a hash in place of each local part. */
export function withHashedAddresses(event: Event, hash: HashAddress): Event {
  const fields = Object.entries(event) as [string, FieldValue][];
  const text = textHasher(wordsOf(fields, hash), hash);
  const hashed = fields.map(([name, value]) => [name, hashedField(name, value, text, hash)]);
  return Object.fromEntries(hashed) as Event;
}

type HashText = (text: string) => string;

function hashedField(name: string, value: FieldValue, text: HashText, hash: HashAddress): FieldValue {
  if (NAMES.has(name)) return value;
  if (Array.isArray(value)) return value.map(text);
  if (typeof value !== "string") return value;
  if (ADDRESSES.has(name)) return wholeAddress(value, hash);
  if (!IDENTITIES.has(name) || !value.includes("@")) return text(value);
  const [kind = ""] = /^user /.exec(name === "identity" ? value : "") ?? [];
  return kind + wholeAddress(value.slice(kind.length), hash);
}

function wholeAddress(address: string, hash: HashAddress): string {
  if (address === "" || address.toLowerCase() === "postmaster") return address;
  const at = address.lastIndexOf("@");
  return hash(addressKey(address)) + (at === -1 ? "" : address.slice(at));
}

/** Servers also speak of `alice` alone, whom the event is about: the hash for each such local part. */
function wordsOf(fields: readonly (readonly [string, FieldValue])[], hash: HashAddress): ReadonlyMap<string, string> {
  const words = new Map<string, string>();
  for (const [name, value] of fields) {
    if (typeof value !== "string" || !(ADDRESSES.has(name) || IDENTITIES.has(name))) continue;
    const address = value.replace(/^user /, "");
    const local = address.slice(0, Math.max(address.lastIndexOf("@"), 0)).toLowerCase();
    if (local.length >= WORD_MIN && local !== "postmaster") words.set(local, hash(addressKey(address)));
  }
  return words;
}

// A quoted local part; what may be a local part, a domain or a word; or any other character.
const TOKENS = /"(?:[^"\\]|\\[^])*"(?=@)|[^\s<>()[\],;:"@]+|[^]/g;
const DELIMITER = /^[\s<>()[\],;:"@]$/;
const DOMAIN = /\[[^\]\s]*\]|[^\s<>()[\],;:"'@/=]+/y;
/** What may touch an address that is not quoted: `to=`, an apostrophe. */
const BEFORE = /^(?:(?:to|from|recipient|sender|rcpt|user|orcpt|auth)=)?['`*]*/i;
/** The @ of a URL, and that of RFC 3461's xtext. */
const ENCODED = /^([^]+?)((?:%40|\+40)[a-z0-9-]+(?:\.[a-z0-9-]+)+[^]*)$/i;

function textHasher(words: ReadonlyMap<string, string>, hash: HashAddress): HashText {
  return (whole) => {
    const text = withoutOddWords(whole.length > TEXT_MAX ? cut(whole) : whole, words);
    let behindAt = false;
    const hashed = text.replace(TOKENS, (token, offset: number) => {
      const isDomain = behindAt;
      behindAt = token === "@";
      const end = offset + token.length;
      if (DELIMITER.test(token) || (isDomain && text[end] !== "@")) return token;
      return hashedToken(token, text, end, words, hash);
    });
    return withoutCutAddress(hashed, hash);
  };
}

/** A local part that is quoted, with what no token has in it. */
function withoutOddWords(text: string, words: ReadonlyMap<string, string>): string {
  let left = text;
  for (const [local, hashed] of words) {
    if (!local.startsWith('"')) continue;
    for (const odd of [local, local.slice(1, -1)]) {
      if (odd.length < WORD_MIN) continue;
      const literal = odd.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
      left = left.replace(new RegExp(`${literal}(?!"?@)`, "gi"), hashed);
    }
  }
  return left;
}

function hashedToken(
  token: string,
  text: string,
  end: number,
  words: ReadonlyMap<string, string>,
  hash: HashAddress,
): string {
  if (text[end] === "@") {
    const [before = ""] = BEFORE.exec(token) ?? [];
    const local = token.slice(before.length);
    DOMAIN.lastIndex = end + 1;
    const domain = (DOMAIN.exec(text)?.[0] ?? "").replace(/\.+$/, "");
    return local === "" ? token : before + hash(addressKey(`${local}@${domain}`));
  }
  const [, local, rest] = ENCODED.exec(token) ?? [];
  if (local !== undefined && rest !== undefined) return hash(addressKey(`${local}@${rest.slice(3)}`)) + rest;
  const bare = token.toLowerCase();
  return words.get(bare) ?? words.get(bare.replace(/^['`"*]+|['`"*.!?…]+$/g, "")) ?? token;
}

/** No word is cut in two: half an address is not seen to be one. */
function cut(text: string): string {
  const kept = text.slice(0, TEXT_MAX);
  return `${kept.slice(0, kept.lastIndexOf(" ") + 1)}…`;
}

/** `550 <alic…`: whoever gave us the text has cut it before the @. */
function withoutCutAddress(text: string, hash: HashAddress): string {
  const start = text.lastIndexOf("<") + 1;
  const rest = text.slice(start);
  if (start === 0 || rest === "" || /[>\s@]/.test(rest) || rest.startsWith("h:")) return text;
  return `${text.slice(0, start)}${hash(addressKey(rest))}…`;
}
