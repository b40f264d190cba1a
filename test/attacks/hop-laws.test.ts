import { describe, expect, test } from "vitest";
import { Dialogue, type Effect } from "../../src/core/outbound/dialogue.ts";
import type { Outcome } from "../../src/core/outbound/outcome.ts";
import { type Cell, ROWS, type Row } from "../support/broken-hops.ts";
import { chances } from "../support/cuts.ts";
import { octets } from "../support/listener.ts";
import { meaning } from "../support/meaning.ts";
import { isProof } from "../support/proof.ts";
import { tally } from "../support/recorded.ts";
import { type Answer, type Place, USUAL } from "../support/scripted-host.ts";

// The standing laws on every row of broken next hops, in the pure machine: however replies are cut, they mean the same (L1); every
// session ends, each recipient with one outcome (L2, L5). What of it is shown (L7) is looked at in next-hop.test.ts, over sockets.

const counted = tally("hop-laws");

const CELLS: readonly Cell[] = [true, false].flatMap((isPipelined) =>
  [1, 3].map((recipients) => ({ isTls: false, isPipelined, recipients })),
);
/** Longer replies are cut less often, and not in so many ways. */
const LONG_OCTETS = 4000;
const RANDOM_CUTS = isProof ? 20 : 5;
const RANDOM_CUTS_OF_LONG = 2;

type Cut = (reply: Uint8Array) => readonly Uint8Array[];

interface Ended {
  /** What it did and what it made of it, in order. */
  readonly log: readonly string[];
  readonly outcomes: readonly Outcome[];
  readonly isFailed: boolean;
  /** Octets of replies. */
  readonly heard: number;
}

/** The server of one row, as far as it talks. */
class Hop {
  readonly #script: ReturnType<Row["script"]>;
  readonly #cell: Cell;
  readonly #keywords: readonly string[];
  #to: string[] = [];
  #isLogin = false;

  constructor(row: Row, cell: Cell) {
    this.#script = row.script(cell);
    this.#cell = cell;
    this.#keywords = row.keywords ?? ["ENHANCEDSTATUSCODES"];
  }

  answer(line: string): Answer {
    const verb = line === "" ? "CONNECT" : this.#isLogin ? "AUTH" : line.split(/[ :]/)[0]!;
    const place = (Object.hasOwn(USUAL, verb) ? verb : "QUIT") as Place;
    const said = this.at(place, line);
    this.#isLogin = place === "AUTH" && typeof said === "string" && said.startsWith("334");
    if (place === "RCPT") this.#to = [...this.#to, line];
    return said;
  }

  at(place: Place, line: string): Answer {
    const told = { line, from: "", to: this.#to, isTls: false };
    return this.#script(place, told) ?? (place === "EHLO" ? this.#ehlo() : USUAL[place]);
  }

  #ehlo(): string {
    const all = ["host.test", ...(this.#cell.isPipelined ? ["PIPELINING"] : []), ...this.#keywords];
    return all.map((word, n) => `250${n === all.length - 1 ? " " : "-"}${word}`).join("\r\n");
  }
}

/** One session with one message, from the greeting to its end. */
class Session {
  readonly #hop: Hop;
  readonly #dialogue: Dialogue;
  readonly #cut: Cut;
  readonly #log: string[] = [];
  readonly #recipients: number;
  readonly #unheard: string[] = [];
  #outcomes: readonly Outcome[] = [];
  #isFailed = false;
  #isOver = false;
  #heard = 0;

  constructor(row: Row, cell: Cell, cut: Cut) {
    this.#hop = new Hop(row, cell);
    this.#cut = cut;
    this.#recipients = row.recipients ?? cell.recipients;
    this.#dialogue = new Dialogue({
      ehloName: "client.test",
      tls: "none",
      isSecured: row.hasLogin === true,
      credentials: row.hasLogin === true ? { username: "user", password: "correcthorse" } : undefined,
      isOurRelay: true,
    });
  }

  run(): Ended {
    this.#hear(this.#hop.answer(""));
    while (!this.#isOver) {
      const line = this.#unheard.shift();
      if (line === undefined) this.#take(this.#dialogue.timedOut());
      else this.#hear(line === "." ? this.#hop.at("CONTENT", "") : this.#hop.answer(line));
    }
    const { length } = this.#dialogue.receive(octets("250 more\r\n"));
    expect(length).toBe(0);
    return { log: this.#log, outcomes: this.#outcomes, isFailed: this.#isFailed, heard: this.#heard };
  }

  #hear(answer: Answer): void {
    if (answer === "silence") return;
    if (answer === "close" || answer === "reset") return this.#lose();
    const { octets: text, times = 1, after } = typeof answer === "string" ? { octets: `${answer}\r\n` } : answer;
    const said = octets(text);
    for (let n = 0; n < times && !this.#isOver; n++) {
      this.#heard += said.length;
      for (const piece of this.#cut(said)) if (!this.#isOver) this.#take(this.#dialogue.receive(piece));
    }
    if (after === "close" || after === "reset") this.#lose();
  }

  #lose(): void {
    if (!this.#isOver) this.#take(this.#dialogue.lost("connection-lost", "gone"));
  }

  #take(effects: readonly Effect[]): void {
    for (const effect of effects) this.#do(effect);
  }

  #do(effect: Effect): void {
    this.#log.push(JSON.stringify(meaning(effect)));
    switch (effect.kind) {
      case "send":
        this.#unheard.push(...effect.text.split("\r\n").slice(0, -1));
        break;
      case "ready":
        this.#transact();
        break;
      case "send-content":
        this.#dialogue.contentSent();
        this.#unheard.push(".");
        break;
      case "done":
        this.#outcomes = effect.outcomes;
        if (effect.connection === "reusable") this.#take(this.#dialogue.quit());
        break;
      case "failed":
        this.#isFailed = true;
        this.#outcomes = [effect.outcome];
        break;
      case "close":
        this.#isOver = true;
        break;
      case "start-tls":
        throw new Error("nobody asked for TLS");
    }
  }

  #transact(): void {
    const recipients = Array.from({ length: this.#recipients }, (_, n) => ({ forwardPath: `r${n + 1}@host.test` }));
    this.#take(
      this.#dialogue.transact({
        reversePath: "a@here.test",
        recipients,
        octets: 1000,
        isEightBit: false,
        needsSmtpUtf8: false,
      }),
    );
  }
}

const whole: Cut = (reply) => [reply];

/** What follows a line's end in a segment is there with it, and that is a fact. */
function cutting(chance: () => number, share: number): Cut {
  return (reply) => {
    const often = Math.min(share, (share * LONG_OCTETS) / reply.length);
    const pieces: Uint8Array[] = [];
    let start = 0;
    for (let at = 1; at < reply.length; at++) {
      if (reply[at - 1] === 10 || chance() >= often) continue;
      pieces.push(reply.subarray(start, at));
      start = at;
    }
    return [...pieces, reply.subarray(start)];
  };
}

function check(row: Row, cell: Cell, make = Session): void {
  const wanted = new make(row, cell, whole).run();
  expect(wanted.outcomes).toHaveLength(wanted.isFailed ? 1 : (row.recipients ?? cell.recipients));
  const random = wanted.heard > LONG_OCTETS ? RANDOM_CUTS_OF_LONG : RANDOM_CUTS;
  const cuts = [cutting(() => 0.5, 1), ...Array.from({ length: random }, (_, n) => cutting(chances(n + 1), 0.3))];
  for (const cut of cuts) {
    expect(new make(row, cell, cut).run().log).toEqual(wanted.log);
    counted.add("cuts");
  }
}

describe.each(CELLS)("PIPELINING $isPipelined, $recipients recipients: a next hop keeps the laws", (cell) => {
  test.for(ROWS)("$what", (row) => {
    counted.add("rows");
    check(row, cell);
  });
});

/** What comes in a piece of its own is not heard where it is one octet. */
class Deaf extends Session {
  constructor(row: Row, cell: Cell, cut: Cut) {
    super(row, cell, (reply) => cut(reply).filter((piece, n) => n === 0 || piece.length !== 1));
  }
}

test("a client that hears another thing where a reply is cut otherwise is found", () => {
  expect(() =>
    check(
      ROWS.find(({ what }) => what === "DATA: 550")!,
      CELLS[0]!,
      Deaf,
    ),
  ).toThrow();
  counted.add("plantedFound");
});
