import { invariant } from "../core/base/invariant.ts";
import { OUTBOUND_TIME } from "../core/base/limits.ts";
import { readOptions } from "../core/mail/stored.ts";
import { Dialogue, type Effect } from "../core/outbound/dialogue.ts";
import type { LossCause, Outcome, Transient } from "../core/outbound/outcome.ts";
import type { Lane } from "../core/routing/lane.ts";
import type { SmartHost } from "../core/routing/smart-host.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { ContentFiles } from "../ports/content.ts";
import type { Endpoint, Socket, SocketEnd, SocketHandler, TlsFacts, Transport } from "../ports/transport.ts";
import type { Load } from "./load.ts";
import { outgoing, outgoingOctets, outgoingPieces, prefixOctets } from "./pipeline.ts";

/** What a courier tells its dispatcher. */
export interface CourierHandler {
  /** Ready for a load; `send` or `close` may be called. */
  idle(courier: Courier): void;
  /** One outcome a delivery, in order. `isStale`: the connection had ended before, so that this was no attempt. */
  done(courier: Courier, load: Load, outcomes: readonly Outcome[], isStale: boolean): void;
  /** The last call, exactly once. `failure` where the session failed; `load` is what it was to carry and did not begin. */
  gone(courier: Courier, failure: Transient | undefined, load: Load | undefined): void;
}

export interface CourierParts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly files: ContentFiles;
  readonly ehloName: string;
}

const LOSSES: Readonly<Record<SocketEnd["kind"], LossCause>> = {
  "connect-failed": "connect-failed",
  "tls-failed": "tls-failed",
  reset: "connection-lost",
  ended: "connection-lost",
  "closed-here": "stopped-here",
};

/**
 * One connection to a next hop: drives the dialogue, one load after another, with a deadline for every phase. It holds
 * nothing that must survive.
 */
export class Courier implements SocketHandler {
  readonly lane: Lane;
  /** Name of the next hop, or its address where it has none. */
  readonly hostName: string;
  readonly #parts: CourierParts;
  readonly #handler: CourierHandler;
  readonly #dialogue: Dialogue;
  readonly #socket: Socket;
  #load: Load | undefined;
  #prefix: Uint8Array | undefined;
  #timer: Timer | undefined;
  #deadline = 0;
  #step = -1;
  #resume: (() => void) | undefined; // of the piece-wise sending, when the peer took what waited
  #isGone = false;
  #isTransacting = false;
  /** What the site did to the session itself. */
  #failure: Transient | undefined;
  #transactions = 0;
  #startedAt = 0;

  constructor(parts: CourierParts, lane: Lane, site: SmartHost, handler: CourierHandler, first: Load) {
    this.#parts = parts;
    this.lane = lane;
    this.hostName = site.host;
    this.#handler = handler;
    this.#load = first;
    this.#startedAt = parts.clock.monotonic();
    this.#dialogue = new Dialogue({
      ehloName: parts.ehloName,
      tls: site.isImplicitTls || site.tls === "none" ? "none" : site.tls === "verify" ? "required" : "opportunistic",
      isSecured: site.isImplicitTls,
      credentials: site.credentials,
    });
    this.#socket = parts.transport.connect(
      {
        host: site.host,
        port: site.port,
        isImplicitTls: site.isImplicitTls,
        mustVerify: site.tls === "verify",
        authorities: site.authorities,
        connectTimeout: OUTBOUND_TIME.connect,
        handshakeTimeout: OUTBOUND_TIME.startTls,
      },
      this,
    );
  }

  get isReady(): boolean {
    return this.#load === undefined && this.#dialogue.isReady && !this.#isGone;
  }

  get remote(): Endpoint {
    return this.#socket.remote;
  }

  /** Milliseconds since the load at hand was given. */
  get elapsed(): number {
    return this.#parts.clock.monotonic() - this.#startedAt;
  }

  send(load: Load): void {
    invariant(this.isReady, "a courier carries one load at a time");
    this.#load = load;
    this.#startedAt = this.#parts.clock.monotonic();
    this.#transact();
  }

  /** Says QUIT where there is time for it. */
  close(): void {
    if (this.#isGone) return;
    if (this.isReady) this.#apply(this.#dialogue.quit());
    else this.#lose("stopped-here", "the relay stops");
  }

  connected(): void {
    this.#watch();
  }

  received(octets: Uint8Array): void {
    this.#apply(this.#dialogue.receive(octets));
  }

  drained(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    this.#deadline = this.#parts.clock.monotonic() + OUTBOUND_TIME[this.#dialogue.phase];
    resume?.();
  }

  secured(_tls: TlsFacts): void {
    this.#apply(this.#dialogue.secured());
  }

  closed(end: SocketEnd): void {
    if (this.#isGone) return;
    this.#lose(LOSSES[end.kind], end.text);
  }

  #lose(cause: LossCause, text: string): void {
    this.#apply(this.#dialogue.lost(cause, text));
    this.#end();
  }

  #apply(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (this.#isGone) return;
      this.#run(effect);
    }
    if (!this.#isGone) this.#watch();
  }

  #run(effect: Effect): void {
    switch (effect.kind) {
      case "send":
        this.#socket.send([effect.text]);
        break;
      case "start-tls":
        this.#socket.startTls();
        break;
      case "ready":
        if (this.#load === undefined) this.#handler.idle(this);
        else this.#transact();
        break;
      case "send-content":
        this.#sendContent();
        break;
      case "done":
        this.#finish(effect.outcomes);
        if (this.#isGone || effect.connection === "close" || this.#load !== undefined) break;
        // What the site has against us it will have against the next message too.
        if (this.#failure === undefined) this.#handler.idle(this);
        else this.close();
        break;
      case "failed":
        this.#failure = effect.outcome;
        break;
      case "close":
        this.#end();
        break;
    }
  }

  /** One load after the other: what a server cannot take at all is over at once, and the next one must not lie on it. */
  #transact(): void {
    if (this.#isTransacting) return;
    this.#isTransacting = true;
    while (this.#load !== undefined && this.#dialogue.isReady && !this.#isGone) this.#begin(this.#load);
    this.#isTransacting = false;
  }

  #begin(load: Load): void {
    const { envelope } = load.message;
    this.#transactions++;
    this.#prefix = prefixOctets(load.message);
    this.#apply(
      this.#dialogue.transact({
        reversePath: envelope.from,
        recipients: load.deliveries.map(({ recipient, options }) => ({
          forwardPath: recipient,
          ...readOptions(options),
        })),
        octets: outgoingOctets(load.message, this.#prefix),
        isEightBit: envelope.isEightBit,
        needsSmtpUtf8: envelope.isUtf8,
        ret: envelope.ret,
        envelopeId: envelope.envelopeId,
      }),
    );
  }

  #sendContent(): void {
    const { message } = this.#load!;
    if (message.content !== undefined) {
      this.#socket.send(outgoing(this.#prefix!, message.content));
      this.#dialogue.contentSent();
      return;
    }
    void this.#sendPieces(this.#load!).catch((error: unknown) => {
      // Our disk: the message waits (promise P5), and the half-sent transaction dies with the connection.
      if (!this.#isGone) this.#lose("content-unreadable", String(error));
    });
  }

  async #sendPieces(load: Load): Promise<void> {
    const reader = this.#parts.files.open(load.message.id);
    try {
      const pieces = outgoingPieces(this.#prefix!, reader);
      let next = await pieces.next();
      while (next.done !== true) {
        if (this.#isGone || this.#load !== load) return;
        const following = await pieces.next();
        if (this.#isGone || this.#load !== load) return;
        const isTaken = this.#socket.send(next.value);
        if (following.done === true) this.#dialogue.contentSent();
        else if (!isTaken) await new Promise<void>((resolve) => (this.#resume = resolve));
        next = following;
        this.#watch();
      }
    } finally {
      reader.close();
    }
  }

  #finish(outcomes: readonly Outcome[]): void {
    const load = this.#load;
    invariant(load !== undefined, "outcomes belong to a load");
    this.#load = undefined;
    const loss = outcomes.find(isLoss);
    // A server may close an idle connection while we begin: nothing was tried, and nothing failed.
    const isUnbegun = loss?.phase === "mail" || loss?.phase === "rset";
    const isStale = loss?.scope === "session" && isUnbegun && this.#transactions > 1;
    if (loss !== undefined && !isStale) this.#failure = loss;
    this.#handler.done(this, load, outcomes, isStale);
  }

  /** The connection is of no further use. */
  #end(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#timer?.cancel();
    this.#resume?.();
    this.#socket.close(OUTBOUND_TIME.quit);
    const load = this.#load;
    this.#load = undefined;
    this.#handler.gone(this, this.#failure, load);
  }

  /** A deadline for each step: it starts anew only when the dialogue moved, so that a reply byte by byte does not help. */
  #watch(): void {
    if (this.#isGone || this.#dialogue.step === this.#step) return;
    this.#step = this.#dialogue.step;
    const allowed = OUTBOUND_TIME[this.#dialogue.phase];
    const now = this.#parts.clock.monotonic();
    const isSooner = now + allowed < this.#deadline;
    this.#deadline = now + allowed;
    if (this.#timer === undefined || isSooner) this.#arm(allowed);
  }

  #arm(delay: number): void {
    this.#timer?.cancel();
    this.#timer = this.#parts.clock.after(delay, () => this.#expire());
  }

  /** The timer is not moved with every step: when it rings it looks whether the deadline moved on. */
  #expire(): void {
    this.#timer = undefined;
    const left = this.#deadline - this.#parts.clock.monotonic();
    if (left > 0) return this.#arm(left);
    if (this.isReady) return this.close();
    return this.#apply(this.#dialogue.timedOut());
  }
}

/** The session or the site failed, not the message. What is said to a recipient says nothing of the others. */
function isLoss(outcome: Outcome): outcome is Transient {
  if (outcome.kind !== "transient" || outcome.scope === "recipient" || outcome.scope === "message") return false;
  return outcome.cause !== "auth-required" || outcome.phase === "mail";
}
