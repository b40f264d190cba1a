import { OUTBOUND, OUTBOUND_TIME } from "../core/base/limits.ts";
import { Dialogue } from "../core/outbound/dialogue.ts";
import type { Transient } from "../core/outbound/outcome.ts";
import type { ServerReply } from "../core/smtp/reply-decoder.ts";
import type { Candidate } from "../core/routing/exchangers.ts";
import type { Socket, SocketEnd, SocketHandler, TlsFacts, Transport } from "../ports/transport.ts";
import type { BrokenTls } from "./broken-tls.ts";
import type { Target } from "./target.ts";

/** One address to try; `isInClear`: without TLS, because there it is broken. */
export interface Place {
  readonly candidate: Candidate;
  readonly isInClear: boolean;
}

/** The addresses that one attempt tries, in their order. */
export class Places {
  readonly #isTlsOptional: boolean;
  readonly #brokenTls: BrokenTls;
  /** Not tried yet. */
  readonly #left: Candidate[];

  constructor({ candidates, tls, isImplicitTls }: Target, brokenTls: BrokenTls) {
    this.#isTlsOptional = tls === "opportunistic" && !isImplicitTls;
    this.#brokenTls = brokenTls;
    this.#left = [...candidates];
  }

  next(): Place | undefined {
    const candidate = this.#left.shift();
    if (candidate === undefined) return undefined;
    return { candidate, isInClear: this.#isTlsOptional && this.#brokenTls.has(candidate.address) };
  }

  /** After one that did not come as far as a session: the same one in clear, where TLS is what broke, or the next one. */
  after({ candidate, isInClear }: Place, failure: Transient): Place | undefined {
    if (failure.cause === "source-unusable") return undefined; // wherever we go
    if (failure.cause !== "tls-failed" || isInClear || !this.#isTlsOptional) return this.next();
    this.#brokenTls.remember(candidate.address);
    return { candidate, isInClear: true };
  }
}

export interface LegParts {
  readonly transport: Transport;
  ehloName(): string;
  ownName?(): string;
  /** Hears every reply. */
  readonly overhear: (reply: ServerReply) => void;
}

export interface LegHandler {
  connected(): void;
  received(octets: Uint8Array): void;
  drained(): void;
  secured(): void;
  /** The connection is gone, although nobody here left it. */
  closed(end: SocketEnd): void;
  /** It was left, and is gone. */
  left(): void;
}

/** A connection to one address. Once it is left nobody hears of it any more, but that it is gone. */
export class Leg implements SocketHandler {
  readonly place: Place;
  readonly dialogue: Dialogue;
  tls: TlsFacts | undefined;
  readonly socket: Socket;
  readonly #handler: LegHandler;
  #isLeft = false;
  #isClosed = false;

  constructor(parts: LegParts, target: Target, place: Place, handler: LegHandler) {
    this.place = place;
    this.#handler = handler;
    const { candidate, isInClear } = place;
    const { port, isImplicitTls, tls, credentials, isOurRelay, authorities, egress } = target;
    const starts = isImplicitTls || tls === "none" || isInClear ? "none" : tls;
    this.dialogue = new Dialogue({
      ehloName: egress.ehloName ?? parts.ehloName(),
      ownName: parts.ownName?.(),
      tls: starts === "verify" ? "required" : starts,
      isSecured: isImplicitTls,
      credentials,
      isOurRelay,
      overhear: parts.overhear,
    });
    this.socket = parts.transport.connect(
      {
        address: candidate.address,
        host: candidate.host,
        port,
        isImplicitTls,
        mustVerify: tls === "verify",
        authorities,
        source: egress.source,
        family: egress.family,
        connectTimeout: OUTBOUND_TIME.connect,
        handshakeTimeout: OUTBOUND_TIME.startTls,
      },
      this,
    );
  }

  /** `left` follows: at once where the connection is gone already. */
  leave(): void {
    this.#isLeft = true;
    if (this.#isClosed) this.#handler.left();
    else this.socket.close(OUTBOUND.linger);
  }

  connected(_socket: Socket, tls: TlsFacts | undefined): void {
    this.tls = tls;
    if (!this.#isLeft) this.#handler.connected();
  }

  received(octets: Uint8Array): void {
    if (!this.#isLeft) this.#handler.received(octets);
  }

  drained(): void {
    if (!this.#isLeft) this.#handler.drained();
  }

  secured(tls: TlsFacts): void {
    this.tls = tls;
    if (!this.#isLeft) this.#handler.secured();
  }

  closed(end: SocketEnd): void {
    this.#isClosed = true;
    if (this.#isLeft) this.#handler.left();
    else this.#handler.closed(end);
  }
}
