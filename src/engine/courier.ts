import { invariant } from "../core/base/invariant.ts";
import { OUTBOUND, OUTBOUND_TIME } from "../core/base/limits.ts";
import { readOptions } from "../core/mail/stored.ts";
import type { Dialogue, Effect } from "../core/outbound/dialogue.ts";
import type { Duration } from "../core/base/time.ts";
import type { Doubts } from "../core/outbound/doubts.ts";
import { type LossCause, type Outcome, type Transient, loss, unsuited } from "../core/outbound/outcome.ts";
import { patience } from "../core/outbound/patience.ts";
import { Transcript } from "../core/outbound/transcript.ts";
import type { ServerReply } from "../core/smtp/reply-decoder.ts";
import type { Clock } from "../ports/clock.ts";
import type { ContentFiles } from "../ports/content.ts";
import type { Site } from "../ports/queue.ts";
import type { Endpoint, SocketEnd, TlsFacts } from "../ports/transport.ts";
import type { BrokenTls } from "./broken-tls.ts";
import { Deadline } from "./deadline.ts";
import { Leg, type LegHandler, type LegParts, type Place, Places } from "./leg.ts";
import type { Load } from "./load.ts";
import { type Outgoing, outgoing, sevenBit } from "./pipeline.ts";
import { Shipment } from "./shipment.ts";
import type { Target } from "./target.ts";
import { tlsText } from "./tls-text.ts";

/** What a courier tells its dispatcher. */
export interface CourierHandler {
  /** Ready for a load; `send` or `close` may be called. */
  idle(courier: Courier): void;
  /** Whether it may connect to another address now; if not, `proceed` follows. For the first one it has leave. */
  mayConnect(courier: Courier): boolean;
  /** Whether it may begin a transaction now; if not, `proceed` follows. */
  mayBegin(courier: Courier): boolean;
  /** Whether another next hop would take it, if this one does not come to a session soon. */
  hasNextStep(load: Load): boolean;
  /** One outcome a delivery, in order. `isStale`: the connection had ended before, so that this was no attempt. */
  done(courier: Courier, load: Load, outcomes: readonly Outcome[], isStale: boolean): void;
  /** The last call, exactly once. `failure` where the session failed; `load` is what it was to carry and did not begin. */
  gone(courier: Courier, failure: Transient | undefined, load: Load | undefined): void;
}

export interface CourierParts extends Omit<LegParts, "overhear"> {
  readonly clock: Clock;
  readonly files: ContentFiles;
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

/**
 * One connection to a site: finds an address that takes us, then drives the dialogue, one load after another, with a
 * deadline for every phase. It holds nothing that must survive.
 */
export class Courier implements LegHandler {
  readonly site: Site;
  readonly #parts: CourierParts;
  readonly #handler: CourierHandler;
  readonly #target: Target;
  readonly #doubts: Doubts;
  readonly #places: Places;
  #leg: Leg;
  #wasReady = false;
  /** When the connection was begun. */
  #hasNextStep = false;
  #load: Load | undefined;
  /** The load at hand is made ready or sent. */
  #isBegun = false;
  #outgoing: Outgoing | undefined;
  #shipment: Shipment | undefined;
  /** While the load at hand is looked through, to become one of 7 bits. */
  #conversion: object | undefined;
  readonly #deadline: Deadline;
  /** Of the dialogue, when the deadline was set. */
  #step = -1;
  /** The connection is being closed; what comes after it is decided once that is done, so that there is one at a time. */
  #isLeaving = false;
  /** Waits for leave to connect there. */
  #nextPlace: Place | undefined;
  #isStopped = false;
  #isGone = false;
  #isTransacting = false;
  #isPermitted = false;
  /** What the site did to the session itself. */
  #failure: Transient | undefined;
  #transactions = 0;
  #transactionEndsAt = 0;
  #startedAt = 0;
  #transcript: Transcript;

  constructor(parts: CourierParts, site: Site, target: Target, doubts: Doubts, handler: CourierHandler, first: Load) {
    this.#parts = parts;
    this.site = site;
    this.#target = target;
    this.#doubts = doubts;
    this.#handler = handler;
    this.#load = first;
    this.#startedAt = parts.clock.monotonic();
    this.#transcript = new Transcript(this.#startedAt);
    this.#deadline = new Deadline(parts.clock, () => this.#expire());
    this.#places = new Places(target, parts.brokenTls);
    const place = this.#places.next();
    invariant(place !== undefined, "a target has a candidate");
    this.#leg = this.#connect(place);
  }

  get isReady(): boolean {
    return this.#load === undefined && this.#dialogue.isReady && !this.#isLeaving && !this.#isGone;
  }

  /** Name of the host at the other end. */
  get host(): string {
    return this.#leg.place.candidate.host;
  }

  get remote(): Endpoint {
    return this.#leg.socket.remote;
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

  /** What waits for leave may go on. */
  proceed(): void {
    const place = this.#nextPlace;
    if (place !== undefined) return this.#goTo(place);
    this.#isPermitted = true;
    return this.#transact();
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

  /** Gives its load back if that has not begun, and is wanted. */
  recall(isWanted: (load: Load) => boolean): Load | undefined {
    const load = this.#load;
    if (load === undefined || this.#isBegun || !isWanted(load)) return undefined;
    this.#load = undefined;
    return load;
  }

  /** It does nothing: it stands idle, or waits for leave to go on. */
  get isAtRest(): boolean {
    return this.#nextPlace !== undefined || (!this.#isBegun && this.#dialogue.isReady);
  }

  /** No transaction is under way: it is being made, or waits for its next load. */
  get isBetweenTransactions(): boolean {
    return !this.#isBegun;
  }

  /** Nothing of a message's content is on its way. */
  get isUnsent(): boolean {
    return !this.#isBegun || this.#shipment === undefined;
  }

  /** Says QUIT where there is time for it. */
  close(): void {
    if (this.#isGone) return;
    this.#isStopped = true;
    if (this.#nextPlace !== undefined) {
      this.#failure = undefined; // that was an address's: the site had not had its chance
      return this.#whenLeft();
    }
    if (this.isReady) return this.#apply(this.#dialogue.quit());
    return this.#lose("stopped-here", "the relay stops");
  }

  connected(): void {
    this.#tell(this.tls === undefined ? "connected" : `connected, ${tlsText(this.tls)}`);
    this.#watch();
  }

  received(octets: Uint8Array): void {
    this.#apply(this.#dialogue.receive(octets));
  }

  drained(): void {
    this.#deadline.set(this.#allowed());
    this.#shipment?.drained();
  }

  secured(): void {
    this.#tell(tlsText(this.tls));
    this.#apply(this.#dialogue.secured());
  }

  closed(end: SocketEnd): void {
    this.#tell(`${end.kind}${end.text === "" ? "" : `: ${end.text}`}`);
    this.#lose(LOSSES[end.kind], end.text);
  }

  left(): void {
    if (!this.#isGone) this.#whenLeft();
  }

  #tell(text: string): void {
    this.#transcript.event(text, this.#parts.clock.monotonic());
  }

  #placeText({ candidate: { host, address } }: Place): string {
    const where = address.includes(":") ? `[${address}]:${this.#target.port}` : `${address}:${this.#target.port}`;
    return host === address ? where : `${host} at ${where}`;
  }

  #connect(place: Place): Leg {
    this.#tell(
      `connecting to ${this.#placeText(place)}${place.isInClear ? ", in clear because its TLS is broken" : ""}`,
    );
    this.#step = -1;
    this.#hasNextStep = this.#load !== undefined && this.#handler.hasNextStep(this.#load);
    const overhear = (reply: ServerReply): void => this.#transcript.heard(reply, this.#parts.clock.monotonic());
    return new Leg({ ...this.#parts, overhear }, this.#target, place, this);
  }

  #lose(cause: LossCause, text: string): void {
    if (this.#isLeaving || this.#isGone) return;
    if (cause !== "stopped-here") this.#giveUpConversion(cause, text);
    const leg = this.#leg;
    this.#apply(this.#dialogue.lost(cause, text));
    if (this.#leg === leg) this.#leave(); // else it goes on elsewhere by now
  }

  /** The session ended while its load was made ready for it: that was an attempt, or it could go on for ever. */
  #giveUpConversion(cause: LossCause, text: string): void {
    const load = this.#load;
    if (this.#conversion === undefined || load === undefined) return;
    const outcome = loss("mail", cause, text);
    this.#unload();
    this.#handler.done(
      this,
      load,
      load.deliveries.map(() => outcome),
      false,
    );
  }

  #apply(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (this.#isLeaving || this.#isGone) return;
      this.#run(effect);
    }
    this.#watch();
  }

  #run(effect: Effect): void {
    const { limits } = this.#target;
    switch (effect.kind) {
      case "send":
        this.#transcript.sent(effect.text, effect.isSecret, this.#parts.clock.monotonic());
        this.#leg.socket.send([effect.text]);
        break;
      case "start-tls":
        this.#leg.socket.startTls();
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
        else this.#quit();
        break;
      case "failed":
        this.#failure = effect.outcome;
        break;
      case "close":
        this.#leave();
        break;
    }
  }

  #quit(): void {
    this.#apply(this.#dialogue.quit());
  }

  /** One load after the other: what a server cannot take at all is over at once, and the next one must not lie on it. */
  #transact(): void {
    if (this.#isTransacting) return;
    this.#isTransacting = true;
    while (this.#load !== undefined && this.#dialogue.isReady && !this.#isLeaving && this.#conversion === undefined) {
      if (!this.#isPermitted && !this.#handler.mayBegin(this)) break;
      this.#isPermitted = false;
      this.#begin(this.#load);
    }
    this.#isTransacting = false;
  }

  #begin(load: Load): void {
    this.#isBegun = true;
    this.#transactionEndsAt = this.#parts.clock.monotonic() + OUTBOUND.transactionTime;
    const plain = outgoing(load.message, this.#parts.files);
    if (!plain.isEightBit || this.#dialogue.features.eightBitMime) return this.#offer(load, plain);
    return void this.#convert(load);
  }

  /** The server takes 7 bits only. */
  async #convert(load: Load): Promise<void> {
    const conversion = {};
    this.#conversion = conversion;
    const isWanted = (): boolean => this.#conversion === conversion;
    this.#deadline.set(OUTBOUND_TIME.block);
    const converted = await sevenBit(load.message, this.#parts.files, isWanted).catch((error: unknown) => {
      return loss("mail", "content-unreadable", String(error)); // our disk: the message waits (promise P5)
    });
    if (converted === undefined || !isWanted()) return;
    this.#conversion = undefined;
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
    this.#shipment = new Shipment(this.#outgoing!, this.#leg.socket, {
      sent: () => this.#dialogue.contentSent(),
      moved: () => this.#watch(),
      // Our disk: the message waits (promise P5), and the half-sent transaction dies with the connection.
      failed: (error) => this.#lose("content-unreadable", String(error)),
    });
    this.#shipment.start();
  }

  #finish(outcomes: readonly Outcome[]): void {
    const load = this.#load;
    invariant(load !== undefined, "outcomes belong to a load");
    this.#unload();
    // A server may close an idle connection while we begin: nothing was tried, and nothing failed.
    const isStale = this.#transactions > 1 && outcomes.some(isBeforeMail);
    if (!isStale) this.#failure ??= this.#doubts.judge(outcomes);
    this.#handler.done(this, load, outcomes, isStale);
  }

  #unload(): void {
    this.#load = undefined;
    this.#isBegun = false;
    this.#conversion = undefined;
    this.#shipment?.stop();
    this.#shipment = undefined;
  }

  /** The connection is of no further use. */
  #leave(): void {
    if (this.#isLeaving || this.#isGone) return;
    this.#isLeaving = true;
    this.#deadline.cancel();
    if (!this.#isStopped) this.#giveUpConversion("connection-lost", "the server ended the session before its turn");
    this.#conversion = undefined;
    this.#shipment?.stop();
    this.#leg.leave();
  }

  /** An address that did not come as far as a session has a next one, unless the site had its chance. */
  #whenLeft(): void {
    const failure = this.#failure;
    const mayGoOn = !this.#wasReady && !this.#isStopped && failure !== undefined && this.#load !== undefined;
    const next = mayGoOn ? this.#places.after(this.#leg.place, failure) : undefined;
    if (next !== undefined) {
      this.#nextPlace = next;
      if (this.#handler.mayConnect(this)) this.#goTo(next);
      return;
    }
    this.#isGone = true;
    const load = this.#load;
    this.#load = undefined;
    this.#handler.gone(this, this.#failure, load);
  }

  #goTo(place: Place): void {
    this.#nextPlace = undefined;
    this.#isLeaving = false;
    this.#failure = undefined;
    this.#leg = this.#connect(place);
  }

  /** A deadline for each step: it starts anew only when the dialogue moved, so that a reply byte by byte does not help. */
  #watch(): void {
    if (this.#isLeaving || this.#isGone || this.#dialogue.step === this.#step) return;
    this.#step = this.#dialogue.step;
    this.#deadline.set(this.#allowed());
  }

  /** For what is waited for now. */
  #allowed(): Duration {
    return patience({
      phase: this.#dialogue.phase,
      now: this.#parts.clock.monotonic(),
      isSession: this.#wasReady,
      hasNextStep: this.#hasNextStep,
      transactionEndsAt: this.#isBegun ? this.#transactionEndsAt : undefined,
    });
  }

  #expire(): void {
    if (this.#conversion !== undefined) return this.#lose("content-unreadable", "it took too long to convert");
    // Idle, or its transaction waits for its permit: that may take longer than servers like to wait.
    if (this.#dialogue.isReady) return this.#quit();
    this.#tell(`no answer in time (${this.#dialogue.phase})`);
    return this.#apply(this.#dialogue.timedOut());
  }
}

/** The session ended before the server took MAIL. */
function isBeforeMail(outcome: Outcome): boolean {
  const isLoss = outcome.kind === "transient" && outcome.scope === "session";
  return isLoss && (outcome.phase === "mail" || outcome.phase === "rset");
}
