import { unreachable } from "../core/base/invariant.ts";
import { INBOUND, INBOUND_TIME } from "../core/base/limits.ts";
import { printable } from "../core/base/printable.ts";
import { Session } from "../core/inbound/session.ts";
import {
  ACCEPT,
  type Effect,
  type Note,
  type Question,
  type SessionSettings,
  type Verdict,
} from "../core/inbound/state.ts";
import type { Envelope } from "../core/mail/envelope.ts";
import { messageId } from "../core/mail/message-id.ts";
import { pathText } from "../core/mail/path.ts";
import type { AddressPattern } from "../core/policy/address-pattern.ts";
import { type Identity, identityText } from "../core/policy/identity.ts";
import { type SessionFacts, recipientVerdict, senderVerdict } from "../core/policy/relay.ts";
import { type Route, routeFor } from "../core/routing/route.ts";
import type { BareNewlines } from "../core/smtp/data-decoder.ts";
import { type Reply, permfail, renderReply, tempfail } from "../core/smtp/reply.ts";
import type { Clock } from "../ports/clock.ts";
import { type ContentFiles, StorageError } from "../ports/content.ts";
import type { CredentialVerifier } from "../ports/credentials.ts";
import type { Entropy } from "../ports/entropy.ts";
import type { Recorder } from "../ports/recorder.ts";
import type { Socket, SocketEnd, SocketHandler, TlsFacts } from "../ports/transport.ts";
import type { Acceptor, Received } from "./acceptance.ts";
import { Incoming } from "./incoming.ts";
import { SessionDeadline, type Turn } from "./session-deadline.ts";

/** One listener's rules for its sessions. */
export interface ListenerRules {
  readonly name: string;
  readonly hostname: string;
  readonly tls: "none" | "starttls" | "implicit";
  readonly isTlsRequired: boolean;
  readonly bareNewlines: BareNewlines;
  readonly messageOctetsMax: number;
  readonly recipientsMax: number;
  readonly messagesPerConnectionMax: number;
  /** There are credentials, so that AUTH makes sense. */
  readonly hasCredentials: boolean;
}

export interface ReceptionParts {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly recorder: Recorder;
  readonly files: ContentFiles;
  readonly credentials: CredentialVerifier;
  /** Envelope senders that a user may use. */
  sendersOf(username: string): readonly AddressPattern[];
  readonly acceptor: Pick<Acceptor, "accept">;
  routes(): readonly Route[];
  /** Why mail cannot be taken now; undefined where it can. */
  obstacle(): Reply | undefined;
  /** Sessions run short: deadlines shrink. */
  isUnderStress(): boolean;
}

const REPLY_BUSY = tempfail(454, "4.7.0", "Too many authentications at once; try again soon");
const OUR_FAULT = tempfail(421, "4.3.0", "Something is wrong here; try again later");
const REPLY_WRONG = permfail(535, "5.7.8", "Authentication failed");

/**
 * One session of a client: drives the pure machine over a socket, answers its questions from policy, store and clock,
 * and keeps its deadlines.
 */
export class Reception implements SocketHandler {
  readonly #parts: ReceptionParts;
  readonly #rules: ListenerRules;
  readonly #session: Session;
  readonly #client: string;
  readonly #whenOver: () => void;
  readonly #deadline: SessionDeadline;
  #socket!: Socket; // from `start` on
  #identity: Identity;
  #tls: TlsFacts | undefined;
  #incoming: Incoming | undefined;
  #output = "";
  #isPaused = false;
  #isDraining = false; // the peer does not take our replies
  #isWriting = false; // content goes to disk slower than it comes
  #isOver = false;
  #mailAt = 0;
  #refusal: string | undefined;

  constructor(parts: ReceptionParts, rules: ListenerRules, client: string, identity: Identity, whenOver: () => void) {
    this.#parts = parts;
    this.#rules = rules;
    this.#identity = identity;
    this.#client = client;
    this.#whenOver = whenOver;
    const settings: SessionSettings = {
      hostname: rules.hostname,
      offersStartTls: rules.tls === "starttls",
      offersAuth: rules.tls !== "none" && rules.hasCredentials,
      isImplicitTls: rules.tls === "implicit",
      bareNewlines: rules.bareNewlines,
      messageOctetsMax: rules.messageOctetsMax,
      recipientsMax: rules.recipientsMax,
      isTrusted: identity.kind !== "none",
      messagesMax: rules.messagesPerConnectionMax,
    };
    this.#session = new Session(settings);
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
      this.#output = renderReply(refusal);
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
    if (this.#isOver || this.#session.isAsking || this.#session.isReceivingContent) return;
    this.#run(this.#session.abort(reply));
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
    this.#regulate();
  }

  secured(tls: TlsFacts): void {
    this.#tls = tls;
    this.#deadline.extend();
    this.#guard(() => this.#run(this.#rules.tls === "implicit" ? this.#session.open() : this.#session.secured()));
  }

  closed(end: SocketEnd): void {
    if (this.#isOver) return;
    if (end.kind === "tls-failed") {
      this.#parts.recorder.record({
        event: "session.failed",
        listener: this.#rules.name,
        client: this.#client,
        text: end.text,
      });
    }
    this.#end(0);
  }

  #run(effects: readonly Effect[]): void {
    let next = effects;
    while (next.length > 0) {
      const current = next;
      next = [];
      for (const effect of current) {
        if (effect.kind !== "ask") this.#do(effect);
        else {
          const verdict = this.#answer(effect.question);
          if (verdict instanceof Promise) void this.#await(verdict);
          else next = this.#session.answer(verdict);
        }
      }
    }
    this.#flush();
    if (this.#session.isClosed && !this.#isOver) this.#end(INBOUND_TIME.linger);
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
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#parts.recorder.record({ event: "session.crashed", listener: this.#rules.name, client: this.#client, text });
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
        this.#incoming?.discard();
        this.#incoming = undefined;
        break;
      case "start-tls":
        this.#flush();
        this.#socket.startTls();
        break;
      case "note":
        this.#record(effect.note);
        break;
      case "close":
        break; // #run sees to it, after the replies
    }
  }

  #answer(question: Question): Verdict | Promise<Verdict> {
    switch (question.about) {
      case "connect":
        return ACCEPT;
      case "auth":
        return this.#authenticate(question);
      case "mail":
        return this.#answerMail(question.envelope);
      case "rcpt": {
        const { envelope, recipient } = question;
        const lane = routeFor(this.#parts.routes(), envelope.reversePath, recipient.path);
        return this.#note(recipientVerdict(this.#identity, recipient.path, lane));
      }
      case "data": {
        const obstacle = this.#parts.obstacle();
        return obstacle === undefined ? ACCEPT : { kind: "refuse", reply: obstacle };
      }
      case "message":
        return this.#accept(question);
      case "delay":
        return this.#delay(question.delay);
      default:
        return unreachable(question);
    }
  }

  #answerMail(envelope: Envelope): Verdict {
    const verdict = this.#note(senderVerdict(this.#identity, envelope.reversePath, this.#facts()));
    if (verdict.kind === "refuse") return verdict;
    const obstacle = this.#parts.obstacle();
    if (obstacle !== undefined) return { kind: "refuse", reply: obstacle };
    const { clock, entropy, files } = this.#parts;
    this.#mailAt = clock.monotonic();
    this.#incoming = new Incoming(messageId(clock.now(), entropy.octets(5)), clock.now(), files);
    return ACCEPT;
  }

  #facts(): SessionFacts {
    const { tls, isTlsRequired, hasCredentials } = this.#rules;
    const isSecure = this.#session.isSecure;
    const auth = tls === "none" || !hasCredentials ? "unavailable" : isSecure ? "available" : "after-tls";
    return { isTls: isSecure, isTlsRequired, auth };
  }

  /** Keeps the rule's name for the log line that the machine's note leads to. */
  #note(verdict: ReturnType<typeof senderVerdict>): Verdict {
    this.#refusal = verdict.kind === "refuse" ? verdict.reason : undefined;
    return verdict;
  }

  async #authenticate(question: Extract<Question, { about: "auth" }>): Promise<Verdict> {
    const { attempt, mechanism } = question;
    const verdict = await this.#parts.credentials.verify(attempt.username, attempt.password);
    const about = { listener: this.#rules.name, client: this.#client, username: attempt.username, mechanism };
    if (verdict === "ok") {
      this.#identity = {
        kind: "credential",
        username: attempt.username,
        senders: this.#parts.sendersOf(attempt.username),
      };
      this.#parts.recorder.record({ event: "auth.succeeded", ...about });
      return ACCEPT;
    }
    this.#parts.recorder.record({ event: "auth.failed", ...about, reason: verdict });
    return { kind: "refuse", reply: verdict === "busy" ? REPLY_BUSY : REPLY_WRONG };
  }

  #delay(delay: number): Promise<Verdict> {
    return new Promise((resolve) => this.#parts.clock.after(delay, () => resolve(ACCEPT)));
  }

  #takeContent(parts: readonly Uint8Array[]): void {
    const writing = this.#incoming?.take(parts);
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

  async #accept(question: Extract<Question, { about: "message" }>): Promise<Verdict> {
    const incoming = this.#incoming!;
    let content: Uint8Array | undefined;
    try {
      content = await incoming.finish();
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.#parts.recorder.record({ event: "store.failed", reason: error.reason, text: error.message });
      return { kind: "refuse", reply: error.reason === "full" ? NO_SPACE : NOT_STORED };
    }
    // Whoever is gone before the commit hears of nothing, and sends again: then nothing was accepted.
    if (this.#isOver) return ACCEPT;
    const received: Received = {
      id: incoming.id,
      receivedAt: incoming.receivedAt,
      transaction: question.transaction,
      facts: question.facts,
      header: incoming.examiner.finish(),
      content,
      identity: this.#identity,
      clientAddress: this.#client,
      tls: this.#tls,
    };
    this.#incoming = undefined;
    const acceptance = await this.#parts.acceptor.accept(received);
    if (acceptance.kind === "refused") {
      incoming.discard();
      this.#recordMessage(received, acceptance);
      return { kind: "refuse", reply: acceptance.reply };
    }
    this.#recordMessage(received, undefined);
    return { kind: "accept", text: `Queued as ${received.id}` };
  }

  #recordMessage(received: Received, refused: { readonly reason: string; readonly reply: Reply } | undefined): void {
    const { id, transaction, facts } = received;
    const about = {
      id,
      listener: this.#rules.name,
      client: this.#client,
      identity: identityText(this.#identity),
      from: pathText(transaction.envelope.reversePath),
    };
    if (refused === undefined) {
      const elapsedMs = Math.round(this.#parts.clock.monotonic() - this.#mailAt);
      this.#parts.recorder.record({
        event: "message.accepted",
        ...about,
        recipients: transaction.recipients.length,
        octets: facts.octets,
        elapsedMs,
      });
    } else {
      this.#parts.recorder.record({
        event: "message.refused",
        ...about,
        reason: refused.reason,
        reply: replyLine(refused.reply),
      });
    }
  }

  #record(note: Note): void {
    const about = { listener: this.#rules.name, client: this.#client, reply: replyLine(note.reply) };
    const reason = note.why ?? this.#refusal;
    this.#refusal = undefined;
    this.#parts.recorder.record({
      event: "session.refused",
      ...about,
      verb: printable(note.verb, 32),
      reason,
    });
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
    this.#incoming?.discard();
    this.#incoming = undefined;
    if (linger > 0) this.#socket.close(linger);
    this.#whenOver();
  }

  #turn(): Turn {
    if (this.#session.isReceivingContent && !this.#isWriting) return "content";
    return this.#session.isAsking && !this.#isDraining ? "ours" : "theirs";
  }

  #expire(text: string): void {
    if (this.#isOver) return;
    this.#parts.recorder.record({ event: "session.failed", listener: this.#rules.name, client: this.#client, text });
    if (this.#isDraining) {
      this.#socket.destroy();
      return this.#end(0);
    }
    return this.#run(this.#session.abort(tempfail(421, "4.4.2", "Timeout: you took too long")));
  }
}

export const NO_SPACE = tempfail(452, "4.3.1", "Not enough space; try again later");
export const NOT_STORED = tempfail(451, "4.3.0", "The message could not be stored; try again later");
export const TOO_MANY_SESSIONS = tempfail(421, "4.7.0", "Too many connections; try again later");

function replyLine(reply: Reply): string {
  return renderReply(reply).trimEnd();
}
