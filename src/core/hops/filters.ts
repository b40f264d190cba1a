import { TRACE } from "../base/limits.ts";
import type { Field } from "./fields.ts";
import { Lexer } from "./lexer.ts";

/** A field that a filter or a signer put into the header, in the order in which they came. */
export interface Mark {
  readonly kind: "authentication" | "signature" | "chain" | "spam" | "virus" | "gateway";
  readonly field: string;
  /** What it says, in short. */
  readonly text: string;
}

type Digest = (value: string) => string;

const short: Digest = (value) =>
  value.length > TRACE.markCharactersMax ? `${value.slice(0, TRACE.markCharactersMax)}…` : value;

const EXACT: ReadonlyMap<string, readonly [Mark["kind"], Digest]> = new Map<string, readonly [Mark["kind"], Digest]>([
  ["authentication-results", ["authentication", resultsIn]],
  ["received-spf", ["authentication", (value) => short(value.split(/[\s(;]/, 1)[0]!)]],
  ["dkim-signature", ["signature", (value) => tagsIn(value, ["d", "s"])]],
  ["x-google-dkim-signature", ["signature", (value) => tagsIn(value, ["d", "s"])]],
  ["domainkey-signature", ["signature", (value) => tagsIn(value, ["d", "s"])]],
  ["arc-seal", ["chain", (value) => tagsIn(value, ["i", "d", "cv"])]],
  ["arc-authentication-results", ["chain", resultsIn]],
  ["x-forefront-antispam-report", ["spam", (value) => reportIn(value, ["SCL", "SFV", "CAT"])]],
  ["x-microsoft-antispam", ["spam", (value) => reportIn(value, ["BCL", "PCL"])]],
]);

/** First match wins. */
const PREFIXES: readonly (readonly [prefix: string, kind: Mark["kind"]])[] = [
  ["x-spam", "spam"],
  ["x-rspamd-", "spam"],
  ["x-ham-", "spam"],
  ["x-virus-", "virus"],
  ["x-av-", "virus"],
  ["x-clamav", "virus"],
  ["x-amavis-", "virus"],
  ["x-proofpoint-", "gateway"],
  ["x-mimecast-", "gateway"],
  ["x-barracuda-", "gateway"],
  ["x-ironport-", "gateway"],
  ["x-sophos-", "gateway"],
];

/** Undefined where the field is no filter's. */
export function markOf({ name, value }: Field): Mark | undefined {
  const lower = name.toLowerCase();
  const [kind, digest] = EXACT.get(lower) ?? [kindOf(lower), short];
  return kind === undefined ? undefined : { kind, field: name, text: digest(value) };
}

function kindOf(lower: string): Mark["kind"] | undefined {
  if (lower.startsWith("x-ms-exchange-") && lower.endsWith("scl")) return "spam";
  return PREFIXES.find(([prefix]) => lower.startsWith(prefix))?.[1];
}

/** RFC 8601 section 2.2: the server that checked, then `method=result` at the start of each part. */
function resultsIn(value: string): string {
  const parts: string[][] = [[]];
  for (const token of new Lexer(value).run().tokens) {
    if (token.kind === "semicolon") parts.push([]);
    else if (token.kind === "word") parts.at(-1)!.push(token.text);
  }
  const heads = parts.flatMap((words) => words.slice(0, words[0]?.startsWith("i=") === true ? 2 : 1));
  return short(heads.join(" "));
}

/** RFC 6376 section 3.2. */
function tagsIn(value: string, names: readonly string[]): string {
  return chosen(value.split(";"), "=", names);
}

function reportIn(value: string, names: readonly string[]): string {
  return chosen(value.split(";"), ":", names);
}

function chosen(parts: readonly string[], sign: string, names: readonly string[]): string {
  const found = new Map<string, string>();
  for (const part of parts) {
    const at = part.indexOf(sign);
    const name = at === -1 ? "" : part.slice(0, at).trim();
    if (names.includes(name) && !found.has(name)) found.set(name, part.slice(at + 1).trim());
  }
  return short(names.flatMap((name) => (found.has(name) ? [`${name}=${found.get(name)}`] : [])).join(" "));
}
