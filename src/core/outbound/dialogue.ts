import { invariant } from "../base/invariant.ts";
import { ReplyDecoder, type ServerReply } from "../smtp/reply-decoder.ts";
import type { PasswordAttempt } from "../smtp/sasl.ts";
import { Authentication, chooseMechanism } from "./authentication.ts";
import { QUIT_COMMAND, STARTTLS_COMMAND, type Transaction, helloCommand } from "./commands.ts";
import { Exchange, unsuitedTo } from "./exchange.ts";
import { type Features, NO_FEATURES, parseFeatures } from "./features.ts";
import {
  type LossCause,
  type Outcome,
  type Phase,
  type Transient,
  astray,
  closing,
  loss,
  refusedSession,
  trouble,
} from "./outcome.ts";
import { Redaction } from "./redaction.ts";

export interface DialogueSettings {
  readonly ehloName: string;
  /** What we call ourselves as a server, if we are one: a server of that name is us, and mail to it would come back. */
  readonly ownName?: string | undefined;
  /** What STARTTLS is for: never asked for, used where offered, or a condition. */
  readonly tls: "none" | "opportunistic" | "required";
  /** TLS stands from the first octet on. */
  readonly isSecured: boolean;
  /** Never sent in clear: with credentials TLS is a condition, whatever `tls` says. */
  readonly credentials?: PasswordAttempt | undefined;
  /** The server is a smart host: what it has against us is nobody else's fault. */
  readonly isOurRelay: boolean;
  /** Hears every reply, without our secrets. */
  readonly overhear?: ((reply: ServerReply) => void) | undefined;
}

/** What the driver has to do, in order. */
export type Effect =
  /** Send `text`, which is one or more whole command lines; `phase` is what is then waited for. */
  | { readonly kind: "send"; readonly text: string; readonly phase: Phase; readonly isSecret: boolean }
  /** Start TLS, then call `secured` or `lost("tls-failed")`. */
  | { readonly kind: "start-tls" }
  /** `transact` or `quit` may be called. Comes once per session. */
  | { readonly kind: "ready"; readonly features: Features }
  /** Send the content, dot-stuffed and with the final dot, and call `contentSent` as that dot is handed over. */
  | { readonly kind: "send-content" }
  /** The transaction is over; one outcome per recipient, in their order. With "close", content still on its way stops. */
  | { readonly kind: "done"; readonly outcomes: readonly Outcome[]; readonly connection: "reusable" | "close" }
  /** The session failed before it had a transaction. */
  | { readonly kind: "failed"; readonly outcome: Transient }
  /** Close the connection once what was sent is out. Nothing follows. */
  | { readonly kind: "close" };

type State =
  "greeting" | "ehlo" | "helo" | "startTls" | "handshake" | "auth" | "idle" | "transaction" | "quitting" | "closed";

const PHASES: Readonly<Record<Exclude<State, "transaction">, Phase>> = {
  greeting: "greeting",
  ehlo: "ehlo",
  helo: "ehlo",
  startTls: "startTls",
  handshake: "startTls",
  auth: "auth",
  idle: "idle",
  quitting: "quit",
  closed: "quit",
};

const NOTHING: readonly Effect[] = [];
const START_TLS: Effect = { kind: "start-tls" };
const SEND_CONTENT: Effect = { kind: "send-content" };
const CLOSE: Effect = { kind: "close" };

/**
 * The client's side of an SMTP session: octets and events in, effects out; no socket, no clock. Nothing that a server
 * does throws, and nothing but 2yz in the right place is success.
 *
 * `phase` says what is waited for and `step` changes with every whole reply and every command: a driver that starts its
 * deadline anew only when `step` changed bounds the reply, not the read.
 */
export class Dialogue {
  readonly #settings: DialogueSettings;
  readonly #redaction: Redaction | undefined;
  readonly #decoder = new ReplyDecoder();
  #state: State = "greeting";
  #isSecured: boolean;
  #features: Features = NO_FEATURES;
  #step = 0;
  #ehloRefusal: ServerReply | undefined;
  #authentication: Authentication | undefined;
  /** The last answer to AUTH, which may quote what it answers. */
  #toAuth: ServerReply | undefined;
  #exchange: Exchange | undefined;
  #needsReset = false;
  #effects: Effect[] = [];
  /**
   * What comes next from our side. Given only once it is certain that the server said nothing more: what it said before
   * it could know the question is no answer.
   */
  #due: Effect | undefined;

  constructor(settings: DialogueSettings) {
    this.#settings = settings;
    this.#redaction = settings.credentials === undefined ? undefined : new Redaction(settings.credentials);
    this.#isSecured = settings.isSecured;
  }

  get phase(): Phase {
    return this.#state === "transaction" ? this.#exchange!.phase : PHASES[this.#state];
  }

  get step(): number {
    return this.#step;
  }

  /** True where `transact` may be called. */
  get isReady(): boolean {
    return this.#state === "idle";
  }

  /** What the server offers; nothing before `ready`. */
  get features(): Features {
    return this.#features;
  }

  receive(octets: Uint8Array): readonly Effect[] {
    if (this.#state === "closed" || octets.length === 0) return NOTHING;
    if (this.#state === "handshake") return this.#ended(this.#injected());
    this.#decoder.feed(octets);
    for (;;) {
      const decoded = this.#decoder.next();
      if (decoded === undefined) break;
      this.#step++;
      if (decoded.kind === "malformed") return this.#ended(this.#trouble("protocol-error", decoded.why));
      this.#hear(decoded);
      if (this.#isOver()) return this.#taken();
      if (this.#due === START_TLS) break; // what follows in clear is not read, not even as replies
    }
    return this.#handOver();
  }

  /** TLS stands. */
  secured(): readonly Effect[] {
    if (this.#state === "closed") return NOTHING;
    invariant(this.#state === "handshake", "TLS was asked for");
    this.#isSecured = true;
    this.#features = NO_FEATURES; // RFC 3207 section 4.2
    this.#sayHello("EHLO");
    return this.#handOver();
  }

  /** Starts a transaction. Where the server's features do not suffice, `done` comes at once and nothing is sent. */
  transact(transaction: Transaction): readonly Effect[] {
    invariant(this.#state === "idle", "one transaction at a time, in a session that is ready");
    const unsuited = unsuitedTo(transaction, this.#features);
    if (unsuited !== undefined) {
      return [{ kind: "done", outcomes: transaction.recipients.map(() => unsuited), connection: "reusable" }];
    }
    this.#exchange = new Exchange(transaction, this.#features, this.#needsReset, this.#settings.isOurRelay);
    this.#state = "transaction";
    this.#send(this.#exchange.opening());
    return this.#handOver();
  }

  /** The final dot was handed to the socket: from here on no answer means that nobody knows. */
  contentSent(): void {
    if (this.#state === "closed") return;
    this.#step++;
    this.#exchange!.contentSent();
  }

  /** The deadline of `phase` is over. */
  timedOut(): readonly Effect[] {
    if (this.#state === "handshake") return this.#ended(loss("startTls", "tls-failed", "the handshake took too long"));
    return this.#ended(this.#trouble("timed-out", `no answer in time (${this.phase})`));
  }

  /** The connection is gone, or was never made, or the driver ends it (then also `destroy` the socket). */
  lost(cause: LossCause, detail: string): readonly Effect[] {
    if (this.#state === "helo" && cause === "connection-lost")
      return this.#ended(this.#helloRefused(this.#ehloRefusal!));
    return this.#ended(loss(this.phase, cause, detail, this.#isInDoubt()));
  }

  /** Ends a session that has no transaction open. */
  quit(): readonly Effect[] {
    invariant(this.#state !== "transaction", "a transaction is not left by QUIT");
    if (this.#state === "closed") return NOTHING;
    if (this.#state === "idle") {
      this.#state = "quitting";
      this.#send(QUIT_COMMAND);
      return this.#handOver();
    }
    this.#finish();
    return this.#taken();
  }

  #hear(reply: ServerReply): void {
    if (this.#state === "auth") this.#toAuth = reply;
    this.#settings.overhear?.(this.#shown(reply));
    if (this.#isAtEase()) return this.#finish(); // the answer to QUIT, or one to nothing
    if (reply.code === 421) return this.#end(closing(this.phase, reply, this.#isInDoubt()));
    if (this.#due !== undefined && this.#due !== SEND_CONTENT) return this.#end(this.#astray(reply));
    switch (this.#state) {
      case "greeting":
        return this.#hearGreeting(reply);
      case "ehlo":
      case "helo":
        return this.#hearHello(reply);
      case "startTls":
        return this.#hearStartTls(reply);
      case "auth":
        return this.#hearAuth(reply);
      case "transaction":
        return this.#hearTransaction(reply);
      default:
        this.#end(this.#astray(reply));
    }
  }

  #hearGreeting(reply: ServerReply): void {
    if (reply.code === 220) this.#sayHello("EHLO");
    else if (reply.code < 400) this.#end(this.#astray(reply));
    else this.#leave(refusedSession("greeting", "greeting-refused", reply));
  }

  #sayHello(verb: "EHLO" | "HELO"): void {
    this.#state = verb === "EHLO" ? "ehlo" : "helo";
    this.#send(helloCommand(verb, this.#settings.ehloName));
  }

  #hearHello(reply: ServerReply): void {
    if (reply.code === 250) {
      this.#features = this.#state === "ehlo" ? parseFeatures(reply) : NO_FEATURES;
      if (this.#isOurselves(reply)) this.#leave(this.#loop());
      else this.#secure();
    } else if (reply.code < 400) this.#end(this.#astray(reply));
    else if (reply.code >= 500 && this.#state === "ehlo") {
      this.#ehloRefusal = reply;
      this.#sayHello("HELO");
    } else this.#leave(this.#helloRefused(reply));
  }

  /** RFC 5321 section 4.1.1.1: the first word of the first line is the server's name. */
  #isOurselves({ lines }: ServerReply): boolean {
    const { ownName } = this.#settings;
    return ownName !== undefined && lines[0]!.split(/[ \t]/, 1)[0]!.toLowerCase() === ownName.toLowerCase();
  }

  /** The configuration's mistake, so that the mail waits for its repair (promise P5). */
  #loop(): Transient {
    const why = `the server calls itself ${this.#settings.ownName}, which is us: mail would come back`;
    return trouble("ehlo", "ourselves", "site", why);
  }

  #helloRefused(reply: ServerReply): Transient {
    return refusedSession("ehlo", "ehlo-refused", reply);
  }

  #mustSecure(): boolean {
    return this.#settings.tls === "required" || this.#settings.credentials !== undefined;
  }

  #secure(): void {
    if (this.#isSecured) return this.#authenticate();
    if (this.#features.startTls && this.#settings.tls !== "none") {
      this.#state = "startTls";
      return this.#send(STARTTLS_COMMAND);
    }
    if (!this.#mustSecure()) return this.#becomeReady();
    const why = this.#settings.tls === "none" ? "credentials are not sent in clear" : "STARTTLS is not offered";
    this.#leave(trouble(this.phase, "tls-unavailable", "site", why));
  }

  #hearStartTls(reply: ServerReply): void {
    if (reply.code === 220) {
      this.#state = "handshake";
      this.#due = START_TLS;
    } else if (reply.code < 400) this.#end(this.#astray(reply));
    else if (this.#mustSecure()) this.#leave(refusedSession("startTls", "tls-unavailable", reply));
    else this.#becomeReady();
  }

  #authenticate(): void {
    const credentials = this.#settings.credentials;
    if (credentials === undefined) return this.#becomeReady();
    const mechanism = chooseMechanism(this.#features.auth);
    if (mechanism === undefined) {
      const offered = [...this.#features.auth].join(" ");
      const why = offered === "" ? "AUTH is not offered" : `AUTH is offered with ${offered} only`;
      return this.#leave(trouble("ehlo", "auth-unavailable", "site", why));
    }
    this.#state = "auth";
    this.#authentication = new Authentication(mechanism, credentials);
    this.#send(this.#authentication.command(), true);
  }

  #hearAuth(reply: ServerReply): void {
    if (reply.code === 235) this.#becomeReady();
    else if (reply.code === 334) this.#answerChallenge();
    else if (reply.code < 400) this.#end(this.#astray(reply));
    else this.#leave(refusedSession("auth", "auth-refused", reply));
  }

  #answerChallenge(): void {
    const response = this.#authentication!.response();
    if (response !== undefined) return this.#send(response, true);
    this.#end(trouble("auth", "auth-refused", "site", "the server keeps asking for more than user name and password"));
  }

  #becomeReady(): void {
    this.#state = "idle";
    this.#authentication = undefined;
    this.#due = { kind: "ready", features: this.#features };
  }

  #hearTransaction(reply: ServerReply): void {
    const exchange = this.#exchange!;
    const next = exchange.take(reply);
    if (next === "wait") return;
    if (next === "content") this.#due = SEND_CONTENT;
    else if (next === "finished") this.#done(exchange, !this.#decoder.hasRest);
    else if (next === "finished-last") this.#done(exchange, false);
    else if (next === "astray") this.#end(this.#astray(reply));
    else this.#send(next.send);
  }

  #done(exchange: Exchange, isReusable: boolean): void {
    const connection = isReusable ? "reusable" : "close";
    this.#effects.push({ kind: "done", outcomes: exchange.outcomes, connection });
    this.#exchange = undefined;
    this.#needsReset = exchange.needsReset;
    this.#state = "idle";
    if (!isReusable) this.#finish();
  }

  #handOver(): readonly Effect[] {
    const due = this.#due;
    if (due === undefined) return this.#taken();
    if (this.#decoder.hasRest) {
      // It may be a refusal of the content; how it is cut must not decide whether that counts.
      if (due === SEND_CONTENT) return this.#taken();
      const why = "the server went on talking out of turn";
      return this.#ended(due === START_TLS ? this.#injected() : this.#trouble("protocol-error", why));
    }
    this.#due = undefined;
    this.#step++;
    this.#effects.push(due);
    return this.#taken();
  }

  #isInDoubt(): boolean {
    return this.#exchange?.isInDoubt ?? false;
  }

  #injected(): Transient {
    return trouble("startTls", "tls-injection", "site", "octets in clear between STARTTLS and the handshake");
  }

  #trouble(cause: "timed-out" | "protocol-error", detail: string): Transient {
    return trouble(this.phase, cause, "session", detail, this.#isInDoubt());
  }

  #astray(reply: ServerReply): Transient {
    return astray(this.phase, reply, this.#isInDoubt());
  }

  #send(text: string, isSecret = false): void {
    this.#due = { kind: "send", text, phase: this.phase, isSecret };
  }

  /** Ends a session that failed while both sides are in step: with a word of goodbye. */
  #leave(failure: Transient): void {
    this.#effects.push({ kind: "failed", outcome: failure });
    this.#effects.push({ kind: "send", text: QUIT_COMMAND, phase: "quit", isSecret: false });
    this.#finish();
  }

  /** Ends the session for everybody who still waits for something of it. */
  #end(failure: Transient): void {
    if (this.#isOver()) return;
    if (this.#exchange !== undefined) {
      this.#effects.push({ kind: "done", outcomes: this.#exchange.settle(failure), connection: "close" });
    } else if (!this.#isAtEase()) {
      this.#effects.push({ kind: "failed", outcome: failure });
    }
    this.#finish();
  }

  #ended(failure: Transient): readonly Effect[] {
    this.#end(failure);
    return this.#taken();
  }

  #finish(): void {
    this.#state = "closed";
    this.#exchange = undefined;
    this.#due = undefined;
    this.#effects.push(CLOSE);
  }

  /** True where nobody waits for anything: between two transactions, and after QUIT. */
  #isAtEase(): boolean {
    return (this.#state === "idle" && this.#due === undefined) || this.#state === "quitting";
  }

  #isOver(): boolean {
    return this.#state === "closed";
  }

  #taken(): readonly Effect[] {
    if (this.#effects.length === 0) return NOTHING;
    const effects = this.#effects;
    this.#effects = [];
    return this.#redaction === undefined ? effects : effects.map((effect) => this.#cleared(effect));
  }

  /** What leaves here may be shown. What a reply means was read from it as it came: a password may be any word. */
  #cleared(effect: Effect): Effect {
    if (effect.kind === "done")
      return { ...effect, outcomes: effect.outcomes.map((outcome) => this.#clearedOutcome(outcome)) };
    return effect.kind === "failed" ? { ...effect, outcome: this.#clearedOutcome(effect.outcome) } : effect;
  }

  #clearedOutcome<Any extends Outcome>(outcome: Any): Any {
    if (outcome.reply === undefined)
      return outcome.kind === "delivered"
        ? outcome
        : { ...outcome, detail: this.#redaction!.clearText(outcome.detail) };
    const reply = this.#shown(outcome.reply);
    return reply === outcome.reply ? outcome : { ...outcome, reply };
  }

  #shown(reply: ServerReply): ServerReply {
    const redaction = this.#redaction;
    if (redaction === undefined) return reply;
    return reply === this.#toAuth ? redaction.clearAll(reply) : redaction.clear(reply);
  }
}
