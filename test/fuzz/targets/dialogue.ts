import { Dialogue, type Effect } from "../../../src/core/outbound/dialogue.ts";
import type { Transaction } from "../../../src/core/outbound/commands.ts";
import type { Outcome } from "../../../src/core/outbound/outcome.ts";
import { type Chance, between } from "../../support/chance.ts";
import { meaning } from "../../support/meaning.ts";
import { hopWords } from "../material.ts";
import { type Ending, ReferenceHop } from "../reference-hop.ts";
import { type Target, Violation, chanceOf, holds, octetsOf, oneOf, same, shown, textOf } from "../target.ts";

// Whole sessions with a next hop that says anything. An input is two characters for the terms and the mail, and then what it
// says, a segment each time that it is its turn.

const NEXT = "\ue000";
/** What happens instead of a segment; what follows `EARLY` in it comes before the content is all out. */
const TIMED_OUT = "\ue002";
const LOST = "\ue003";
const EARLY = "\ue004";
const QUIT = "\ue005";
const PASSWORD = "correct horse";

interface Script {
  readonly tls: "none" | "opportunistic" | "required";
  readonly isSecured: boolean;
  readonly hasLogin: boolean;
  readonly isOurRelay: boolean;
  readonly transaction: Transaction;
  readonly segments: readonly string[];
}

function scriptOf(input: string): Script {
  const terms = (input.charCodeAt(0) || 0) - 0x40;
  const mail = (input.charCodeAt(1) || 0) - 0x40;
  const recipients = Array.from({ length: 1 + (mail & 3) }, (_, at) => ({
    forwardPath: (mail & 32) !== 0 ? `r${at}@b.t\u00e4st` : `r${at}@b.test`,
    ...((mail & 4) !== 0 ? { notify: ["success"] as const, originalRecipient: "rfc822;x@y" } : {}),
  }));
  return {
    tls: (["none", "opportunistic", "required"] as const)[terms & 3] ?? "none",
    isSecured: (terms & 4) !== 0,
    hasLogin: (terms & 8) !== 0,
    isOurRelay: (terms & 16) !== 0,
    transaction: {
      reversePath: "a@b.test",
      recipients,
      octets: 1000,
      isEightBit: (mail & 8) !== 0,
      needsSmtpUtf8: (mail & 16) !== 0,
      ...((mail & 4) !== 0 ? { ret: "hdrs" as const, envelopeId: "x" } : {}),
    },
    segments: input.slice(2).split(NEXT).slice(0, 60),
  };
}

function endingOf(outcome: Outcome): Ending {
  const isInDoubt = outcome.kind === "transient" && outcome.isPossibleDuplicate;
  if (outcome.kind !== "delivered") {
    same(outcome.status[0], outcome.kind === "permanent" ? "5" : "4", "a status is of its kind");
    holds(/^[45]\.[0-9]{1,3}\.[0-9]{1,3}$/.test(outcome.status), "a status is one", outcome.status);
  }
  return { kind: outcome.kind, code: outcome.reply?.code, isInDoubt };
}

type Cut = (segment: Uint8Array) => readonly Uint8Array[];

/** One session from its beginning to its end. */
class Play {
  readonly #script: Script;
  readonly #dialogue: Dialogue;
  readonly #judge: ReferenceHop;
  readonly log: string[] = [];
  #isOver = false;
  #transactions = 0;
  #isUnsent = true;
  #isContentDue = false;
  #isTlsDue = false;
  #endings = 0;

  constructor(script: Script) {
    this.#script = script;
    const { tls, isSecured, hasLogin, isOurRelay } = script;
    this.#dialogue = new Dialogue({
      ehloName: "client.test",
      ownName: "self.test",
      tls,
      isSecured,
      credentials: hasLogin ? { username: "user", password: PASSWORD } : undefined,
      isOurRelay,
      overhear: (reply) => this.#shows(reply.lines.join("\n")),
    });
    this.#judge = new ReferenceHop({ mustSecure: tls === "required" || hasLogin, isSecured, hasLogin, isOurRelay });
  }

  run(cut: Cut): void {
    for (const segment of this.#script.segments) {
      if (this.#isOver) break;
      this.#turn(segment, cut);
    }
    if (!this.#isOver) this.#take(this.#dialogue.lost("connection-lost", "gone"));
    same(this.#endings, this.#transactions, "each transaction has its end");
    holds(this.#isOver, "a lost session is over");
    same(this.#dialogue.receive(octetsOf("250 more\r\n")), [], "what is over is over");
  }

  #turn(segment: string, cut: Cut): void {
    if (segment === TIMED_OUT) return this.#take(this.#dialogue.timedOut());
    if (segment === QUIT && this.#transactions === this.#endings) return this.#take(this.#dialogue.quit());
    if (segment === LOST) return this.#take(this.#dialogue.lost("connection-lost", "reset"));
    if (!segment.startsWith(EARLY)) this.#goOn();
    const octets = octetsOf(segment.replace(EARLY, ""));
    const { step } = this.#dialogue;
    for (const piece of cut(octets)) {
      if (this.#isOver) return;
      this.#judge.heard(textOf(piece));
      this.#take(this.#dialogue.receive(piece));
    }
    const isPart = !textOf(octets).includes("\n");
    if (isPart && !this.#isOver) same(this.#dialogue.step, step, "a part of a reply is no step");
  }

  /** What takes time on our side is done. */
  #goOn(): void {
    if (this.#isTlsDue) {
      this.#isTlsDue = false;
      this.#judge.secured();
      this.#take(this.#dialogue.secured());
    }
    if (!this.#isContentDue || this.#isOver) return;
    this.#isContentDue = false;
    this.#dialogue.contentSent();
    this.#judge.contentSent();
    this.log.push("sent");
  }

  #take(effects: readonly Effect[]): void {
    for (const effect of effects) this.#do(effect);
  }

  #do(effect: Effect): void {
    this.log.push(shown(meaning(effect)));
    switch (effect.kind) {
      case "send":
        this.#isUnsent = false;
        return this.#judge.sent(effect.text);
      case "start-tls":
        this.#isTlsDue = true;
        return undefined;
      case "ready":
        this.#judge.ready();
        same(this.#dialogue.features, effect.features, "what is offered is known");
        holds(this.#dialogue.isReady, "a session that is ready says so");
        return this.#transact();
      case "send-content":
        this.#isContentDue = true;
        return this.#judge.content();
      case "failed":
        this.#shows(shown(effect));
        return this.#judge.failed(endingOf(effect.outcome));
      case "close":
        this.#isOver = true;
        return this.#judge.closed();
      case "done":
        return this.#done(effect);
    }
  }

  #transact(): void {
    this.#transactions++;
    this.#isUnsent = true;
    this.#take(this.#dialogue.transact(this.#script.transaction));
  }

  #done({ outcomes, connection }: Extract<Effect, { kind: "done" }>): void {
    this.#endings++;
    this.#isContentDue = false;
    this.#shows(shown(outcomes));
    same(outcomes.length, this.#script.transaction.recipients.length, "each recipient has its end");
    this.#judge.done(outcomes.map(endingOf), this.#isUnsent);
    if (connection === "close") return;
    if (this.#transactions < 3) this.#transact();
    else this.#take(this.#dialogue.quit());
  }

  #shows(text: string): void {
    if (!this.#script.hasLogin) return;
    holds(!text.includes(PASSWORD) && !text.includes(Buffer.from(PASSWORD).toString("base64")), "no password is shown");
  }
}

function played(script: Script, cut: Cut): readonly string[] {
  const play = new Play(script);
  try {
    play.run(cut);
  } catch (error) {
    if (error instanceof Violation || (error as Error).name !== "Error") throw error;
    throw new Violation(`${(error as Error).message} | ${play.log.join(" ").slice(-1500)}`);
  }
  return play.log;
}

/** Behind a line's end, and within a blank line, no cut is made: whether more is there when a reply ends is a fact. */
function cutsOf(chance: Chance): Cut {
  return (segment) => {
    const pieces: Uint8Array[] = [];
    let start = 0;
    for (let at = 1; at < segment.length; at++) {
      const isBlank = segment[at - 1] === 13 && (at === 1 || segment[at - 2] === 10);
      if (segment[at - 1] === 10 || isBlank || chance() > 0.3) continue;
      pieces.push(segment.slice(start, at));
      start = at;
    }
    return [...pieces, segment.slice(start)];
  };
}

const FEATURES = [
  "PIPELINING",
  "STARTTLS",
  "AUTH PLAIN",
  "AUTH LOGIN",
  "8BITMIME",
  "SMTPUTF8",
  "DSN",
  "SIZE 999",
  "SIZE 1000",
  "ENHANCEDSTATUSCODES",
];
const REPLIES = [
  "250 2.1.0 ok",
  "250 ok",
  "251 x",
  "354 go",
  "421 4.3.2 bye",
  "450 4.2.0 later",
  "452 4.5.3 too many",
  "452 full",
  "550 5.1.1 no",
  "550 5.7.1 relay access denied",
  "530 5.7.0 login",
  "535 5.7.8 no",
  "334 ",
  "334 VXNlcm5hbWU6",
  "235 ok",
  "220 go",
  "554 5.7.1 no",
  "200 x",
  "299 x",
  "300 x",
  "399 x",
  "400 x",
  "500 x",
  "599 x",
  "600 x",
  "552 5.5.3 too many recipients",
  `535 ${PASSWORD}`,
];

function anEhlo(chance: Chance, name: string): string {
  const lines = FEATURES.filter(() => chance() < 0.55);
  return [name, ...lines].map((line, at) => `250${at === lines.length ? " " : "-"}${line}\r\n`).join("");
}

const LOGINS = [
  ["235 ok"],
  ["334 ", "235 ok"],
  ["334 a", "334 b", "235 ok"],
  ["334 ", "334 ", "334 ", "334 ", "334 ", "334 "],
];
const ODD = [TIMED_OUT, LOST, QUIT, `${EARLY}552 5.3.4 no\r\n`, `${EARLY}250 ok\r\n`];

function line(chance: Chance, usual: string, share: number): string {
  return `${chance() < share ? usual : oneOf(chance, REPLIES)}\r\n`;
}

/** The answers to one transaction, all in one or one by one. */
function aTransaction(chance: Chance, recipients: number): string[] {
  const count = chance() < 0.85 ? recipients : between(chance, 1, 4);
  const rcpts = Array.from({ length: count }, () => line(chance, "250 ok", 0.75));
  const answers = [line(chance, "250 ok", 0.85), ...rcpts, line(chance, "354 go", 0.9)];
  const odd = chance() < 0.15 ? [oneOf(chance, ODD)] : [];
  const final = [...odd, line(chance, "250 ok", 0.7)];
  return chance() < 0.6 ? [answers.join(""), ...final] : [...answers, ...final];
}

/** Mostly as a server is that is asked on these terms. */
function aHop(chance: Chance): string {
  const [terms, mail] = [between(chance, 0, 31), between(chance, 0, 63)];
  const segments = ["220 hi\r\n", anEhlo(chance, chance() < 0.03 ? "self.test" : "host.test")];
  const mayStartTls = (terms & 3) !== 0 && (terms & 4) === 0;
  if (chance() < (mayStartTls ? 0.6 : 0.05)) segments.push("220 go\r\n", anEhlo(chance, "host.test"));
  if (chance() < ((terms & 8) !== 0 ? 0.7 : 0.05)) segments.push(...oneOf(chance, LOGINS).map((text) => `${text}\r\n`));
  for (let n = between(chance, 0, 3); n > 0; n--) segments.push(...aTransaction(chance, 1 + (mail & 3)));
  if (chance() < 0.1) segments.splice(between(chance, 0, segments.length), 0, oneOf(chance, ODD));
  if (chance() < 0.3) segments.splice(between(chance, 0, segments.length), 1, line(chance, "250 ok", 0));
  return String.fromCharCode(0x40 + terms, 0x40 + mail) + segments.join(NEXT);
}

const dialogue: Target = {
  name: "dialogue",
  files: [
    "core/outbound/dialogue.ts",
    "core/outbound/exchange.ts",
    "core/outbound/authentication.ts",
    "core/outbound/commands.ts",
  ],
  unreachable: {
    "return unreachable(this.#place);": "for a place that the type does not have",
    "this.#end(this.#astray(reply));": "for a state in which no reply is heard",
    "? outcome": "for a success without a reply, of which there is none",
  },
  lengthMax: 4000,
  seeds: hopWords().map((words) => `@A220 hi\r\n${NEXT}250-h\r\n250 PIPELINING\r\n${NEXT}${words}\r\n`),
  tokens: [
    ...REPLIES.map((reply) => `${reply}\r\n`),
    NEXT,
    NEXT,
    TIMED_OUT,
    LOST,
    NEXT + EARLY,
    NEXT + TIMED_OUT + NEXT,
    NEXT + LOST + NEXT,
    NEXT + QUIT + NEXT,
    `${NEXT}${EARLY}552 5.3.4 no\r\n`,
    "\r\n",
    "\n",
    "250-",
    ...FEATURES.map((line) => `250-${line}\r\n`),
    "354 go\r\n25",
  ],
  generate: aHop,
  check(input) {
    const script = scriptOf(input);
    const whole = played(script, (segment) => [segment]);
    same(played(script, cutsOf(chanceOf(input))), whole, "however it is cut");
  },
};

export const targets: readonly Target[] = [dialogue];
