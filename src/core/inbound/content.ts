import { INBOUND } from "../base/limits.ts";
import { ChunkDecoder, type ContentFacts, DataDecoder } from "../smtp/data-decoder.ts";
import { type Reply, intermediate, permfail, success } from "../smtp/reply.ts";
import type { ContentRefusal, Machine, PhaseOf, Transaction } from "./state.ts";

export function runData(machine: Machine, transaction: Transaction, argument: string): void {
  if (argument !== "") return machine.fail("DATA", permfail(501, "5.5.4", "DATA takes no parameter"));
  if (transaction.chunks !== undefined)
    return machine.fail("DATA", permfail(503, "5.5.1", "BDAT was begun; DATA does not mix with it"));
  if (transaction.recipients.length === 0) return machine.refuse("DATA", NO_RECIPIENTS);
  return machine.ask({ about: "data", transaction }, (verdict) => {
    if (verdict.kind === "refuse") return refuseTransaction(machine, transaction, "DATA", verdict.reply);
    const decoder = new DataDecoder(machine.settings.bareNewlines);
    machine.reply(GO_AHEAD);
    return machine.expectContent(decoder, () => endContent(machine, transaction, decoder.facts));
  });
}

const GO_AHEAD = intermediate(354, "End with CR LF . CR LF");
const NO_RECIPIENTS = permfail(554, "5.5.1", "No valid recipients");

function endTransaction(machine: Machine, transaction: Transaction): void {
  machine.emit({ kind: "reset" });
  machine.phase = { name: "ready", hello: transaction.hello };
}

function refuseTransaction(
  machine: Machine,
  transaction: Transaction,
  verb: string,
  reply: Reply,
  why?: ContentRefusal,
): void {
  endTransaction(machine, transaction);
  machine.refuse(verb, reply, why);
}

/** What is wrong with content whatever policy says, in the order in which it is told. */
function contentRefusal(
  machine: Machine,
  facts: ContentFacts,
): { readonly why: ContentRefusal; readonly reply: Reply } | undefined {
  const { settings } = machine;
  if (facts.octets > settings.messageOctetsMax)
    return { why: "too-big", reply: permfail(552, "5.3.4", `Message larger than ${settings.messageOctetsMax} octets`) };
  const isStrict = settings.bareNewlines === "reject";
  if (isStrict && facts.nul) return { why: "nul", reply: permfail(554, "5.6.0", "NUL in the message") };
  if (isStrict && facts.bareNewline)
    return {
      why: "bare-newline",
      reply: permfail(550, "5.5.2", "CR or LF alone in the message; lines end with CR LF"),
    };
  if (facts.longestLine > INBOUND.contentLineOctetsMax) {
    return {
      why: "line-too-long",
      reply: permfail(554, "5.6.0", `A line of more than ${INBOUND.contentLineOctetsMax} octets`),
    };
  }
  return undefined;
}

/** The true end of content was seen, or the last chunk. */
function endContent(machine: Machine, transaction: Transaction, facts: ContentFacts): void {
  const refusal = contentRefusal(machine, facts);
  if (refusal !== undefined) {
    const verb = transaction.chunks === undefined ? "DATA" : "BDAT";
    return refuseTransaction(machine, transaction, verb, refusal.reply, refusal.why);
  }
  return machine.ask({ about: "message", transaction, facts }, (verdict) => {
    machine.phase = { name: "ready", hello: transaction.hello };
    if (verdict.kind === "refuse") {
      machine.emit({ kind: "reset" });
      return machine.reply(verdict.reply);
    }
    machine.accepted();
    return machine.reply(success(250, "2.0.0", verdict.text ?? "Queued"));
  });
}

const CHUNK_DIGITS_MAX = 12;

/** `SIZE [SP LAST]` (RFC 3030 section 2); undefined for anything else. */
function parseChunk(argument: string): { readonly octets: number; readonly isLast: boolean } | undefined {
  const match = /^([0-9]+)(?:[ \t]+(LAST))?$/i.exec(argument);
  if (match === null || match[1]!.length > CHUNK_DIGITS_MAX) return undefined;
  return { octets: Number(match[1]), isLast: match[2] !== undefined };
}

export function runBdat(machine: Machine, phase: PhaseOf<"greeted" | "ready" | "transaction">, argument: string): void {
  const chunk = parseChunk(argument);
  // How many octets follow is unknown: whatever comes next must not be taken for commands.
  if (chunk === undefined)
    return machine.end(permfail(501, "5.5.4", "BDAT takes a number of octets, and LAST at the end"));
  if (phase.name !== "transaction") {
    return swallow(machine, chunk.octets, () =>
      machine.refuse("BDAT", permfail(503, "5.5.1", "BDAT needs MAIL and RCPT first")),
    );
  }
  if (phase.recipients.length === 0)
    return swallow(machine, chunk.octets, () => refuseTransaction(machine, phase, "BDAT", NO_RECIPIENTS));
  if (chunk.octets === 0 && !chunk.isLast)
    return machine.fail("BDAT", permfail(504, "5.5.4", "A chunk of no octets has to be the LAST"));
  if (phase.chunks !== undefined) return takeChunk(machine, phase, chunk.octets, chunk.isLast);
  return machine.ask({ about: "data", transaction: phase }, (verdict) => {
    if (verdict.kind === "refuse")
      return swallow(machine, chunk.octets, () => refuseTransaction(machine, phase, "BDAT", verdict.reply));
    phase.chunks = { decoder: new ChunkDecoder(machine.settings.bareNewlines), announced: 0 };
    return takeChunk(machine, phase, chunk.octets, chunk.isLast);
  });
}

function swallow(machine: Machine, octets: number, finish: () => void): void {
  machine.expectOctets(octets, () => undefined, finish);
}

/** RFC 3030 section 2: the octets of a chunk that is not taken are read all the same, and answered when they are. */
function refuseBigChunk(machine: Machine, transaction: Transaction, octets: number): void {
  const reply = permfail(552, "5.3.4", `Message larger than ${machine.settings.messageOctetsMax} octets`);
  swallow(machine, octets, () => refuseTransaction(machine, transaction, "BDAT", reply, "too-big"));
}

function takeChunk(machine: Machine, transaction: Transaction, octets: number, isLast: boolean): void {
  const series = transaction.chunks!;
  series.announced += octets;
  if (series.announced > machine.settings.messageOctetsMax) return refuseBigChunk(machine, transaction, octets);
  const { decoder } = series;
  const give = (content: Uint8Array[]): void => {
    if (content.length > 0) machine.emit({ kind: "content", parts: content });
  };
  const take = (piece: Uint8Array): void => {
    const content: Uint8Array[] = [];
    decoder.decode(piece, 0, content);
    give(content);
  };
  return machine.expectOctets(octets, take, () => {
    if (!isLast) return machine.reply(success(250, "2.0.0", `${octets} octets received`));
    const content: Uint8Array[] = [];
    decoder.finish(content);
    give(content);
    return endContent(machine, transaction, decoder.facts);
  });
}
