import { renderReply } from "../../src/core/smtp/reply.ts";
import { ReferenceSession } from "../fuzz/reference-session.ts";
import { codesIn, rulesOf } from "../fuzz/targets/session.ts";
import { chances, slices } from "../support/cuts.ts";
import { octets, testListener } from "../support/listener.ts";
import { Machine } from "../support/machine.ts";
import type { RowSession } from "./row-sessions.ts";

// The standing laws of the catalogue, checked on one session of a client. L4, that time is linear, is about families of input:
// linear.test.ts.

/** Controls, and what shows nothing or turns the text around. */
export const HIDDEN = /[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/;
const PROBES_MAX = 12;
/** Of processor time, for what one read brings. */
const TURN_MS = 20;
const LONG_OCTETS = 20_000;
/** What may be kept of what came, while a question is open. */
const KEPT_OCTETS = 64 * 1024;

export type Law = "L1" | "L2" | "L3" | "L5" | "L7";

type Session = Pick<RowSession, "listener" | "segments">;
type Cut = (segment: Uint8Array) => readonly Uint8Array[];

interface Played {
  readonly machine: Machine;
  /** The greeting, and what was answered to each segment. */
  readonly answers: readonly string[];
  /** Of the answer that was the last; Infinity where it is still open. */
  readonly closedAt: number;
}

/** How much was tried. */
export interface LawCounts {
  sessions: number;
  cuts: number;
  resets: number;
}

const STRAYS = ["RCPT TO:<c@example.net>\r\n", "DATA\r\n", "BDAT 3 LAST\r\n", "abc"];
const AGAIN = ["MAIL FROM:<a@example.com>\r\n", "RCPT TO:<b@example.net>\r\n", "DATA\r\n", "again\r\n.\r\n"];

const LAWS: readonly Law[] = ["L1", "L2", "L3", "L5", "L7"];

const whole: Cut = (segment) => [segment];

function demand(holds: boolean, law: string, ...shown: readonly unknown[]): asserts holds {
  if (!holds)
    throw new Error(
      `${law}: ${shown
        .map((one) => JSON.stringify(one))
        .join(", ")
        .slice(0, 1000)}`,
    );
}

function take(machine: Machine, text: string, cut: Cut): void {
  if (machine.isAwaitingTls) machine.secured();
  if (text !== "") for (const piece of cut(octets(text))) machine.receive(piece);
}

/** What follows a line's end in a segment is there before the reply, and that is a fact; content that does not end has no such. */
function places({ row }: RowSession, segment: Uint8Array): readonly number[] {
  const isContent = row.startsWith("S-IN-");
  return Array.from({ length: segment.length }, (_, at) => at).filter(
    (at) => at > 0 && (isContent || segment[at - 1] !== 10),
  );
}

function everywhere(session: RowSession): Cut {
  return (segment) => slices(segment, places(session, segment));
}

function atRandom(session: RowSession, seed: number): Cut {
  const chance = chances(seed);
  return (segment) =>
    slices(
      segment,
      places(session, segment).filter(() => chance() < Math.min(0.2, 400 / segment.length)),
    );
}

/** Each place of all segments, or every so many. */
function inTwo(session: RowSession, most: number): readonly Cut[] {
  const all = session.segments.flatMap((text, n) => places(session, octets(text)).map((at) => [n, at] as const));
  const every = Math.ceil(all.length / most);
  return all
    .filter((_, n) => n % every === 0)
    .map(([wanted, at]) => {
      let n = session.segments.slice(0, wanted).filter((text) => text !== "").length;
      return (segment) => (n-- === 0 ? slices(segment, [at]) : [segment]);
    });
}

export class SessionLaws {
  readonly counts: LawCounts = { sessions: 0, cuts: 0, resets: 0 };
  readonly #cutsMax: number;
  readonly #machine: (words: string) => Machine;

  /** `cutsMax`: how many cuts at random, and how many in two; `machine`: on a listener of these words, not opened yet. */
  constructor(cutsMax: number, machine = (words: string): Machine => new Machine(testListener(words))) {
    this.#cutsMax = cutsMax;
    this.#machine = machine;
  }

  /** Throws where one does not hold. */
  check(session: RowSession): void {
    this.counts.sessions++;
    for (const law of LAWS) this.keep(law, session);
  }

  /** Throws where this one does not hold. */
  keep(law: Law, session: RowSession): void {
    switch (law) {
      case "L1":
        return this.#cuts(session);
      case "L2":
        return this.#life(session);
      case "L3":
        this.#states(session);
        return this.#reset(session);
      case "L5":
        return this.#keeping(session);
      case "L7":
        return this.#plainText(session);
    }
  }

  #play({ listener, segments }: Session, cut = whole): Played {
    const machine = this.#machine(listener).open();
    const answers = [machine.replies()];
    let closedAt = machine.isClosed ? 0 : Number.POSITIVE_INFINITY;
    for (const text of segments) {
      take(machine, text, cut);
      if (machine.isClosed) closedAt = Math.min(closedAt, answers.length);
      answers.push(machine.replies());
    }
    return { machine, answers, closedAt };
  }

  /** L1: replies, envelopes and contents do not depend on how the octets are cut. */
  #cuts(session: RowSession): void {
    const shown = ({ answers, machine }: Played): string =>
      JSON.stringify([
        answers,
        machine.stored.map((one) => ({ ...one, content: Buffer.from(one.content).toString("latin1") })),
      ]);
    const isLong = session.segments.some((text) => text.length > LONG_OCTETS);
    const wanted = shown(this.#play(session));
    const cuts = [
      ...(isLong ? [] : [everywhere(session)]),
      ...Array.from({ length: Math.min(20, this.#cutsMax) }, (_, n) => atRandom(session, n + 1)),
      ...inTwo(session, this.#cutsMax),
    ];
    for (const cut of cuts) {
      const other = shown(this.#play(session, cut));
      demand(other === wanted, "L1, another end where it is cut otherwise", other, wanted);
      this.counts.cuts++;
    }
  }

  /** L2: every reply is one, nothing is said behind the end, little is kept, and no read takes long. */
  #life(session: RowSession): void {
    const { answers, machine } = this.#play(session);
    for (const answer of answers) codesIn(answer);
    const { backlog } = machine;
    demand(backlog <= (machine.isClosed ? 0 : KEPT_OCTETS), "L2, octets that are kept", backlog);
    if (machine.isClosed) {
      const more = machine.receive(octets("NOOP\r\n")).replies();
      demand(more === "", "L2, an answer behind the end", more);
    }
    // The best of some: the machine has other things to do, too.
    const longest = Math.min(...Array.from({ length: 3 }, () => this.#longestTurnMs(session)));
    demand(longest <= TURN_MS, "L2, a read that takes long (ms)", longest);
  }

  #longestTurnMs({ listener, segments }: Session): number {
    const machine = this.#machine(listener).open();
    let longest = 0;
    for (const text of segments) {
      const before = process.threadCpuUsage();
      take(machine, text, whole);
      const { user, system } = process.threadCpuUsage(before);
      longest = Math.max(longest, (user + system) / 1000);
    }
    return longest;
  }

  /** What a machine that shares nothing with ours (test/fuzz/reference-session.ts) has heard: it throws where an answer is not its own. */
  #referred(session: Session): { readonly machine: Machine; readonly kept: ReferenceSession["kept"] } {
    const reference = new ReferenceSession(rulesOf(testListener(session.listener)));
    const { answers, machine, closedAt } = this.#play(session);
    demand(answers[0]!.startsWith("220 "), "the greeting", answers[0]);
    for (const [n, text] of session.segments.entries()) {
      const isOver = n + 1 >= closedAt;
      if (text !== "") reference.take(text, codesIn(answers[n + 1]!), isOver);
      else if (!isOver) reference.secured();
    }
    return { machine, kept: reference.kept };
  }

  /** L3 and L6: states and answers are those of the other machine, which knows where content ends. */
  #states(session: Session): void {
    try {
      this.#referred(session);
    } catch (error) {
      throw new Error(`L3, ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }

  /** L5: what is acknowledged is kept, once, for whom it was accepted and as it came. */
  #keeping(session: Session): void {
    const { machine, kept } = this.#referred(session);
    const { stored } = machine;
    demand(
      stored.length === kept.length,
      "L5, messages that are kept, and those acknowledged",
      stored.length,
      kept.length,
    );
    for (const [n, { recipients, content }] of stored.entries()) {
      demand(recipients.length <= kept[n]!.recipients.length, "L5, recipients", recipients, kept[n]!.recipients);
      const text = Buffer.from(content).toString("latin1");
      demand(text === kept[n]!.content, "L5, content", text, kept[n]!.content);
    }
  }

  /** L3: wherever commands are heard, RSET leaves nothing of a transaction, and a new one goes as a first one does. */
  #reset(session: RowSession): void {
    const every = Math.max(1, Math.ceil(session.segments.length / PROBES_MAX));
    for (let length = 0; length <= session.segments.length; length += every) {
      const begun = { ...session, segments: session.segments.slice(0, length) };
      if (this.#isHeard(begun)) this.#resetAfter(begun);
    }
  }

  /** It waits for a command, and not for content, a line of AUTH, or a handshake. */
  #isHeard(begun: Session): boolean {
    const { machine, answers } = this.#play({ ...begun, segments: [...begun.segments, "NOOP\r\n"] });
    return !machine.isClosed && !machine.isAwaitingTls && codesIn(answers.at(-1)!).join(" ") === "250";
  }

  #resetAfter(begun: Session): void {
    const segments = [...begun.segments, "RSET\r\n", ...STRAYS, "EHLO c\r\n", ...AGAIN];
    const { answers, machine } = this.#play({ ...begun, segments });
    const after = answers.slice(begun.segments.length + 1);
    const codes = codesIn(after.join(""));
    if (codes.includes(421)) return; // that was one thing too many
    const strays = codesIn(after.slice(1, 1 + STRAYS.length).join(""));
    demand(strays.join(" ") === "503 503 503", "L3, RCPT, DATA and BDAT behind RSET", strays);
    const { machine: before } = this.#play(begun);
    const added = machine.stored.slice(before.stored.length);
    const mayRelay = codes.slice(-4).join(" ") === "250 250 354 250";
    demand(added.length === (mayRelay ? 1 : 0), "L5, what is kept of a new transaction", added.length, codes);
    for (const { recipients, content } of added) {
      demand(recipients.join(" ") === "b@example.net", "L3, whom a new transaction is for", recipients);
      demand(Buffer.from(content).toString() === "again\r\n", "L3, what is in it", Buffer.from(content).toString());
    }
    this.counts.resets++;
  }

  /** L7: nothing hidden reaches a reply or a note. */
  #plainText(session: RowSession): void {
    const { answers, machine } = this.#play(session);
    const notes = machine.notes.flatMap(({ verb, reply }) => [verb, renderReply(reply)]);
    for (const text of [...answers, ...notes]) demand(!HIDDEN.test(text), "L7, hidden characters", text);
  }
}
