import { INBOUND, INBOUND_TIME } from "../core/base/limits.ts";
import { Session } from "../core/inbound/session.ts";
import { ACCEPT, type Effect, type SessionSettings, type Verdict } from "../core/inbound/state.ts";
import { OUR_FAULT } from "../core/inbound/trouble.ts";
import type { Identity } from "../core/policy/identity.ts";
import type { BareNewlines } from "../core/smtp/data-decoder.ts";
import { type Reply, renderReply, tempfail } from "../core/smtp/reply.ts";
import type { Socket, SocketEnd, SocketHandler, TlsFacts } from "../ports/transport.ts";
import { type AnswerParts, type AnswerRules, Answers, type FailurePhase } from "./answers.ts";
import type { LongWork } from "./long-work.ts";
import { SessionDeadline, type Turn } from "./session-deadline.ts";

/** One listener's rules for its sessions. */
export interface ListenerRules extends AnswerRules {
  readonly hostname: string;
  readonly bareNewlines: BareNewlines;
  readonly messageOctetsMax: number;
  readonly appendDomain?: string | undefined;
  readonly recipientsMax: number;
  readonly messagesPerConnectionMax: number;
}

export interface ReceptionParts extends AnswerParts {
  /** Of all sessions of the thread. */
  readonly longWork: LongWork;
  /** Sessions run short: deadlines shrink. */
  isUnderStress(): boolean;
}

const TIMEOUT = tempfail(421, "4.4.2", "Timeout: you took too long");

/** What the pure machine has to know of a listener's rules and of who connected. */
export function settingsOf(rules: ListenerRules, identity: Identity): SessionSettings {
  return {
    hostname: rules.hostname,
    offersStartTls: rules.tls === "starttls",
    offersAuth: rules.tls !== "none" && rules.hasCredentials,
    isImplicitTls: rules.tls === "implicit",
    bareNewlines: rules.bareNewlines,
    messageOctetsMax: rules.messageOctetsMax,
    appendDomain: rules.appendDomain,
    recipientsMax: rules.recipientsMax,
    isTrusted: identity.kind !== "none",
    messagesMax: rules.messagesPerConnectionMax,
  };
}

/** One session of a client: drives the pure machine over a socket, and keeps its deadlines. */
export class Reception implements SocketHandler {
  readonly #parts: ReceptionParts;
  readonly #rules: ListenerRules;
  readonly #session: Session;
  readonly #answers: Answers;
  readonly #whenOver: () => void;
  readonly #deadline: SessionDeadline;
  #socket!: Socket; // from `start` on
  #output = "";
  #isInLine = false; // has more commands, and waits for its turn
  #isHeld = false; // has more commands, and goes on when the peer takes our replies
  #isPaused = false;
  #isDraining = false; // the peer does not take our replies
  #isWriting = false; // content goes to disk slower than it comes
  #isOver = false;

  constructor(
    parts: ReceptionParts,
    rules: ListenerRules,
    client: string,
    identity: Identity,
    whenOver: () => void,
    whenAuthenticated: () => void = () => undefined,
  ) {
    this.#parts = parts;
    this.#rules = rules;
    this.#whenOver = whenOver;
    this.#session = new Session(settingsOf(rules, identity));
    this.#answers = new Answers(parts, rules, client, identity, whenAuthenticated);
    this.#deadline = new SessionDeadline({
      clock: parts.clock,
      isUnderStress: () => parts.isUnderStress(),
      turn: () => this.#turn(),
      expire: (text) => this.#expire(text),
    });
  }

  /** Greets; with implicit TLS once TLS stands. `refusal` is what a client gets instead that is one too many. */
  start(socket: Socket, refusal: Reply | undefined): void {
    this.#socket = socket;
    if (refusal !== undefined) {
      // In clear it would be no TLS, and whoever comes would look for what is wrong with their own.
      if (this.#rules.tls !== "implicit") this.#output = renderReply(refusal);
      this.#flush();
      this.#end(INBOUND_TIME.linger);
      return;
    }
    this.#deadline.extend();
    if (this.#rules.tls === "implicit") return;
    // One turn later, so that octets that came before the greeting are seen.
    this.#parts.clock.soon(() => {
      if (!this.#isOver) this.#guard(() => this.#run(this.#session.open()));
    });
  }

  /** The relay stops: an idle session hears it now, one with a message under way when that is done. */
  shutDown(reply: Reply): void {
    const isBusy = this.#session.isReceivingContent || (this.#session.isAsking && !this.#isInLine);
    if (!this.#isOver && !isBusy) this.#run(this.#session.abort(reply));
  }

  /** The configuration changed: `judge` says who this is now. */
  review(judge: (identity: Identity) => Identity): void {
    this.#answers.review(judge);
  }

  received(octets: Uint8Array): void {
    if (this.#isOver) return;
    this.#guard(() => {
      if (this.#session.isReceivingContent) this.#deadline.contentCame(octets.length);
      this.#run(this.#session.receive(octets));
      this.#regulate();
    });
  }

  drained(): void {
    this.#isDraining = false;
    if (this.#isHeld) this.#goOnLater();
    this.#regulate();
  }

  secured(tls: TlsFacts): void {
    this.#answers.secured(tls);
    this.#deadline.extend();
    this.#guard(() => this.#run(this.#rules.tls === "implicit" ? this.#session.open() : this.#session.secured()));
  }

  closed(end: SocketEnd): void {
    if (this.#isOver) return;
    const phase = end.kind === "tls-failed" ? "handshake" : this.#phase();
    // Many clients close between two messages without QUIT: that is nobody's business.
    if (phase !== "commands") this.#answers.failed(phase, end.text);
    this.#end(0);
  }

  #run(effects: readonly Effect[]): void {
    let next = effects;
    while (next.length > 0) {
      const current = next;
      next = [];
      for (const effect of current) {
        if (effect.kind !== "ask") this.#do(effect);
        else if (effect.question.about === "turn") this.#goOnLater();
        else {
          const verdict = this.#answers.answer(effect.question);
          if (verdict instanceof Promise) void this.#await(verdict);
          else next = this.#session.answer(verdict);
        }
      }
    }
    this.#flush();
    if (this.#session.isClosed && !this.#isOver) this.#end(INBOUND_TIME.linger);
  }

  /** Nothing is answered whose answer would only wait here. */
  #goOnLater(): void {
    this.#isInLine = true;
    this.#isHeld = false;
    this.#parts.longWork.later(() => {
      if (this.#isOver) return;
      if (this.#isDraining) this.#isHeld = true;
      else {
        this.#isInLine = false;
        this.#guard(() => {
          this.#run(this.#session.answer(ACCEPT));
          this.#regulate();
        });
      }
    });
  }

  async #await(verdict: Promise<Verdict>): Promise<void> {
    let settled: Verdict;
    try {
      settled = await verdict;
    } catch (error) {
      return this.#crash(error);
    }
    if (this.#isOver) return;
    this.#guard(() => {
      this.#deadline.extend();
      this.#run(this.#session.answer(settled));
      this.#regulate();
    });
  }

  /** A bug of ours ends this session, with a word to the client and one to the operator, and no other. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#crash(error);
    }
  }

  #crash(error: unknown): void {
    this.#answers.crashed(error);
    if (this.#isOver) return;
    this.#output += renderReply(OUR_FAULT);
    this.#flush();
    this.#end(INBOUND_TIME.linger);
  }

  #do(effect: Exclude<Effect, { kind: "ask" }>): void {
    switch (effect.kind) {
      case "reply":
        this.#output += renderReply(effect.reply);
        this.#deadline.extend();
        break;
      case "content":
        this.#takeContent(effect.parts);
        break;
      case "reset":
        this.#answers.discard();
        break;
      case "start-tls":
        this.#flush();
        this.#socket.startTls();
        break;
      case "note":
        this.#answers.note(effect.note);
        break;
      case "close":
        break; // #run sees to it, after the replies
    }
  }

  #takeContent(parts: readonly Uint8Array[]): void {
    const writing = this.#answers.takeContent(parts);
    if (writing === undefined || this.#isWriting) return;
    this.#isWriting = true;
    void this.#whenWritten(writing);
  }

  async #whenWritten(writing: Promise<void>): Promise<void> {
    await writing;
    this.#isWriting = false;
    this.#deadline.extend(); // what our disk took is not held against the client
    this.#regulate();
  }

  /** Reads on where there is room: for questions, for replies that the peer has not taken, for content on its way to disk. */
  #regulate(): void {
    const isFull = this.#isDraining || this.#isWriting || this.#session.backlog > INBOUND.pendingInputMax;
    if (isFull === this.#isPaused || this.#isOver) return;
    this.#isPaused = isFull;
    if (isFull) this.#socket.pause();
    else this.#socket.resume();
  }

  #flush(): void {
    if (this.#output === "" || this.#isOver) return;
    const text = this.#output;
    this.#output = "";
    if (!this.#socket.send([text])) {
      this.#isDraining = true;
      this.#regulate();
    }
  }

  #end(linger: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deadline.cancel();
    this.#answers.end();
    if (linger > 0) this.#socket.close(linger);
    this.#whenOver();
  }

  #phase(): FailurePhase {
    if (this.#answers.isStoring) return "storing";
    return this.#session.isReceivingContent ? "content" : "commands";
  }

  #turn(): Turn {
    if (this.#isWriting) return "ours";
    if (this.#session.isReceivingContent) return "content";
    return this.#session.isAsking && !this.#isDraining ? "ours" : "theirs";
  }

  #expire(text: string): void {
    if (this.#isOver) return;
    this.#answers.failed(this.#phase(), text);
    if (this.#isDraining) {
      this.#socket.destroy();
      return this.#end(0);
    }
    return this.#run(this.#session.abort(TIMEOUT));
  }
}
