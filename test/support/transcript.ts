import { concatBytes, utf8 } from "../../src/core/base/bytes.ts";
import { unreachable } from "../../src/core/base/invariant.ts";
import type { StoredMessage } from "./machine.ts";

// Dialogues as text, one behaviour a file:
//
//   # a comment
//   @listener WORDS      the listener (support/listener.ts); the first line that is no comment
//   C: TEXT              the client sends TEXT and CR LF
//   C| TEXT              the same without CR LF
//   @together            what the client sends next comes in one segment: a later line is there before the reply
//   S: TEXT              the server's next line; `*` at the end stands for anything, `250 *` for a whole reply
//   @tls                 the TLS handshake
//   @stored <F> <T>...   one more message was kept, with this envelope; the M: and M| lines after it are its content
//   @closed              the server closed the connection
//   @repeat N ... @end   the lines between, N times; {n} is the round
//
// In TEXT \r \n \t \0 \\ and \xNN are octets, \u{NNNN} is a character in UTF-8, and {x:1000} is a thousand times x.

export type Step = { readonly line: number } & (
  | { readonly kind: "send"; readonly pieces: readonly Uint8Array[]; readonly isTogether: boolean }
  | { readonly kind: "expect"; readonly text: string }
  | { readonly kind: "tls" }
  | { readonly kind: "closed" }
  | {
      readonly kind: "stored";
      readonly from: string;
      readonly recipients: readonly string[];
      readonly content: Uint8Array | undefined;
    }
);

export interface Transcript {
  readonly listener: string;
  readonly steps: readonly Step[];
}

/** What a transcript is played against: one session of a client. */
export interface Wire {
  /** Octets from the client. Those before the first expected line come before the greeting. */
  send(octets: Uint8Array): Promise<void>;
  startTls(): Promise<void>;
  /** The server's next line without CR LF; undefined where it says nothing more. */
  line(): Promise<string | undefined>;
  isClosed(): Promise<boolean>;
  /** The next message that was kept. */
  message(): StoredMessage | undefined;
  /** The client is done. Answers what the server said besides. */
  end(): Promise<string>;
}

interface Source {
  readonly number: number;
  readonly text: string;
}

function unrolled(lines: readonly Source[]): Source[] {
  const flat: Source[] = [];
  for (let at = 0; at < lines.length; at++) {
    const times = /^@repeat ([0-9]+)$/.exec(lines[at]!.text);
    if (times === null) {
      flat.push(lines[at]!);
      continue;
    }
    const end = lines.findIndex((line, i) => i > at && line.text === "@end");
    if (end === -1) throw new Error(`line ${lines[at]!.number}: @repeat without @end`);
    for (let n = 1; n <= Number(times[1]); n++)
      for (const { number, text } of lines.slice(at + 1, end))
        flat.push({ number, text: text.replaceAll("{n}", `${n}`) });
    at = end;
  }
  return flat;
}

const ESCAPE = /\\([rnt0\\])|\\x([0-9a-fA-F]{2})|\\u\{([0-9a-fA-F]+)\}|\{(.):([0-9]+)\}/g;
const NAMED: Readonly<Record<string, string>> = { r: "\r", n: "\n", t: "\t", "0": "\0", "\\": "\\" };

function octetsOf(text: string): Uint8Array {
  const parts: Uint8Array[] = [new Uint8Array(0)];
  let at = 0;
  for (const match of text.matchAll(ESCAPE)) {
    const [whole, named, octet, point, repeated, times] = match;
    parts.push(utf8(text.slice(at, match.index)));
    if (named !== undefined) parts.push(utf8(NAMED[named]!));
    else if (octet !== undefined) parts.push(Uint8Array.of(Number.parseInt(octet, 16)));
    else if (point !== undefined) parts.push(utf8(String.fromCodePoint(Number.parseInt(point, 16))));
    else parts.push(utf8(repeated!.repeat(Number(times))));
    at = match.index + whole.length;
  }
  parts.push(utf8(text.slice(at)));
  return concatBytes(parts);
}

const CRLF = Uint8Array.of(13, 10);

/** The octets of a `X: ` or `X| ` line. */
function lineOctets(text: string): Uint8Array {
  const octets = octetsOf(text.slice(3));
  return text[1] === ":" ? concatBytes([octets, CRLF]) : octets;
}

/** The paths of a `@stored` line, each in brackets. */
function storedPaths(text: string): string[] {
  const paths = text.slice("@stored <".length, -1).split("> <");
  return paths.map((path) => new TextDecoder().decode(octetsOf(path)));
}

const isFrom = (who: "C" | "M", text: string): boolean => new RegExp(`^${who}[:|]( |$)`).test(text);

export function parseTranscript(source: string): Transcript {
  const numbered = source.split("\n").map((text, i) => ({ number: i + 1, text }));
  const lines = unrolled(numbered.filter(({ text }) => text.trim() !== "" && !text.startsWith("#")));
  const steps: Step[] = [];
  let listener = "";
  let isTogether = false;
  for (let at = 0; at < lines.length; at++) {
    const { number: line, text } = lines[at]!;
    const run = (who: "C" | "M", from: number): Uint8Array[] => {
      const pieces: Uint8Array[] = [];
      for (; from < lines.length && isFrom(who, lines[from]!.text); from++) pieces.push(lineOctets(lines[from]!.text));
      at = from - 1;
      return pieces;
    };
    if (text.startsWith("@listener")) listener = text.slice("@listener".length).trim();
    else if (text === "@together") isTogether = true;
    else if (text === "@tls") steps.push({ kind: "tls", line });
    else if (text === "@closed") steps.push({ kind: "closed", line });
    else if (text.startsWith("@stored ")) {
      const [from = "", ...recipients] = storedPaths(text);
      const pieces = run("M", at + 1);
      const content = pieces.length === 0 ? undefined : concatBytes(pieces);
      steps.push({ kind: "stored", line, from, recipients, content });
    } else if (isFrom("C", text)) {
      steps.push({ kind: "send", line, pieces: run("C", at), isTogether });
      isTogether = false;
    } else if (text.startsWith("S: ")) steps.push({ kind: "expect", line, text: text.slice(3) });
    else throw new Error(`line ${line}: not understood: ${text}`);
  }
  return { listener, steps };
}

/** How the octets of one step are cut into segments. */
export type Cutter = (send: Extract<Step, { kind: "send" }>) => readonly Uint8Array[];

/** A line a segment, as a person would type it; together what has to be together. */
export const byLine: Cutter = ({ pieces, isTogether }) => (isTogether ? [concatBytes(pieces)] : pieces);

const isWholeReply = (text: string): boolean => /^[0-9]{3} \*$/.test(text);

function isMatch(text: string, line: string): boolean {
  return text.endsWith("*") ? line.startsWith(text.slice(0, -1)) : line === text;
}

const shown = (octets: Uint8Array): string =>
  JSON.stringify(Array.from(octets, (octet) => String.fromCharCode(octet)).join(""));

async function expectLine(wire: Wire, text: string): Promise<string | undefined> {
  let line = await wire.line();
  if (isWholeReply(text)) while (line?.[3] === "-" && line.startsWith(text.slice(0, 3))) line = await wire.line();
  if (line === undefined) return `expected ${text}, and nothing came`;
  return isMatch(text, line) ? undefined : `expected ${text}, got ${line}`;
}

function compare(step: Extract<Step, { kind: "stored" }>, message: StoredMessage | undefined): string | undefined {
  if (message === undefined) return "no message was kept";
  const envelope = [message.from, ...message.recipients].map((path) => `<${path}>`).join(" ");
  const expected = [step.from, ...step.recipients].map((path) => `<${path}>`).join(" ");
  if (envelope !== expected) return `expected ${expected}, kept ${envelope}`;
  if (step.content === undefined || shown(step.content) === shown(message.content)) return undefined;
  return `expected content ${shown(step.content)}, kept ${shown(message.content)}`;
}

async function take(step: Step, wire: Wire, cut: Cutter): Promise<string | undefined> {
  switch (step.kind) {
    case "send":
      for (const segment of cut(step)) await wire.send(segment);
      return undefined;
    case "expect":
      return expectLine(wire, step.text);
    case "tls":
      return wire.startTls().then(() => undefined);
    case "closed":
      return (await wire.isClosed()) ? undefined : "the connection is still open";
    case "stored":
      return compare(step, wire.message());
    default:
      return unreachable(step);
  }
}

/** Throws where the session does not go as written. Nothing unexpected is said, and nothing unexpected is kept. */
export async function play(transcript: Transcript, wire: Wire, cut: Cutter = byLine): Promise<void> {
  for (const step of transcript.steps) {
    const wrong = await take(step, wire, cut);
    if (wrong !== undefined) throw new Error(`line ${step.line}: ${wrong}`);
  }
  const surplus = await wire.end();
  if (surplus !== "") throw new Error(`at the end the server said more: ${JSON.stringify(surplus)}`);
  const message = wire.message();
  if (message !== undefined) throw new Error(`a message was kept that nobody mentioned: ${shown(message.content)}`);
}
