import { TRACE } from "../base/limits.ts";
import { type StampDate, dateAmong, parseDate } from "./date.ts";
import { type Encryption, encryptionIn } from "./encryption.ts";
import { type Lexed, Lexer, type Token, commentWords } from "./lexer.ts";
import { type Peer, addressIn, hostName, peerOf } from "./peer.ts";
import { type Protocol, protocolOf } from "./protocol.ts";

/** A `Received` field: what one server says of how it got the message. What it does not tell is empty. */
export interface Stamp {
  /** Undefined where it names nobody: the message was made there, or the server does not say from whom. */
  readonly from: Peer | undefined;
  /** The server that wrote it, by name or address. */
  readonly by: string;
  readonly byAddress: string;
  /** Other names of it, as many as a server has. */
  readonly byNames: readonly string[];
  readonly software: string;
  readonly via: string;
  readonly protocol: Protocol;
  /** Undefined where nothing tells. */
  readonly isTls: boolean | undefined;
  readonly encryption: Encryption;
  readonly isLogin: boolean;
  /** Who logged in. */
  readonly login: string;
  readonly id: string;
  readonly recipient: string;
  readonly envelopeFrom: string;
  /** What it says in other words than clauses: `qmail 1234 invoked by uid 89`. */
  readonly remark: string;
  readonly date: StampDate;
  /** A parenthesis or a quote has no other end. */
  readonly isUnbalanced: boolean;
}

/** RFC 5321 section 4.4, RFC 8314 section 4.3 (`tls`), and what some servers write as if it were one. */
const CLAUSES = new Set(["from", "by", "via", "with", "id", "for", "tls", "envelope-from"]);

/** What stands between two keywords. */
interface Clause {
  readonly words: string[];
  readonly comments: string[];
}

/**
 * Reads a trace field in whatever form: the clauses of RFC 5321 section 4.4 in any order, comments anywhere, any of it
 * absent. All octets give a stamp, in linear time.
 */
export function parseReceived(value: string): Stamp {
  const { tokens, isUnbalanced } = new Lexer(value).run();
  const { body, date } = splitDate({ tokens, isUnbalanced }, value);
  const clauses = clausesOf(body);
  const clause = (name: string): Clause => clauses.get(name) ?? { words: [], comments: [] };
  const [from, by, first] = [clause("from"), clause("by"), clause("")];
  const hasFrom = from.words.length + from.comments.length > 0;
  const host = hostOf(by);
  const told = ownTexts(clauses);
  const encryption = encryptionIn(told.filter((text) => !text.toLowerCase().startsWith("authenticated")));
  const protocol = protocolOf(clause("with").words);
  const login = loginIn(told);
  return {
    from: hasFrom ? peerOf(from.words, from.comments.filter(isAboutPeer)) : undefined,
    ...host,
    software: host.software || softwareIn([...clause("with").comments, ...clause("tls").comments]),
    via: clause("via").words.join(" "),
    protocol,
    isTls: encryption.version !== "" || encryption.cipher !== "" || encryption.isSaid ? true : protocol.isTls,
    encryption,
    isLogin: protocol.isLogin || login !== undefined,
    login: login ?? "",
    id: bare(clause("id").words[0] ?? ""),
    recipient: clause("for").words.map(bare).join(" "),
    envelopeFrom: bare(clause("envelope-from").words[0] ?? envelopeFromIn(clauses)),
    remark: [...first.words, ...first.comments].join(" "),
    date,
    isUnbalanced,
  };
}

/** The date stands behind the last semicolon; where that has none, behind another, or at the end of it all. */
function splitDate({ tokens }: Lexed, value: string): { readonly body: readonly Token[]; readonly date: StampDate } {
  const at = tokens.findLastIndex((token) => token.kind === "semicolon");
  const date = at === -1 ? ({ kind: "missing" } as const) : parseDate(wordsText(tokens.slice(at + 1)));
  if (date.kind === "known" || date.kind === "vague") return { body: tokens.slice(0, at), date };
  const found = dateAmong(value.split(/[\s,();]/).filter((word) => word !== ""));
  if (found === undefined || found.date.kind === "broken")
    return { body: at === -1 ? tokens : tokens.slice(0, at), date };
  const body = at === -1 ? withoutDate(tokens) : tokens.slice(0, at);
  return {
    body,
    date: noted(found.date, at === -1 ? "no semicolon before the date" : "the date is not where it belongs"),
  };
}

function noted(date: StampDate, note: string): StampDate {
  return date.kind === "known" || date.kind === "vague" ? { ...date, notes: [...date.notes, note] } : date;
}

/** Without a semicolon the words of the date are part of the last clause. */
function withoutDate(tokens: readonly Token[]): readonly Token[] {
  const words: string[] = [];
  const places: number[] = [];
  for (const [place, token] of tokens.entries()) {
    if (token.kind !== "word") continue;
    words.push(token.text.endsWith(",") ? token.text.slice(0, -1) : token.text);
    places.push(place);
  }
  const found = dateAmong(words);
  return found === undefined ? tokens : tokens.slice(0, places[found.from]);
}

function wordsText(tokens: readonly Token[]): string {
  return tokens.flatMap((token) => (token.kind === "word" ? [token.text] : [])).join(" ");
}

function clausesOf(tokens: readonly Token[]): ReadonlyMap<string, Clause> {
  const clauses = new Map<string, Clause>();
  let current: Clause = { words: [], comments: [] };
  clauses.set("", current);
  let isAfterFrom = false; // the next word is a client's name, whatever it calls itself
  for (const token of tokens) {
    const keyword: string = token.kind === "word" && !isAfterFrom ? token.text.toLowerCase() : "";
    isAfterFrom = false;
    if (CLAUSES.has(keyword)) {
      current = { words: [], comments: [] };
      // Of two the first that says something counts: the second is a name or a remark that looks like a keyword.
      if (isEmpty(clauses.get(keyword))) clauses.set(keyword, current);
      isAfterFrom = keyword === "from";
    } else if (token.kind === "word") current.words.push(token.text);
    else if (token.kind === "comment") current.comments.push(token.text);
  }
  return clauses;
}

function isEmpty(clause: Clause | undefined): boolean {
  return clause === undefined || clause.words.length + clause.comments.length === 0;
}

/** What the client said of itself stands in these, and must not be taken for what the server says. */
function isAboutPeer(comment: string): boolean {
  return !isAboutConnection(comment);
}

const ABOUT_CONNECTION = ["using ", "version=", "authenticated", "no client certificate", "client did not", "tls"];

/** A client may be called `tls.example.com`: where its address stands with it, it is the client that is spoken of. */
function isAboutConnection(comment: string): boolean {
  const lower = comment.slice(0, 30).toLowerCase();
  if (!ABOUT_CONNECTION.some((start) => lower.startsWith(start))) return false;
  return commentWords(comment).every((word) => addressIn(word) === "");
}

/** The texts in which the stamping server speaks of the connection. */
function ownTexts(clauses: ReadonlyMap<string, Clause>): string[] {
  return [...clauses].flatMap(([name, { words, comments }]) => {
    if (name === "from") return comments.filter(isAboutConnection);
    const own = comments.filter((comment) => !isPath(comment));
    return name === "with" || name === "tls" ? [...words, ...own] : own; // others have words of the client, or of no meaning here
  });
}

/** Sender and recipient are the client's words, and in quotes they may be any: `(envelope-from <"TLSv1.3"@b.test>)`. */
function isPath(comment: string): boolean {
  return comment.includes("<") || comment.toLowerCase().startsWith("envelope-from");
}

/** The `by` clause: `mx.example.com (Postfix)`, `host (mail.example.com [127.0.0.1]) (amavisd-new)`, `host (2001:db8::1)`. */
function hostOf({ words, comments }: Clause): Pick<Stamp, "by" | "byAddress" | "byNames" | "software"> {
  const by = hostName(words[0] ?? "");
  let byAddress = addressIn(by);
  const byNames: string[] = [];
  for (const comment of comments) {
    const parts = commentWords(comment);
    const address = parts.map(addressIn).find((found) => found !== "") ?? "";
    if (address !== "") {
      byAddress ||= address;
      for (const part of parts) if (addressIn(part) === "") byNames.push(hostName(part));
    }
  }
  return { by, byAddress, byNames: byNames.slice(0, TRACE.namesMax), software: softwareIn(comments) };
}

/** Most have it behind their name, Exim, fetchmail and Amazon behind the protocol. */
function softwareIn(comments: readonly string[]): string {
  const isName = (comment: string): boolean =>
    !isAboutConnection(comment) && !comment.includes("=") && !isPath(comment);
  const isHost = (comment: string): boolean => commentWords(comment).some((word) => addressIn(word) !== "");
  const isCipher = (comment: string): boolean =>
    encryptionIn([comment]).version + encryptionIn([comment]).cipher !== "";
  return comments.find((comment) => isName(comment) && !isHost(comment) && !isCipher(comment)) ?? "";
}

/** Undefined where nobody logged in; empty where it is not said who. */
function loginIn(texts: readonly string[]): string | undefined {
  for (const text of texts) {
    const words = commentWords(text);
    const at = words.findIndex((word) => word.toLowerCase() === "authenticated");
    if (at === -1) continue;
    const next = words[at + 1]?.toLowerCase();
    if (next === "sender:" || next === "user:" || next === "as") return words[at + 2] ?? "";
    return next?.startsWith("user=") === true ? words[at + 1]!.slice("user=".length) : "";
  }
  return undefined;
}

function envelopeFromIn(clauses: ReadonlyMap<string, Clause>): string {
  const start = "envelope-from ";
  const comments = [...clauses.values()].flatMap((clause) => clause.comments);
  return comments.find((comment) => comment.toLowerCase().startsWith(start))?.slice(start.length) ?? "";
}

/** Without angle brackets. */
function bare(text: string): string {
  const inner = text.startsWith("<") ? text.slice(1) : text;
  return inner.endsWith(">") ? inner.slice(0, -1) : inner;
}
