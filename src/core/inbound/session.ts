import { CR, EMPTY, LF, NUL, concatBytes, isAscii, octetText, utf8Text } from "../base/bytes.ts";
import { invariant } from "../base/invariant.ts";
import { INBOUND } from "../base/limits.ts";
import { parseCommand } from "../smtp/command.ts";
import type { ContentDecoder } from "../smtp/data-decoder.ts";
import { type Reply, greeting, permfail, tempfail } from "../smtp/reply.ts";
import type { ContentRefusal, Effect, Machine, Phase, Question, SessionSettings, Verdict } from "./state.ts";
import { RULES, runUnknown } from "./verbs.ts";

/** Where the next octets go. */
type Intake =
  | { readonly kind: "command" }
  | { readonly kind: "line"; readonly octetsMax: number; readonly take: (line: Uint8Array | undefined) => void }
  | { readonly kind: "content"; readonly decoder: ContentDecoder; readonly finish: () => void }
  | { readonly kind: "octets"; left: number; readonly take: (octets: Uint8Array) => void; readonly finish: () => void }
  | { readonly kind: "handshake" };

const COMMAND: Intake = { kind: "command" };
const HANDSHAKE: Intake = { kind: "handshake" };
const LONG_COMMAND = permfail(500, "5.5.2", "Line too long");
const LONG_AUTH = permfail(500, "5.5.6", "Line too long"); // RFC 4954 section 4
const LINE_FLOOD = tempfail(421, "4.7.0", "Line without end");
const CLOSING = 421;
const OUT_OF_ORDER = 503;
const JUNK_VERBS: ReadonlySet<string> = new Set(["NOOP", "RSET", "HELP", "VRFY", "EHLO", "HELO"]);

/**
 * The server's side of RFC 5321: octets in, effects out. Pure: it neither waits nor looks at a clock, and what is not
 * its to decide it asks. Any octets give replies or a close, never an exception; the effects do not depend on how the
 * octets are cut, except for what RFC 2920 says of commands that must come last (`hasInputWaiting`).
 */
export class Session implements Machine {
  readonly settings: SessionSettings;
  phase: Phase = { name: "greeting" };
  isSecure: boolean;
  isAuthenticated = false;
  #messages = 0;
  authFailures = 0;
  #input: Uint8Array = EMPTY;
  #at = 0;
  #searched = 0; // octets of #input already known to hold no LF
  #lineDropped = 0; // octets dropped of a line that is too long
  #droppedMax = 0; // what that line was allowed
  #intake: Intake = COMMAND;
  #resume: ((verdict: Verdict) => void) | undefined;
  #effects: Effect[] = [];
  #errors = 0;
  #isOrderExcused = false; // a command met our trouble: what was pipelined behind it came in good faith
  #junk = 0;
  #content: Uint8Array[] = [];
  /** Lines that were taken since others had their turn. */
  #linesAtOnce = 0;

  constructor(settings: SessionSettings) {
    this.settings = settings;
    this.isSecure = settings.isImplicitTls;
  }

  get messages(): number {
    return this.#messages;
  }

  /** Octets that were given and not yet looked at, because a question is open. */
  get backlog(): number {
    return this.#input.length - this.#at;
  }

  get isTrusted(): boolean {
    return this.settings.isTrusted || this.isAuthenticated;
  }

  get hasInputWaiting(): boolean {
    return this.backlog > 0;
  }

  get isAsking(): boolean {
    return this.#resume !== undefined;
  }

  /** True between the first octet of content and its end: then a deadline by rate applies. */
  get isReceivingContent(): boolean {
    return this.#intake.kind === "content" || this.#intake.kind === "octets";
  }

  get isClosed(): boolean {
    return this.phase.name === "closed";
  }

  /** The connection stands: asks whether it may, then greets. */
  open(): Effect[] {
    this.ask({ about: "connect" }, (verdict) => {
      if (verdict.kind === "refuse") return this.end(verdict.reply);
      // Who talks before the greeting does not wait for replies either: a bot or a smuggler.
      if (this.hasInputWaiting) return this.end(permfail(554, "5.5.0", "You talked before the greeting"));
      this.phase = { name: "greeted" };
      return this.reply(greeting(`${this.settings.hostname} ESMTP Waypost`));
    });
    return this.#take();
  }

  receive(octets: Uint8Array): Effect[] {
    if (this.phase.name === "closed" || this.#intake.kind === "handshake") return this.#take();
    this.#input = this.#at === this.#input.length ? octets : concatBytes([this.#input.subarray(this.#at), octets]);
    this.#searched -= this.#at;
    if (this.#searched < 0 || this.#input === octets) this.#searched = 0;
    this.#at = 0;
    if (!this.isAsking) this.#linesAtOnce = 0;
    this.#run();
    return this.#take();
  }

  /** The answer to the open question. */
  answer(verdict: Verdict): Effect[] {
    const resume = this.#resume;
    invariant(resume !== undefined, "an answer needs a question");
    this.#resume = undefined;
    if (this.phase.name !== "closed") resume(verdict);
    this.#run();
    return this.#take();
  }

  /** The TLS handshake is done: all that was said before is forgotten (RFC 3207 section 4.2). */
  secured(): Effect[] {
    this.isSecure = true;
    this.phase = { name: "greeted" };
    this.#intake = COMMAND;
    return this.#take();
  }

  /** A deadline passed, a limit was hit, or the relay stops: says so and ends. */
  abort(reply: Reply): Effect[] {
    if (this.phase.name !== "closed") this.end(reply);
    return this.#take();
  }

  accepted(): void {
    this.#messages++;
    this.#errors = 0;
    this.#junk = 0;
  }

  reply(reply: Reply): void {
    if (reply.code < 400) this.#isOrderExcused = false;
    this.#effects.push({ kind: "reply", reply });
  }

  emit(effect: Effect): void {
    this.#effects.push(effect);
  }

  fail(verb: string, reply: Reply): void {
    this.#note(verb, reply);
    return reply.code < 500 ? this.#putOff(reply) : this.#count(reply);
  }

  refuse(verb: string, reply: Reply, why?: ContentRefusal): void {
    this.#note(verb, reply, why);
    if (reply.code < 500) return this.#putOff(reply);
    return this.isTrusted ? this.reply(reply) : this.#count(reply);
  }

  /** Our trouble is never the client's (promise P5), and a 421 is the last reply (RFC 5321 section 3.8). */
  #putOff(reply: Reply): void {
    if (reply.code === CLOSING) return this.end(reply);
    this.#isOrderExcused = true;
    return this.reply(reply);
  }

  #count(reply: Reply): void {
    if (reply.code === OUT_OF_ORDER && this.#isOrderExcused) return this.reply(reply);
    this.#errors++;
    if (this.#errors >= INBOUND.errorsHard) return this.end(tempfail(CLOSING, "4.7.0", "Too many errors"));
    if (this.#errors <= INBOUND.errorsSoft) return this.reply(reply);
    return this.ask({ about: "delay", delay: INBOUND.errorDelay }, () => this.reply(reply));
  }

  #note(verb: string, reply: Reply, why?: ContentRefusal): void {
    this.emit({ kind: "note", note: { verb, reply, why } });
  }

  end(reply: Reply): void {
    if (this.phase.name === "transaction") this.emit({ kind: "reset" });
    this.phase = { name: "closed" };
    this.#input = EMPTY;
    this.#at = 0;
    this.reply(reply);
    this.emit({ kind: "close" });
  }

  ask(question: Question, resume: (verdict: Verdict) => void): void {
    invariant(this.#resume === undefined, "one question at a time");
    this.#resume = resume;
    this.emit({ kind: "ask", question });
  }

  expectLine(octetsMax: number, take: (line: Uint8Array | undefined) => void): void {
    this.#intake = { kind: "line", octetsMax, take };
  }

  expectContent(decoder: ContentDecoder, finish: () => void): void {
    this.#intake = { kind: "content", decoder, finish };
  }

  expectOctets(count: number, take: (octets: Uint8Array) => void, finish: () => void): void {
    this.#intake = { kind: "octets", left: count, take, finish };
  }

  startTls(): void {
    // What came behind the command is dropped unseen: it may be somebody else's (CVE-2011-0411).
    this.#input = EMPTY;
    this.#at = 0;
    this.#intake = HANDSHAKE;
    this.emit({ kind: "start-tls" });
  }

  #take(): Effect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #run(): void {
    if (this.phase.name === "greeting") return; // kept, so that `open` sees it
    while (this.#resume === undefined && this.phase.name !== "closed") {
      const intake = this.#intake;
      if (intake.kind === "octets") {
        if (!this.#runOctets(intake)) return;
      } else if (this.#at === this.#input.length) return;
      else if (intake.kind === "content") this.#runContent(intake);
      else if (intake.kind === "handshake") return;
      else if (this.#linesAtOnce === INBOUND.commandsPerTurn) this.#askForTurn();
      else if (this.#runLine(intake)) this.#linesAtOnce++;
      else return;
    }
  }

  /** Who sends a thousand commands in one piece keeps nobody waiting. */
  #askForTurn(): void {
    this.ask({ about: "turn" }, () => (this.#linesAtOnce = 0));
  }

  #runContent(intake: Extract<Intake, { kind: "content" }>): void {
    const content = this.#content;
    this.#at = intake.decoder.decode(this.#input, this.#at, content);
    const { facts } = intake.decoder;
    const isWorthless =
      facts.octets > this.settings.messageOctetsMax ||
      (this.settings.bareNewlines === "reject" && (facts.bareNewline || facts.nul));
    if (content.length > 0) {
      if (!isWorthless) this.emit({ kind: "content", parts: content });
      this.#content = [];
    }
    if (!intake.decoder.done) return;
    this.#intake = COMMAND;
    this.#searched = this.#at;
    intake.finish();
  }

  #runOctets(intake: Extract<Intake, { kind: "octets" }>): boolean {
    if (intake.left > 0) {
      if (this.#at === this.#input.length) return false;
      const upTo = Math.min(this.#input.length, this.#at + intake.left);
      intake.left -= upTo - this.#at;
      intake.take(this.#input.subarray(this.#at, upTo));
      this.#at = upTo;
    }
    if (intake.left > 0) return true;
    this.#intake = COMMAND;
    this.#searched = this.#at;
    intake.finish();
    return true;
  }

  /** One line, if it is there. Answers whether there may be more to do. */
  #runLine(intake: Extract<Intake, { kind: "command" | "line" }>): boolean {
    const octetsMax = this.#lineOctetsMax(intake);
    const newline = this.#input.indexOf(LF, Math.max(this.#searched, this.#at));
    if (newline === -1) {
      this.#searched = this.#input.length;
      if (this.backlog + this.#lineDropped > octetsMax) this.#dropLine(octetsMax);
      return false;
    }
    const line = this.#input.subarray(this.#at, newline + 1);
    this.#at = newline + 1;
    this.#searched = this.#at;
    const length = this.#lineDropped + line.length;
    this.#lineDropped = 0;
    if (length > INBOUND.lineFloodOctetsMax) this.end(LINE_FLOOD);
    else if (intake.kind === "line") {
      this.#intake = COMMAND;
      intake.take(length > octetsMax ? undefined : plainLine(line));
    } else if (length > octetsMax) this.fail("", octetsMax === INBOUND.authLineOctetsMax ? LONG_AUTH : LONG_COMMAND);
    else this.#runCommand(line);
    return true;
  }

  /** Of a line whose start was dropped, what it started with is no longer there to see. */
  #lineOctetsMax(intake: Extract<Intake, { kind: "command" | "line" }>): number {
    if (this.#lineDropped > 0) return this.#droppedMax;
    return intake.kind === "line" ? intake.octetsMax : this.#commandOctetsMax();
  }

  /** AUTH with an initial response may be longer than other commands (RFC 4954 section 4). */
  #commandOctetsMax(): number {
    const first = this.#input[this.#at]! | 0x20;
    const isAuth = first === 0x61 && octetText(this.#input.subarray(this.#at, this.#at + 5)).toUpperCase() === "AUTH ";
    return isAuth ? INBOUND.authLineOctetsMax : INBOUND.commandLineOctetsMax;
  }

  #dropLine(octetsMax: number): void {
    this.#droppedMax = octetsMax;
    this.#lineDropped += this.backlog;
    this.#input = EMPTY;
    this.#at = 0;
    this.#searched = 0;
    if (this.#lineDropped >= INBOUND.lineFloodOctetsMax) this.end(LINE_FLOOD);
  }

  #runCommand(octets: Uint8Array): void {
    const line = plainLine(octets);
    if (line === undefined)
      return this.fail("", permfail(500, "5.5.2", "A command ends with CR LF and has no other CR, LF or NUL"));
    const text = isAscii(line) ? octetText(line) : utf8Text(line);
    if (text === undefined) return this.#failMalformedUtf8(line);
    const { verb, argument } = parseCommand(text);
    const rule = RULES.get(verb);
    if (rule === undefined) return runUnknown(this, verb);
    if (JUNK_VERBS.has(verb)) this.#junk++;
    if (this.#junk > INBOUND.junkCommandsMax)
      return this.end(tempfail(421, "4.7.0", "Too many commands without a message"));
    if (this.hasInputWaiting && (rule.place === "last" || this.#isPlainSmtp())) {
      return this.end(permfail(554, "5.5.0", `Nothing may follow ${verb} before its reply`));
    }
    return rule.run(this, argument);
  }

  /** After HELO nobody offered PIPELINING (RFC 2920 section 3.1). */
  #isPlainSmtp(): boolean {
    return (this.phase.name === "ready" || this.phase.name === "transaction") && !this.phase.hello.isExtended;
  }

  #failMalformedUtf8(line: Uint8Array): void {
    const verb = octetText(line.subarray(0, 4)).toUpperCase();
    const isPath = verb === "MAIL" || verb === "RCPT";
    this.fail(
      isPath ? verb : "",
      isPath ? permfail(501, "5.6.7", "Not well-formed UTF-8") : permfail(501, "5.5.2", "Not well-formed UTF-8"),
    );
  }
}

/** The line without CR LF; undefined where it ends otherwise, or has CR or NUL within. */
function plainLine(line: Uint8Array): Uint8Array | undefined {
  const end = line.length - 2;
  if (end < 0 || line[end] !== CR) return undefined;
  const inner = line.subarray(0, end);
  return inner.indexOf(CR) === -1 && inner.indexOf(NUL) === -1 ? inner : undefined;
}
