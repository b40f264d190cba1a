import { utf8 } from "../../src/core/base/bytes.ts";
import type { Transaction } from "../../src/core/outbound/commands.ts";
import { Dialogue, type DialogueSettings, type Effect } from "../../src/core/outbound/dialogue.ts";
import type { Outcome, Transient } from "../../src/core/outbound/outcome.ts";

// A scripted next hop for tests: it answers each command from a table and the dialogue's driver does what it is told.

/** Where the server speaks: a verb, `RCPT1` for the first recipient, `EHLO2` for the EHLO after TLS, `DOT`. */
export type Turn = string;

/** Octets to send, and what happens then. */
export interface Answer {
  readonly says: string;
  readonly after?: "close" | "silence";
}

export type Script = Readonly<Record<Turn, string | Answer>>;

export interface Course {
  readonly effects: Effect[];
  /** Command lines as the server got them, `<content>` where content came. */
  readonly heard: string[];
  /** Outcomes per transaction. */
  readonly outcomes: (readonly Outcome[])[];
  readonly connections: string[];
  readonly failed: Transient | undefined;
  readonly isClosed: boolean;
}

export const CLOSE: Answer = { says: "", after: "close" };
export const SILENCE: Answer = { says: "", after: "silence" };

const DEFAULTS: Readonly<Record<string, string>> = {
  CONNECT: "220 mx.test ESMTP\r\n",
  EHLO: "250 mx.test\r\n",
  HELO: "250 mx.test\r\n",
  STARTTLS: "220 2.0.0 go\r\n",
  AUTH: "235 2.7.0 welcome\r\n",
  MAIL: "250 2.1.0 ok\r\n",
  RCPT: "250 2.1.5 ok\r\n",
  DATA: "354 go\r\n",
  DOT: "250 2.0.0 queued\r\n",
  RSET: "250 2.0.0 ok\r\n",
  QUIT: "221 2.0.0 bye\r\n",
};

export function transaction(recipients: number, more: Partial<Transaction> = {}): Transaction {
  return {
    reversePath: "s@example.test",
    recipients: Array.from({ length: recipients }, (_, i) => ({ forwardPath: `r${i + 1}@example.test` })),
    octets: 1000,
    isEightBit: false,
    needsSmtpUtf8: false,
    ...more,
  };
}

class FakeServer {
  readonly #script: Script;
  #isMailAccepted = false;
  #recipientsAccepted = 0;
  readonly #counts = new Map<string, number>();
  readonly heard: string[] = [];

  constructor(script: Script) {
    this.#script = script;
  }

  /** The answer to a line, or to `CONNECT`, or to `<content>`. */
  answer(line: string): Answer {
    this.heard.push(line);
    const verb = line === "<content>" ? "DOT" : line.split(/[ :]/)[0]!;
    const count = (this.#counts.get(verb) ?? 0) + 1;
    this.#counts.set(verb, count);
    const found = this.#script[`${verb}${count}`] ?? this.#script[verb] ?? this.#usual(verb);
    const answer = typeof found === "string" ? { says: found } : found;
    if (verb === "MAIL") {
      this.#isMailAccepted = answer.says.trim().startsWith("250");
      this.#recipientsAccepted = 0;
    }
    if (verb === "RCPT" && answer.says.trim().startsWith("25")) this.#recipientsAccepted++;
    return answer;
  }

  #usual(verb: string): string {
    if (verb === "RCPT" && !this.#isMailAccepted) return "503 5.5.1 MAIL first\r\n";
    if (verb === "DATA" && this.#recipientsAccepted === 0) return "503 5.5.1 RCPT first\r\n";
    return DEFAULTS[verb] ?? "500 5.5.1 what?\r\n";
  }
}

interface Options {
  readonly settings?: Partial<DialogueSettings>;
  readonly transactions?: readonly Transaction[];
  /** Lengths of the pieces that the server's octets arrive in, over and over; everything at once by default. */
  readonly cut?: readonly number[];
}

/** Plays a session to its end: all transactions, then QUIT. Silence means a timeout. */
export function play(script: Script, options: Options = {}): Course {
  return new Play(script, options).course();
}

class Play {
  readonly #dialogue: Dialogue;
  readonly #server: FakeServer;
  readonly #cut: readonly number[];
  readonly #waiting: Transaction[];
  readonly #effects: Effect[] = [];
  #isClosed = false;
  #isDeaf = false;

  constructor(script: Script, options: Options) {
    this.#dialogue = new Dialogue({
      ehloName: "us.test",
      tls: "none",
      isSecured: false,
      isOurRelay: false,
      ...options.settings,
    });
    this.#server = new FakeServer(script);
    this.#cut = options.cut ?? [];
    this.#waiting = [...(options.transactions ?? [transaction(1)])];
    this.#hear(this.#server.answer("CONNECT"));
  }

  course(): Course {
    const done = this.#effects.filter((e) => e.kind === "done");
    return {
      effects: this.#effects,
      heard: this.#server.heard.slice(1),
      outcomes: done.map((e) => e.outcomes),
      connections: done.map((e) => e.connection),
      failed: this.#effects.find((e) => e.kind === "failed")?.outcome,
      isClosed: this.#isClosed,
    };
  }

  #hear(answer: Answer): void {
    this.#isDeaf = answer.after !== undefined;
    const octets = utf8(answer.says);
    for (let at = 0, i = 0; at < octets.length && !this.#isClosed; i++) {
      const size = this.#cut.length === 0 ? octets.length : this.#cut[i % this.#cut.length]!;
      this.#run(this.#dialogue.receive(octets.slice(at, at + size)));
      at += size;
    }
    if (this.#isClosed) return;
    if (answer.after === "close") this.#run(this.#dialogue.lost("connection-lost", "ECONNRESET"));
    if (answer.after === "silence") this.#run(this.#dialogue.timedOut());
  }

  #run(effects: readonly Effect[]): void {
    for (const effect of effects) {
      this.#effects.push(effect);
      this.#do(effect);
    }
  }

  #do(effect: Effect): void {
    switch (effect.kind) {
      case "send":
        return this.#deliver(effect.text);
      case "start-tls":
        return this.#run(this.#dialogue.secured());
      case "send-content":
        this.#dialogue.contentSent();
        return this.#deliver("<content>\r\n");
      case "ready":
        return this.#proceed();
      case "done":
        return effect.connection === "reusable" ? this.#proceed() : undefined;
      case "close":
        this.#isClosed = true;
        return undefined;
      default:
        return undefined;
    }
  }

  /** All replies to one piece come as one piece, as a server that reads ahead would send them. */
  #deliver(text: string): void {
    if (this.#isDeaf) return;
    let says = "";
    let after: Answer["after"];
    for (const line of text.split("\r\n").slice(0, -1)) {
      const answer = this.#server.answer(line);
      says += answer.says;
      after = answer.after;
      if (after !== undefined) break;
    }
    this.#hear(after === undefined ? { says } : { says, after });
  }

  #proceed(): void {
    const next = this.#waiting.shift();
    this.#run(next === undefined ? this.#dialogue.quit() : this.#dialogue.transact(next));
  }
}
