import { unreachable } from "../core/base/invariant.ts";
import { printable } from "../core/base/printable.ts";
import { ACCEPT, type Note, type Question, type Transaction, type Verdict } from "../core/inbound/state.ts";
import { NO_SPACE, NOT_STORED, TOO_MANY_LOGINS, notKept } from "../core/inbound/trouble.ts";
import type { Envelope } from "../core/mail/envelope.ts";
import { messageId } from "../core/mail/message-id.ts";
import { type Mailbox, addressed, pathText } from "../core/mail/path.ts";
import type { AddressPattern } from "../core/policy/address-pattern.ts";
import { type Identity, identityText } from "../core/policy/identity.ts";
import { subscriberOf } from "../core/policy/network.ts";
import { type SessionFacts, recipientVerdict, senderVerdict } from "../core/policy/relay.ts";
import { type Route, lanesFor } from "../core/routing/route.ts";
import type { ContentFacts } from "../core/smtp/data-decoder.ts";
import { type Reply, permfail, renderReply } from "../core/smtp/reply.ts";
import type { Clock } from "../ports/clock.ts";
import { type ContentFiles, StorageError } from "../ports/content.ts";
import type { Claimant, CredentialVerifier } from "../ports/credentials.ts";
import type { Entropy } from "../ports/entropy.ts";
import type { Recorder } from "../ports/recorder.ts";
import type { TlsFacts } from "../ports/transport.ts";
import type { Acceptor, Received } from "./acceptance.ts";
import { Incoming } from "./incoming.ts";
import type { StrangerLog } from "./stranger-log.ts";

export interface AnswerParts {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly recorder: Recorder;
  readonly strangers: Pick<StrangerLog, "tell">;
  readonly files: ContentFiles;
  readonly credentials: CredentialVerifier;
  /** Envelope senders that a user may use. */
  sendersOf(username: string): readonly AddressPattern[];
  readonly acceptor: Pick<Acceptor, "accept">;
  /** Where mail for `<postmaster>` goes. */
  postmaster(): Mailbox | undefined;
  routes(): readonly Route[];
  /** `delivery.address_literals` */
  permitsLiterals(): boolean;
  /** Why mail cannot be taken now; undefined where it can. */
  obstacle(): Reply | undefined;
}

/** What the answers depend on of a listener. */
export interface AnswerRules {
  readonly name: string;
  readonly tls: "none" | "starttls" | "implicit";
  readonly isTlsRequired: boolean;
  readonly hasCredentials: boolean;
}

/** Where a session was when it failed. */
export type FailurePhase = "handshake" | "commands" | "content" | "storing";

const WRONG_PASSWORD = permfail(535, "5.7.8", "Authentication failed");

/** Answers what one session's machine asks, from policy, store and clock, and tells the operator what came of it. */
export class Answers {
  readonly #parts: AnswerParts;
  readonly #rules: AnswerRules;
  readonly #client: string;
  readonly #whenAuthenticated: () => void;
  #identity: Identity;
  #tls: TlsFacts | undefined;
  #incoming: Incoming | undefined;
  #contentOctets = 0;
  #mailAt = 0;
  #isStoring = false;
  #isOver = false;
  /** The disk got full, or the store's files went, while the content came. */
  #obstacle: Reply | undefined;
  #refusal: string | undefined;

  /** `whenAuthenticated`: the session is its credential's from here on, and no stranger's any more. */
  constructor(
    parts: AnswerParts,
    rules: AnswerRules,
    client: string,
    identity: Identity,
    whenAuthenticated: () => void,
  ) {
    this.#parts = parts;
    this.#rules = rules;
    this.#client = client;
    this.#identity = identity;
    this.#whenAuthenticated = whenAuthenticated;
  }

  /** Between the end of content and what is said to it. */
  get isStoring(): boolean {
    return this.#isStoring;
  }

  secured(tls: TlsFacts): void {
    this.#tls = tls;
  }

  /** The configuration changed, and with it who this is. A transaction that has all its recipients goes on. */
  review(judge: (identity: Identity) => Identity): void {
    this.#identity = judge(this.#identity);
  }

  /** To all but whose turn it is. */
  answer(question: Exclude<Question, { about: "turn" }>): Verdict | Promise<Verdict> {
    switch (question.about) {
      case "connect":
        return ACCEPT;
      case "auth":
        return this.#authenticate(question);
      case "mail":
        return this.#answerMail(question.envelope);
      case "rcpt": {
        const { envelope, recipient } = question;
        const path = addressed(recipient.path, this.#parts.postmaster());
        const hasRoute = lanesFor(this.#parts.routes(), envelope.reversePath, path).length > 0;
        const permitsLiterals = this.#parts.permitsLiterals();
        return this.#noteReason(recipientVerdict(this.#identity, path, { hasRoute, permitsLiterals }));
      }
      case "data": {
        const obstacle = this.#parts.obstacle();
        return obstacle === undefined ? ACCEPT : { kind: "refuse", reply: obstacle };
      }
      case "message":
        return this.#answerMessage(question.transaction, question.facts);
      case "delay":
        return new Promise((resolve) => this.#parts.clock.after(question.delay, () => resolve(ACCEPT)));
      default:
        return unreachable(question);
    }
  }

  /** Takes content. The promise is there where it should be awaited before more is given. */
  takeContent(parts: readonly Uint8Array[]): Promise<void> | undefined {
    for (const part of parts) this.#contentOctets += part.length;
    // What is left of the disk is for the ends of deliveries.
    if (this.#obstacle === undefined && this.#lacksStore()) this.#incoming?.discard();
    return this.#obstacle === undefined ? this.#incoming?.take(parts) : undefined;
  }

  /** Whether content that is coming cannot be kept. */
  #lacksStore(): boolean {
    const obstacle = this.#parts.obstacle();
    if (obstacle === NO_SPACE || obstacle === NOT_STORED) this.#obstacle = obstacle;
    return this.#obstacle !== undefined;
  }

  /** The transaction came to nothing. */
  discard(): void {
    this.#incoming?.discard();
    this.#incoming = undefined;
  }

  /** The session is over. */
  end(): void {
    this.#isOver = true;
    this.discard();
  }

  /** Tells the operator of a command that was refused. */
  note({ verb, reply, why }: Note): void {
    const reason = why ?? this.#refusal;
    this.#refusal = undefined;
    this.#log.tell({
      event: "session.refused",
      listener: this.#rules.name,
      client: this.#client,
      verb: printable(verb, 32),
      reason,
      reply: replyLine(reply),
    });
  }

  /** Tells the operator of a session that ended by a fault of the peer or of the network. */
  failed(phase: FailurePhase, text: string): void {
    this.#log.tell({
      event: "session.failed",
      listener: this.#rules.name,
      client: this.#client,
      identity: identityText(this.#identity),
      phase,
      octets: phase === "content" || phase === "storing" ? this.#contentOctets : undefined,
      text,
    });
  }

  crashed(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#parts.recorder.record({ event: "session.crashed", listener: this.#rules.name, client: this.#client, text });
  }

  /** Where what this client does is told. */
  get #log(): Pick<StrangerLog, "tell"> {
    const { strangers, recorder } = this.#parts;
    return this.#identity.kind === "none" ? strangers : { tell: (event) => recorder.record(event) };
  }

  #answerMail(envelope: Envelope): Verdict {
    const verdict = this.#noteReason(senderVerdict(this.#identity, envelope.reversePath, this.#facts()));
    if (verdict.kind === "refuse") return verdict;
    const obstacle = this.#parts.obstacle();
    if (obstacle !== undefined) return { kind: "refuse", reply: obstacle };
    const { clock, entropy, files } = this.#parts;
    this.#mailAt = clock.monotonic();
    this.#contentOctets = 0;
    this.#obstacle = undefined;
    this.#incoming = new Incoming(messageId(clock.now(), entropy.octets(5)), clock.now(), files);
    return ACCEPT;
  }

  #facts(): SessionFacts {
    const { tls, isTlsRequired, hasCredentials } = this.#rules;
    const isTls = this.#tls !== undefined;
    const auth = tls === "none" || !hasCredentials ? "unavailable" : isTls ? "available" : "after-tls";
    return { isTls, isTlsRequired, auth };
  }

  /** Keeps the rule's name for the log line that the machine's note leads to. */
  #noteReason(verdict: ReturnType<typeof senderVerdict>): Verdict {
    this.#refusal = verdict.kind === "refuse" ? verdict.reason : undefined;
    return verdict;
  }

  async #authenticate(question: Extract<Question, { about: "auth" }>): Promise<Verdict> {
    const { attempt, mechanism, isAsAnother } = question;
    const { username } = attempt;
    const { credentials, recorder } = this.#parts;
    const verdict = await credentials.verify(username, attempt.password, this.#claimant);
    const about = { listener: this.#rules.name, client: this.#client, username, mechanism };
    if (verdict !== "ok" || isAsAnother) {
      const reason = verdict === "ok" ? "authorization-identity" : verdict;
      this.#log.tell({ event: "auth.failed", ...about, reason });
      return { kind: "refuse", reply: verdict === "busy" || verdict === "gone" ? TOO_MANY_LOGINS : WRONG_PASSWORD };
    }
    this.#identity = { kind: "credential", username, senders: this.#parts.sendersOf(username) };
    this.#whenAuthenticated();
    recorder.record({ event: "auth.succeeded", ...about });
    return ACCEPT;
  }

  get #claimant(): Claimant {
    return { client: subscriberOf(this.#client), isGone: () => this.#isOver };
  }

  async #answerMessage(transaction: Transaction, facts: ContentFacts): Promise<Verdict> {
    this.#isStoring = true;
    try {
      return await this.#store(transaction, facts);
    } finally {
      this.#isStoring = false;
    }
  }

  async #store(transaction: Transaction, facts: ContentFacts): Promise<Verdict> {
    const incoming = this.#incoming!;
    if (this.#obstacle !== undefined) return { kind: "refuse", reply: this.#obstacle };
    let content: Uint8Array | undefined;
    try {
      content = await incoming.finish();
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.#parts.recorder.record({ event: "store.failed", reason: error.reason, text: error.message });
      return { kind: "refuse", reply: notKept(error.reason) };
    }
    // Whoever is gone before the commit hears of nothing, and sends again: then nothing was accepted.
    if (this.#isOver) return ACCEPT;
    if (this.#parts.obstacle() === NOT_STORED) {
      this.discard();
      return { kind: "refuse", reply: NOT_STORED };
    }
    const received: Received = {
      id: incoming.id,
      receivedAt: incoming.receivedAt,
      transaction,
      facts,
      header: incoming.examiner.finish(),
      content,
      identity: this.#identity,
      clientAddress: this.#client,
      listener: this.#rules.name,
      tls: this.#tls,
    };
    this.#incoming = undefined;
    const acceptance = await this.#parts.acceptor.accept(received);
    if (acceptance.kind === "refused") {
      incoming.discard();
      this.#recordRefused(received, acceptance);
      return { kind: "refuse", reply: acceptance.reply };
    }
    if (acceptance.kind === "known") incoming.discard();
    else this.#recordAccepted(received);
    return { kind: "accept", text: `Queued as ${received.id}` };
  }

  #aboutMessage({ id, transaction }: Received): {
    readonly id: string;
    readonly listener: string;
    readonly client: string;
    readonly identity: string;
    readonly from: string;
  } {
    const identity = identityText(this.#identity);
    const from = pathText(transaction.envelope.reversePath);
    return { id, listener: this.#rules.name, client: this.#client, identity, from };
  }

  #recordAccepted(received: Received): void {
    const { transaction, facts } = received;
    this.#parts.recorder.record({
      event: "message.accepted",
      ...this.#aboutMessage(received),
      recipients: transaction.recipients.length,
      octets: facts.octets,
      elapsedMs: Math.round(this.#parts.clock.monotonic() - this.#mailAt),
    });
  }

  #recordRefused(received: Received, { reason, reply }: { readonly reason: string; readonly reply: Reply }): void {
    this.#parts.recorder.record({
      event: "message.refused",
      ...this.#aboutMessage(received),
      reason,
      reply: replyLine(reply),
    });
  }
}

function replyLine(reply: Reply): string {
  return renderReply(reply).trimEnd();
}
