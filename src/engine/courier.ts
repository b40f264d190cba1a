import { invariant } from "../core/base/invariant.ts";
import { OUTBOUND, OUTBOUND_TIME } from "../core/base/limits.ts";
import { readOptions } from "../core/mail/stored.ts";
import { Dialogue, type Effect } from "../core/outbound/dialogue.ts";
import { Transcript } from "../core/outbound/transcript.ts";
import { type LossCause, type Outcome, type Transient, loss, unsuited } from "../core/outbound/outcome.ts";
import type { Candidate } from "../core/routing/exchangers.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { ContentFiles } from "../ports/content.ts";
import type { Site } from "../ports/queue.ts";
import type { Endpoint, Socket, SocketEnd, SocketHandler, TlsFacts, Transport } from "../ports/transport.ts";
import type { BrokenTls } from "./broken-tls.ts";
import type { Load } from "./load.ts";
import { type Outgoing, outgoing, sevenBit } from "./pipeline.ts";
import type { Target } from "./target.ts";
import { tlsText } from "./tls-text.ts";

/** What a courier tells its dispatcher. */
export interface CourierHandler {
  /** Ready for a load; `send` or `close` may be called. */
  idle(courier: Courier): void;
  /** Whether it may begin a transaction now; if not, `proceed` follows. */
  mayBegin(courier: Courier): boolean;
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
  readonly ownName?: string | undefined;
  readonly brokenTls: BrokenTls;
}

const LOSSES: Readonly<Record<SocketEnd["kind"], LossCause>> = {
  "connect-failed": "connect-failed",
  "source-unusable": "source-unusable",
  "tls-failed": "tls-failed",
  reset: "connection-lost",
  ended: "connection-lost",
  "closed-here": "stopped-here",
};

/** One address to try; `isInClear`: without TLS, because there it is broken. */
interface Place {
  readonly candidate: Candidate;
  readonly isInClear: boolean;
}

/** A connection to one address. What comes of one that was given up is nobody's business any more. */
class Leg implements SocketHandler {
  readonly place: Place;
  readonly dialogue: Dialogue;
  tls: TlsFacts | undefined;
  socket: Socket | undefined;
  readonly #courier: LegHandler;
  #isLeft = false;

  constructor(place: Place, dialogue: Dialogue, courier: LegHandler) {
    this.place = place;
    this.dialogue = dialogue;
    this.#courier = courier;
  }

  leave(): void {
    this.#isLeft = true;
    this.socket?.close(OUTBOUND_TIME.quit);
  }

  connected(_socket: Socket, tls: TlsFacts | undefined): void {
    this.tls = tls;
    if (!this.#isLeft) this.#courier.connected();
  }

  received(octets: Uint8Array): void {
    if (!this.#isLeft) this.#courier.received(octets);
  }

  drained(): void {
    if (!this.#isLeft) this.#courier.drained();
  }

  secured(tls: TlsFacts): void {
    this.tls = tls;
    if (!this.#isLeft) this.#courier.secured();
  }

  closed(end: SocketEnd): void {
    if (!this.#isLeft) this.#courier.closed(end);
  }
}

interface LegHandler {
  connected(): void;
  received(octets: Uint8Array): void;
  drained(): void;
  secured(): void;
  closed(end: SocketEnd): void;
}

/**
 * One connection to a site: finds an address that takes us, then drives the dialogue, one load after another, with a
 * deadline for every phase. It holds nothing that must survive.
 */
export class Courier implements LegHandler {
  readonly site: Site;
  readonly #parts: CourierParts;
  readonly #handler: CourierHandler;
  readonly #target: Target;
  /** Not tried yet. */
  readonly #places: Place[];
  #leg: Leg;
  #wasReady = false;
  #load: Load | undefined;
  #outgoing: Outgoing | undefined;
  /** The load at hand is looked through, to become one of 7 bits. */
  #isConverting = false;
  #timer: Timer | undefined;
  #deadline = 0;
  #step = -1;
  #resume: (() => void) | undefined; // of the piece-wise sending, when the peer took what waited
  #isGone = false;
  #isTransacting = false;
  #isPermitted = false;
  /** What the site did to the session itself. */
  #failure: Transient | undefined;
  #transactions = 0;
  /** Recipients in a row that a smart host did not relay for. */
  #denials = 0;
  #startedAt = 0;
  #transcript: Transcript;

  constructor(parts: CourierParts, site: Site, target: Target, handler: CourierHandler, first: Load) {
    this.#parts = parts;
    this.site = site;
    this.#target = target;
    this.#handler = handler;
    this.#load = first;
    this.#startedAt = parts.clock.monotonic();
    this.#transcript = new Transcript(this.#startedAt);
    this.#places = target.candidates.map((candidate) => ({
      candidate,
      isInClear: this.#isTlsOptional() && parts.brokenTls.has(candidate.address),
    }));
    const place = this.#places.shift();
    invariant(place !== undefined, "a target has a candidate");
    this.#leg = this.#open(place);
  }

  get isReady(): boolean {
    return this.#load === undefined && this.#dialogue.isReady && !this.#isGone;
  }

  /** Name of the host at the other end. */
  get host(): string {
    return this.#leg.place.candidate.host;
  }

  get remote(): Endpoint {
    return this.#leg.socket!.remote;
  }

  /** Of the connection as it stands. */
  get tls(): TlsFacts | undefined {
    return this.#leg.tls;
  }

  /** What was said since the load at hand was given. */
  get transcript(): string {
    return this.#transcript.text();
  }

  /** Milliseconds since the load at hand was given. */
  get elapsed(): number {
    return this.#parts.clock.monotonic() - this.#startedAt;
  }

  get #dialogue(): Dialogue {
    return this.#leg.dialogue;
  }

  /** The transaction that waits may begin. */
  proceed(): void {
    this.#isPermitted = true;
    this.#transact();
  }

  send(load: Load): void {
    invariant(this.isReady, "a courier carries one load at a time");
    this.#load = load;
    this.#startedAt = this.#parts.clock.monotonic();
    this.#transcript = new Transcript(this.#startedAt);
    this.#tell(
      `over the connection to ${this.#placeText(this.#leg.place)} that stands, message ${this.#transactions + 1}`,
    );
    this.#transact();
  }

  /** Says QUIT where there is time for it. */
  close(): void {
    if (this.#isGone) return;
    if (this.isReady) this.#apply(this.#dialogue.quit());
    else this.#lose("stopped-here", "the relay stops");
  }

  connected(): void {
    this.#tell(this.tls === undefined ? "connected" : `connected, ${tlsText(this.tls)}`);
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

  secured(): void {
    this.#tell(tlsText(this.tls));
    this.#apply(this.#dialogue.secured());
  }

  closed(end: SocketEnd): void {
    if (this.#isGone) return;
    this.#tell(`${end.kind}${end.text === "" ? "" : `: ${end.text}`}`);
    this.#lose(LOSSES[end.kind], end.text);
  }

  #tell(text: string): void {
    this.#transcript.event(text, this.#parts.clock.monotonic());
  }

  #placeText({ candidate: { host, address } }: Place): string {
    const where = address.includes(":") ? `[${address}]:${this.#target.port}` : `${address}:${this.#target.port}`;
    return host === address ? where : `${host} at ${where}`;
  }

  #isTlsOptional(): boolean {
    return this.#target.tls === "opportunistic" && !this.#target.isImplicitTls;
  }

  #open(place: Place): Leg {
    const { isImplicitTls, tls, credentials, port, authorities, isOurRelay, egress } = this.#target;
    const starts = isImplicitTls || tls === "none" || place.isInClear ? "none" : tls;
    const dialogue = new Dialogue({
      ehloName: egress.ehloName ?? this.#parts.ehloName,
      ownName: this.#parts.ownName,
      tls: starts === "verify" ? "required" : starts,
      isSecured: isImplicitTls,
      credentials,
      isOurRelay,
      overhear: (reply) => this.#transcript.heard(reply, this.#parts.clock.monotonic()),
    });
    this.#tell(
      `connecting to ${this.#placeText(place)}${place.isInClear ? ", in clear because its TLS is broken" : ""}`,
    );
    const leg = new Leg(place, dialogue, this);
    this.#step = -1;
    leg.socket = this.#parts.transport.connect(
      {
        address: place.candidate.address,
        host: place.candidate.host,
        port,
        isImplicitTls,
        mustVerify: tls === "verify",
        authorities,
        source: egress.source,
        family: egress.family,
        connectTimeout: OUTBOUND_TIME.connect,
        handshakeTimeout: OUTBOUND_TIME.startTls,
      },
      leg,
    );
    return leg;
  }

  /**
   * Where to go on after an address that did not come as far as a session: the same one in clear, or the next one.
   * Undefined where the site had its chance.
   */
  #nextPlace(): Place | undefined {
    const failure = this.#failure;
    if (this.#wasReady || failure === undefined || failure.cause === "stopped-here") return undefined;
    const { candidate, isInClear } = this.#leg.place;
    if (failure.cause !== "tls-failed" || isInClear || !this.#isTlsOptional()) return this.#places.shift();
    this.#parts.brokenTls.remember(candidate.address);
    return { candidate, isInClear: true };
  }

  #lose(cause: LossCause, text: string): void {
    const leg = this.#leg;
    this.#apply(this.#dialogue.lost(cause, text));
    if (this.#leg === leg) this.#end();
  }

  #apply(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (this.#isGone) return;
      this.#run(effect);
    }
    if (!this.#isGone) this.#watch();
  }

  #run(effect: Effect): void {
    const { limits } = this.#target;
    switch (effect.kind) {
      case "send":
        this.#transcript.sent(effect.text, effect.isSecret, this.#parts.clock.monotonic());
        this.#leg.socket!.send([effect.text]);
        break;
      case "start-tls":
        this.#leg.socket!.startTls();
        break;
      case "ready":
        this.#wasReady = true;
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
        if (this.#failure === undefined && this.#transactions < (limits.messagesPerConnection ?? Infinity))
          this.#handler.idle(this);
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
    while (this.#load !== undefined && this.#dialogue.isReady && !this.#isGone && !this.#isConverting) {
      if (!this.#isPermitted && !this.#handler.mayBegin(this)) break;
      this.#isPermitted = false;
      this.#begin(this.#load);
    }
    this.#isTransacting = false;
  }

  #begin(load: Load): void {
    const plain = outgoing(load.message, this.#parts.files);
    if (!plain.isEightBit || this.#dialogue.features.eightBitMime) return this.#offer(load, plain);
    return void this.#convert(load);
  }

  /** The server takes 7 bits only. */
  async #convert(load: Load): Promise<void> {
    this.#isConverting = true;
    this.#arm(OUTBOUND_TIME.block);
    this.#deadline = this.#parts.clock.monotonic() + OUTBOUND_TIME.block;
    const converted = await sevenBit(load.message, this.#parts.files).catch((error: unknown) => {
      return loss("mail", "content-unreadable", String(error)); // our disk: the message waits (promise P5)
    });
    this.#isConverting = false;
    if (this.#isGone || this.#load !== load) return;
    this.#step = -1;
    if (typeof converted !== "string" && "octets" in converted) return this.#offer(load, converted);
    const outcome = typeof converted === "string" ? unsuited("needs-8bitmime", converted) : converted;
    this.#apply([{ kind: "done", outcomes: load.deliveries.map(() => outcome), connection: "reusable" }]);
  }

  #offer(load: Load, content: Outgoing): void {
    const { envelope } = load.message;
    this.#transactions++;
    this.#outgoing = content;
    this.#apply(
      this.#dialogue.transact({
        reversePath: envelope.from,
        recipients: load.deliveries.map(({ recipient, options }) => ({
          forwardPath: recipient,
          ...readOptions(options),
        })),
        octets: content.octets,
        isEightBit: content.isEightBit,
        needsSmtpUtf8: envelope.isUtf8,
        ret: envelope.ret,
        envelopeId: envelope.envelopeId,
      }),
    );
  }

  #sendContent(): void {
    this.#tell(`sending ${this.#outgoing!.octets} octets`);
    const whole = this.#outgoing!.whole();
    if (whole !== undefined) {
      this.#leg.socket!.send(whole);
      this.#dialogue.contentSent();
      return;
    }
    void this.#sendPieces(this.#load!).catch((error: unknown) => {
      // Our disk: the message waits (promise P5), and the half-sent transaction dies with the connection.
      if (!this.#isGone) this.#lose("content-unreadable", String(error));
    });
  }

  async #sendPieces(load: Load): Promise<void> {
    const pieces = this.#outgoing!.pieces();
    try {
      let next = await pieces.next();
      while (next.done !== true) {
        if (this.#isGone || this.#load !== load) return;
        const following = await pieces.next();
        if (this.#isGone || this.#load !== load) return;
        const isTaken = this.#leg.socket!.send(next.value);
        if (following.done === true) this.#dialogue.contentSent();
        else if (!isTaken) await new Promise<void>((resolve) => (this.#resume = resolve));
        next = following;
        this.#watch();
      }
    } finally {
      await pieces.return();
    }
  }

  #finish(outcomes: readonly Outcome[]): void {
    const load = this.#load;
    invariant(load !== undefined, "outcomes belong to a load");
    this.#load = undefined;
    const lost = outcomes.find(isLoss);
    // A server may close an idle connection while we begin: nothing was tried, and nothing failed.
    const isUnbegun = lost?.phase === "mail" || lost?.phase === "rset";
    const isStale = lost?.scope === "session" && isUnbegun && this.#transactions > 1;
    if (lost !== undefined && !isStale) this.#failure = lost;
    else this.#failure ??= this.#denialOf(outcomes);
    this.#handler.done(this, load, outcomes, isStale);
  }

  /** One recipient that a smart host does not relay for says nothing of the next; several in a row say that it is us. */
  #denialOf(outcomes: readonly Outcome[]): Transient | undefined {
    for (const outcome of outcomes) {
      const isDenied = outcome.kind === "transient" && outcome.cause === "relay-denied";
      this.#denials = isDenied ? this.#denials + 1 : 0;
      if (isDenied && this.#denials >= OUTBOUND.denialsMax) return outcome;
    }
    return undefined;
  }

  /** The connection is of no further use. */
  #end(): void {
    if (this.#isGone) return;
    this.#leg.leave();
    const next = this.#nextPlace();
    if (next !== undefined) {
      this.#failure = undefined;
      this.#leg = this.#open(next);
      return;
    }
    this.#isGone = true;
    this.#timer?.cancel();
    this.#resume?.();
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
    // Idle, or its transaction waits for its permit: that may take longer than servers like to wait.
    if (this.#dialogue.isReady && !this.#isConverting) return this.#apply(this.#dialogue.quit());
    this.#tell(`no answer in time (${this.#dialogue.phase})`);
    return this.#apply(this.#dialogue.timedOut());
  }
}

/** The session or the site failed, not the message. What is said to a recipient says nothing of the others. */
function isLoss(outcome: Outcome): outcome is Transient {
  if (outcome.kind !== "transient" || outcome.scope === "recipient" || outcome.scope === "message") return false;
  return (outcome.cause !== "auth-required" && outcome.cause !== "relay-denied") || outcome.phase === "mail";
}
