import { isIpv4, isIpv6 } from "../mail/domain.ts";
import { commentWords } from "./lexer.ts";

/** The other end of a connection, as a stamp has it; what it does not tell is empty. */
export interface Peer {
  /** What it called itself. */
  readonly hello: string;
  /** What its address is called in the DNS, by the stamping server; `unknown` where that found nothing. */
  readonly name: string;
  readonly address: string;
  /** Sendmail says so where name and address do not lead to each other. */
  readonly mayBeForged: boolean;
}

interface Draft {
  hello: string;
  name: string;
  address: string;
}

/** `[192.0.2.1]:25`, `IPv6:2001:db8::1`, `fe80::1%4`, `user@192.0.2.1`: the address alone; empty where there is none. */
export function addressIn(word: string): string {
  let text = word.slice(word.lastIndexOf("@") + 1);
  if (text.startsWith("[")) {
    const end = text.indexOf("]");
    text = text.slice(1, end === -1 ? text.length : end);
  }
  if (text.slice(0, 5).toLowerCase() === "ipv6:") text = text.slice(5);
  text = text.split("%", 1)[0]!.replace(/\]$/, "");
  if (isIpv6(text)) return text.toLowerCase();
  const [ipv4 = ""] = text.split(":", 1);
  return isIpv4(ipv4) ? ipv4 : "";
}

/** A name in the form in which names are compared: without the dot that some servers end it with. */
export function hostName(text: string): string {
  return text.endsWith(".") ? text.slice(0, -1) : text;
}

/**
 * The `from` clause: `words` are those outside of comments. Postfix, Sendmail and Gmail have the HELO name there and the
 * DNS's in a comment; Exim and qmail the other way round, and say `helo=` or `HELO`.
 */
export function peerOf(words: readonly string[], comments: readonly string[]): Peer {
  const [first = "", ...others] = words;
  const draft: Draft = { hello: "", name: "", address: "" };
  for (const comment of comments) takeComment(comment, draft);
  for (const word of others) draft.address ||= addressIn(word);
  const address = addressIn(first);
  if (draft.hello === "" && (address === "" || draft.address !== "")) draft.hello = hostName(first);
  else if (address !== "") draft.address ||= address;
  else draft.name ||= hostName(first);
  return { ...draft, mayBeForged: comments.some((comment) => comment.includes("may be forged")) };
}

/** Also one that is none, as `[999.1.2.3]`: it stands where the address does. */
function isAddress(word: string): boolean {
  return addressIn(word) !== "" || /^\[[0-9.]+\]$/.test(word);
}

function takeComment(comment: string, draft: Draft): void {
  const words = commentWords(comment);
  const hasAddress = words.some(isAddress);
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    const lower = word.toLowerCase();
    if (lower === "helo" || lower === "ehlo" || lower === "lhlo") draft.hello ||= hostName(words[++at] ?? "");
    else if (lower.startsWith("helo=") || lower.startsWith("ehlo=")) draft.hello ||= hostName(word.slice(5));
    else if (word.includes("="))
      continue; // port=, ident=: nothing of the host
    else if (isAddress(word)) draft.address ||= addressIn(word) || word.slice(1).split("]", 1)[0]!;
    else if (at === 0 && (hasAddress || words.length === 1))
      draft.name ||= hostName(word.slice(word.lastIndexOf("@") + 1));
  }
}
