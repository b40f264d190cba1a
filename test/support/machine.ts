import { concatBytes } from "../../src/core/base/bytes.ts";
import { unreachable } from "../../src/core/base/invariant.ts";
import { Session } from "../../src/core/inbound/session.ts";
import { ACCEPT, type Effect, type Note, type Question, type Verdict } from "../../src/core/inbound/state.ts";
import type { Recipient } from "../../src/core/mail/envelope.ts";
import { type Mailbox, addressed, pathKey, pathText } from "../../src/core/mail/path.ts";
import type { Identity } from "../../src/core/policy/identity.ts";
import { type SessionFacts, recipientVerdict, senderVerdict } from "../../src/core/policy/relay.ts";
import { lanesFor } from "../../src/core/routing/route.ts";
import { permfail, renderReply, tempfail } from "../../src/core/smtp/reply.ts";
import { BUSY_USERNAME, LOGIN, type TestListener, loggedIn, settingsFor } from "./listener.ts";

/** A message as it was kept. */
export interface StoredMessage {
  /** As between the brackets of MAIL. */
  readonly from: string;
  readonly recipients: readonly string[];
  readonly content: Uint8Array;
}

function distinct(recipients: readonly Recipient[], postmaster: Mailbox | undefined): string[] {
  const texts = new Map<string, string>();
  for (const recipient of recipients) {
    const path = addressed(recipient.path, postmaster);
    if (!texts.has(pathKey(path))) texts.set(pathKey(path), pathText(path));
  }
  return [...texts.values()];
}

const WRONG: Verdict = { kind: "refuse", reply: permfail(535, "5.7.8", "Authentication failed") };

/** The pure machine with the real policy; every question is answered at once. */
export class Machine {
  readonly session: Session;
  readonly stored: StoredMessage[] = [];
  readonly notes: Note[] = [];
  /** Replies that nobody took yet. */
  output = "";
  /** How often a reply was made late on purpose. */
  delays = 0;
  isAwaitingTls = false;
  readonly #listener: TestListener;
  #identity: Identity;
  #content: Uint8Array[] = [];

  constructor(listener: TestListener) {
    this.#listener = listener;
    this.#identity = listener.identity;
    this.session = new Session(settingsFor(listener));
  }

  /** Octets that came and are not answered. */
  get backlog(): number {
    return this.session.backlog;
  }

  get isClosed(): boolean {
    return this.session.isClosed;
  }

  open(): this {
    this.#run(this.session.open());
    return this;
  }

  receive(octets: Uint8Array): this {
    this.#run(this.session.receive(octets));
    return this;
  }

  secured(): this {
    this.isAwaitingTls = false;
    this.#run(this.session.secured());
    return this;
  }

  /** Takes the replies. */
  replies(): string {
    const text = this.output;
    this.output = "";
    return text;
  }

  #run(effects: readonly Effect[]): void {
    let next = effects;
    while (next.length > 0) {
      const current = next;
      next = [];
      for (const effect of current) {
        if (effect.kind === "ask") next = this.session.answer(this.#answer(effect.question));
        else this.#do(effect);
      }
    }
  }

  #do(effect: Exclude<Effect, { kind: "ask" }>): void {
    switch (effect.kind) {
      case "reply":
        this.output += renderReply(effect.reply);
        break;
      case "content":
        this.#content.push(...effect.parts.map((part) => part.slice()));
        break;
      case "reset":
        this.#content = [];
        break;
      case "start-tls":
        this.isAwaitingTls = true;
        break;
      case "note":
        this.notes.push(effect.note);
        break;
      case "close":
        break;
    }
  }

  #facts(): SessionFacts {
    const { tls, isTlsRequired, hasCredentials } = this.#listener.rules;
    const { isSecure } = this.session;
    const auth = tls === "none" || !hasCredentials ? "unavailable" : isSecure ? "available" : "after-tls";
    return { isTls: isSecure, isTlsRequired, auth };
  }

  #answer(question: Question): Verdict {
    const { obstacle, routes } = this.#listener;
    switch (question.about) {
      case "connect":
        return ACCEPT;
      case "auth":
        return question.isAsAnother ? WRONG : this.#authenticate(question.attempt.username, question.attempt.password);
      case "mail": {
        const verdict = senderVerdict(this.#identity, question.envelope.reversePath, this.#facts());
        if (verdict.kind === "refuse" || obstacle === undefined) return verdict;
        return { kind: "refuse", reply: obstacle };
      }
      case "rcpt": {
        const { envelope, recipient } = question;
        const path = addressed(recipient.path, this.#listener.postmaster);
        const hasRoute = lanesFor(routes, envelope.reversePath, path).length > 0;
        return recipientVerdict(this.#identity, path, { hasRoute, permitsLiterals: false });
      }
      case "data":
        return ACCEPT;
      case "message":
        this.stored.push({
          from: pathText(question.transaction.envelope.reversePath),
          recipients: distinct(question.transaction.recipients, this.#listener.postmaster),
          content: concatBytes([new Uint8Array(0), ...this.#content]),
        });
        this.#content = [];
        return ACCEPT;
      case "delay":
        this.delays++;
        return ACCEPT;
      case "turn":
        return ACCEPT;
      default:
        return unreachable(question);
    }
  }

  #authenticate(username: string, password: string): Verdict {
    if (username === BUSY_USERNAME) return { kind: "refuse", reply: tempfail(454, "4.7.0", "Too many at once") };
    if (username !== LOGIN.username || password !== LOGIN.password) return WRONG;
    this.#identity = loggedIn();
    return ACCEPT;
  }
}
