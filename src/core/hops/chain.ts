import { TRACE } from "../base/limits.ts";
import type { Duration } from "../base/time.ts";
import { type Timing, timingsOf } from "./clocks.ts";
import { type StampDate, parseDate } from "./date.ts";
import { doubtsOf } from "./doubts.ts";
import { type Field, type Header, isKnown, readHeader } from "./fields.ts";
import { type Mark, markOf } from "./filters.ts";
import { reachOf } from "./host-names.ts";
import { Lexer } from "./lexer.ts";
import { type Stamp, parseReceived } from "./received.ts";

export interface Hop {
  /** 1 is the first. */
  readonly number: number;
  readonly stamp: Stamp;
  readonly timing: Timing;
  readonly doubts: readonly string[];
  /** What was put into the header between the stamp before and this one. */
  readonly marksBefore: readonly Mark[];
}

/** The longest time between two stamps. */
export interface Wait {
  readonly delay: Duration;
  /** The server where the message was before. */
  readonly at: string;
  /** The next one whose clock can be relied upon, where others stand between them: the wait may have been at any of them. */
  readonly until: string | undefined;
  /** The number of the hop that ended it. */
  readonly hop: number;
}

/** The way of a message, as its header tells it. */
export interface Chain {
  readonly subject: string;
  readonly messageId: string;
  readonly from: string;
  /** What the `Date` field says. */
  readonly written: StampDate;
  /** The first one first. */
  readonly hops: readonly Hop[];
  /** What was put into the header after the last stamp. */
  readonly marksAfter: readonly Mark[];
  readonly total: Duration | undefined;
  readonly longest: Wait | undefined;
  /** Of the hops that came over a network. */
  readonly networked: number;
  /** Those of them whose stamp says that TLS stood. */
  readonly encrypted: number;
  /** `Received` fields that were too many, of what was read. */
  readonly hopsLeftOut: number;
  /** Whether it has any that messages have; false where this is no message. */
  readonly hasFields: boolean;
  readonly strayLines: number;
  /** The header is longer than what was read of it: the first hops may be missing. */
  readonly isCut: boolean;
}

/** Any octets give a chain, in linear time. */
export function readChain(octets: Uint8Array): Chain {
  return chainOf(readHeader(octets));
}

function chainOf({ fields, strayLines, isCut }: Header): Chain {
  const { stamps, marks, hopsLeftOut } = gather(fields);
  const written = dateOf(valueOf(fields, "date"));
  const timings = timingsOf(stamps, written.kind === "known" ? written.at : undefined);
  const doubts = doubtsOf(stamps, timings.hops);
  const hops = stamps.map((stamp, at) => ({
    number: at + 1,
    stamp,
    timing: timings.hops[at]!,
    doubts: doubts[at]!,
    marksBefore: marks[at]!,
  }));
  const networked = stamps.filter(isNetworked);
  return {
    subject: valueOf(fields, "subject"),
    messageId: valueOf(fields, "message-id"),
    from: valueOf(fields, "from"),
    written,
    hops,
    marksAfter: marks[stamps.length] ?? [],
    total: timings.total,
    longest: longestOf(hops),
    networked: networked.length,
    encrypted: networked.filter(({ isTls }) => isTls === true).length,
    hopsLeftOut,
    hasFields: fields.some(isKnown),
    strayLines,
    isCut,
  };
}

/** From the bottom up: `marks[n]` stand between the nth stamp and the one after it. */
function gather(fields: readonly Field[]): {
  readonly stamps: readonly Stamp[];
  readonly marks: readonly (readonly Mark[])[];
  readonly hopsLeftOut: number;
} {
  const stamps: Stamp[] = [];
  const marks: Mark[][] = [[]];
  let hopsLeftOut = 0;
  for (const field of fields.toReversed()) {
    if (field.name.toLowerCase() === "received") {
      if (stamps.length === TRACE.hopsMax) hopsLeftOut++;
      else {
        stamps.push(parseReceived(field.value));
        marks.push([]);
      }
      continue;
    }
    const mark = markOf(field);
    if (mark !== undefined && mark.text !== "") marks.at(-1)!.push(mark);
  }
  return { stamps, marks, hopsLeftOut };
}

function valueOf(fields: readonly Field[], name: string): string {
  return fields.find((field) => field.name.toLowerCase() === name)?.value ?? "";
}

function dateOf(value: string): StampDate {
  const words = new Lexer(value).run().tokens.flatMap((token) => (token.kind === "word" ? [token.text] : []));
  return parseDate(words.join(" "));
}

/** It came from somewhere, over something that TLS could have been on. */
function isNetworked({ from, protocol }: Stamp): boolean {
  if (from === undefined || protocol.isLocal) return false;
  if (from.address !== "") return reachOf(from.address) !== "loopback";
  return from.hello.includes(".") && from.name.toLowerCase() !== "localhost"; // else a user of that host
}

/** The wait was where the message was before. */
function longestOf(hops: readonly Hop[]): Wait | undefined {
  let longest: Wait | undefined;
  for (const { number, timing } of hops) {
    const { delay = 0, since } = timing;
    if (since === 0 || delay <= (longest?.delay ?? 0)) continue;
    const until = since === number - 1 ? undefined : timing.host;
    longest = { at: hops[since - 1]!.timing.host, until, delay, hop: number };
  }
  return longest;
}
