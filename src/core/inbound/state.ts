import type { Duration } from "../base/time.ts";
import type { Envelope, Recipient } from "../mail/envelope.ts";
import type { BareNewlines, ContentDecoder, ContentFacts } from "../smtp/data-decoder.ts";
import type { Reply } from "../smtp/reply.ts";
import type { Mechanism, PasswordAttempt } from "../smtp/sasl.ts";

/** What one listener decided for its sessions, before the first octet. */
export interface SessionSettings {
  /** In the greeting and the EHLO response. */
  readonly hostname: string;
  /** STARTTLS is offered until TLS stands. */
  readonly offersStartTls: boolean;
  /** AUTH is offered once TLS stands. */
  readonly offersAuth: boolean;
  /** TLS stands from the first octet on. */
  readonly isImplicitTls: boolean;
  readonly bareNewlines: BareNewlines;
  readonly messageOctetsMax: number;
  /** What an address at MAIL or RCPT gets that has no domain; undefined where it is refused. */
  readonly appendDomain?: string | undefined;
  readonly recipientsMax: number;
  /** The client is in a network that may relay. */
  readonly isTrusted: boolean;
  /** Messages of one connection, of clients that are not trusted. */
  readonly messagesMax: number;
}

/** What the client called itself, and whether by EHLO. */
export interface Hello {
  readonly client: string;
  readonly isExtended: boolean;
}

/** A phase carries exactly its data. */
export type Phase =
  | { readonly name: "greeting" }
  | { readonly name: "greeted" }
  | { readonly name: "ready"; readonly hello: Hello }
  | Transaction
  | { readonly name: "closed" };

export interface Transaction {
  readonly name: "transaction";
  readonly hello: Hello;
  readonly envelope: Envelope;
  readonly recipients: Recipient[];
  /** Recipients beyond `recipientsMax`, each answered with 452. */
  excess: number;
  /** Set by the first BDAT; from then on neither DATA nor RCPT belongs here. */
  chunks: ChunkSeries | undefined;
}

export interface ChunkSeries {
  readonly decoder: ContentDecoder & { finish(content: Uint8Array[]): void };
  /** Octets announced so far, whatever became of them. */
  announced: number;
}

export type PhaseName = Phase["name"];
export type PhaseOf<Name extends PhaseName> = Extract<Phase, { readonly name: Name }>;

/** What is not the machine's to decide; policy, store and clock answer. */
export type Question =
  | { readonly about: "connect" }
  | {
      readonly about: "auth";
      readonly mechanism: Mechanism;
      readonly attempt: PasswordAttempt;
      /** It asks to act as somebody else, which nobody may. */
      readonly isAsAnother: boolean;
    }
  | { readonly about: "mail"; readonly envelope: Envelope }
  | { readonly about: "rcpt"; readonly envelope: Envelope; readonly recipient: Recipient }
  /** May content come? Asked before 354 and before the first chunk is taken. */
  | { readonly about: "data"; readonly transaction: Transaction }
  /** All content was given: keep it durably (promise P1), then say so. */
  | { readonly about: "message"; readonly transaction: Transaction; readonly facts: ContentFacts }
  /** Wait, then answer `accept`. */
  | { readonly about: "delay"; readonly delay: Duration }
  /** Many commands came at once: answer `accept` when others had their turn, and the client has room for more replies. */
  | { readonly about: "turn" };

export type Verdict =
  | { readonly kind: "accept"; /** Replaces the usual text of the 250. */ readonly text?: string }
  | { readonly kind: "refuse"; readonly reply: Reply };

export const ACCEPT: Verdict = { kind: "accept" };

/** What the driver has to do, in this order. After `ask` nothing more comes until the answer. */
export type Effect =
  | { readonly kind: "reply"; readonly reply: Reply }
  | { readonly kind: "ask"; readonly question: Question }
  | { readonly kind: "content"; readonly parts: readonly Uint8Array[] }
  /** The transaction is gone; content given so far is void. */
  | { readonly kind: "reset" }
  | { readonly kind: "start-tls" }
  | { readonly kind: "note"; readonly note: Note }
  | { readonly kind: "close" };

/** What an operator should be able to read although the client only got a reply. */
export interface Note {
  readonly verb: string;
  readonly reply: Reply;
  /** Undefined where the reply says it all, or policy has the reason. */
  readonly why: ContentRefusal | undefined;
}

/** Why content was refused at its end. */
export type ContentRefusal = "bare-newline" | "nul" | "too-big" | "line-too-long";

/** The session machine as its verbs see it. */
export interface Machine {
  readonly settings: SessionSettings;
  phase: Phase;
  isSecure: boolean;
  isAuthenticated: boolean;
  /** By its network, or because it authenticated. */
  readonly isTrusted: boolean;
  /** True where octets wait behind the command at hand. */
  readonly hasInputWaiting: boolean;
  /** Messages accepted on this connection. */
  readonly messages: number;
  authFailures: number;
  /** Counts a message that was accepted. */
  accepted(): void;
  reply(reply: Reply): void;
  /** Refuses what should not have been sent: that counts, and late replies are slow. Our own trouble (4yz) does not. */
  fail(verb: string, reply: Reply): void;
  /** Refuses a recipient or content: whoever is trusted passes on the lists and texts of others, and is not counted. */
  refuse(verb: string, reply: Reply, why?: ContentRefusal): void;
  /** The last reply. */
  end(reply: Reply): void;
  ask(question: Question, resume: (verdict: Verdict) => void): void;
  emit(effect: Effect): void;
  /** The next line, without CR LF, goes to `take` instead of the verb table. Undefined: the line was too long. */
  expectLine(octetsMax: number, take: (line: Uint8Array | undefined) => void): void;
  /** All input goes to `decoder` until it is done. */
  expectContent(decoder: ContentDecoder, finish: () => void): void;
  /** The next `count` octets go to `take` in pieces. */
  expectOctets(count: number, take: (octets: Uint8Array) => void, finish: () => void): void;
  startTls(): void;
}
