import type { Dice } from "./dice.ts";
import type { Timeline } from "./timeline.ts";

/** What happens to one end of a connection. */
export interface EndHandler {
  /** `saidIn`: the event in which the other side sent it. */
  received(octets: Uint8Array, saidIn: number): void;
  /** All that waited was taken. */
  drained(): void;
  secured(): void;
  /** The other side has nothing more to say. */
  ended(): void;
  /** Nothing comes or goes any more. */
  broken(why: "reset" | "handshake", text: string): void;
}

/** How a connection carries what is said over it. */
export interface Carriage {
  /** Of one way, in milliseconds. */
  readonly latency: number;
  /** Into how many segments what is sent at once is cut, at most. */
  readonly segmentsMax: number;
  /** What becomes of a handshake. */
  readonly handshake: "stands" | "fails" | "hangs";
  /** Octets from the relay after which the network resets it; undefined: it holds. */
  readonly resetAfter: number | undefined;
  /** Octets from the relay after which nothing more arrives in either direction. */
  readonly stallAfter: number | undefined;
}

interface Chunk {
  /** Undefined: the end of what this side has to say. */
  readonly octets: Uint8Array | undefined;
  readonly isSecret: boolean;
  readonly saidIn: number;
  readonly whenTaken: (() => void) | undefined;
}

/** One end of a simulated TCP connection. */
export class End {
  readonly #wire: Wire;
  /** The network broke the connection, or carries nothing any more. */
  get isFaulty(): boolean {
    return this.#wire.isFaulty;
  }

  handler: EndHandler | undefined;
  other!: End;
  /** Octets that this end sent and the other one has not taken. */
  unread = 0;
  tls: "none" | "securing" | "on" = "none";
  isGone = false;
  /** Its program does not listen any more. */
  isDeaf = false;
  #isPaused = false;
  readonly #held: Chunk[] = [];
  #lastAt = 0;
  #hasEnded = false;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** `whenTaken`: the other side's program has the last octet of it. */
  send(octets: Uint8Array, whenTaken?: () => void): void {
    if (this.isGone || this.#hasEnded) return;
    this.unread += octets.length;
    const cuts = this.#wire.cuts(octets.length);
    let from = 0;
    for (const [at, to] of cuts.entries()) {
      const isLast = at === cuts.length - 1;
      this.#carry({
        octets: octets.slice(from, to),
        isSecret: this.tls === "on",
        saidIn: this.#wire.timeline.events,
        whenTaken: isLast ? whenTaken : undefined,
      });
      from = to;
    }
  }

  /** Says that nothing more comes; it still hears. */
  end(): void {
    if (this.isGone || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#carry({ octets: undefined, isSecret: false, saidIn: this.#wire.timeline.events, whenTaken: undefined });
  }

  /** Both sides have said all. */
  finish(): void {
    this.end();
    if (this.isGone) return;
    this.isGone = true;
    this.#wire.whenGone();
  }

  /** Ends both directions at once; what is on its way is lost. */
  reset(text = "reset by peer"): void {
    if (this.isGone) return;
    this.isGone = true;
    this.#wire.whenGone();
    const { other } = this;
    this.#wire.timeline.after(this.#wire.carriage.latency, () => other.break("reset", text));
  }

  /** The system of this side notices that the connection is no more. */
  break(why: "reset" | "handshake", text: string): void {
    if (this.isGone) return;
    this.isGone = true;
    this.#wire.whenGone();
    this.handler?.broken(why, text);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#wire.timeline.after(0, () => this.#deliver());
  }

  /** From now on it waits for the handshake; what came in clear and was not read is dropped. */
  startTls(): void {
    this.tls = "securing";
    for (const { octets } of this.#held.splice(0)) this.other.unread -= octets?.length ?? 0;
    if (this.other.tls === "securing") this.#wire.shakeHands();
  }

  #carry(chunk: Chunk): void {
    const at = Math.max(this.#lastAt, this.#wire.timeline.now + this.#wire.delay());
    this.#lastAt = at;
    const { other } = this;
    if (!this.#wire.carries(this, chunk.octets?.length ?? 0)) return;
    this.#wire.timeline.after(at - this.#wire.timeline.now, () => other.#arrive(chunk));
  }

  #arrive(chunk: Chunk): void {
    if (this.isGone) return;
    this.#held.push(chunk);
    this.#deliver();
  }

  #deliver(): void {
    while (!this.#isPaused && !this.isGone) {
      const chunk = this.#held.shift();
      if (chunk === undefined) return;
      this.#take(chunk);
    }
  }

  #take({ octets, isSecret, saidIn, whenTaken }: Chunk): void {
    if (octets === undefined) return this.handler?.ended();
    const { other } = this;
    other.unread -= octets.length;
    if (this.tls === "securing" || (this.tls === "on") !== isSecret) {
      this.break("handshake", "octets in clear where TLS was to be");
      return other.break("handshake", "no handshake");
    }
    this.#wire.taken(this, octets);
    this.handler?.received(octets, saidIn);
    if (!this.isDeaf) whenTaken?.();
    if (other.unread === 0 && !other.isGone) other.handler?.drained();
    return undefined;
  }
}

export interface WireParts {
  readonly timeline: Timeline;
  readonly dice: Dice;
  readonly carriage: Carriage;
  /** A program took octets: of the relay, or of its peer. */
  readonly heard: (by: "relay" | "peer", octets: Uint8Array) => void;
  readonly fault: (kind: "reset" | "stall") => void;
  readonly whenGone: () => void;
}

/** A connection between the relay and somebody else. */
export class Wire {
  readonly relay: End;
  readonly peer: End;
  readonly #parts: WireParts;
  /** Octets that the relay said. */
  #said = 0;
  #isStalled = false;
  #isFaulty = false;
  #goneEnds = 0;

  constructor(parts: WireParts) {
    this.#parts = parts;
    this.relay = new End(this);
    this.peer = new End(this);
    this.relay.other = this.peer;
    this.peer.other = this.relay;
  }

  /** The network broke it, or carries nothing any more. */
  get isFaulty(): boolean {
    return this.#isFaulty;
  }

  get timeline(): Timeline {
    return this.#parts.timeline;
  }

  get carriage(): Carriage {
    return this.#parts.carriage;
  }

  /** Where what is sent at once is cut: ends of segments. */
  cuts(length: number): readonly number[] {
    const { dice, carriage } = this.#parts;
    const most = Math.min(carriage.segmentsMax, length);
    if (most < 2 || !dice.happens(0.3)) return [length];
    const places = new Set<number>([length]);
    for (let n = dice.between(1, most - 1); n > 0; n--) places.add(dice.between(1, length));
    return [...places].toSorted((one, other) => one - other);
  }

  delay(): number {
    return this.carriage.latency * (0.7 + 0.6 * this.#parts.dice.fraction());
  }

  /** False where the network loses it. */
  carries(from: End, octets: number): boolean {
    if (from === this.relay) this.#said += octets;
    const { resetAfter, stallAfter } = this.carriage;
    if (this.#isStalled) return false;
    if (resetAfter !== undefined && this.#said > resetAfter && !this.relay.isGone) {
      this.#parts.fault("reset");
      this.#isFaulty = true;
      this.timeline.after(0, () => {
        this.relay.break("reset", "read ECONNRESET");
        this.peer.break("reset", "read ECONNRESET");
      });
      return false;
    }
    if (stallAfter === undefined || this.#said <= stallAfter) return true;
    this.#parts.fault("stall");
    this.#isFaulty = true;
    this.#isStalled = true;
    return false;
  }

  taken(by: End, octets: Uint8Array): void {
    this.#parts.heard(by === this.relay ? "relay" : "peer", octets);
  }

  shakeHands(): void {
    const { handshake, latency } = this.carriage;
    if (handshake === "hangs") return;
    this.timeline.after(2 * latency, () => {
      for (const end of [this.relay, this.peer]) {
        if (end.isGone) continue;
        if (handshake === "fails") end.break("handshake", "handshake failure");
        else {
          end.tls = "on";
          end.handler?.secured();
        }
      }
    });
  }

  whenGone(): void {
    this.#goneEnds++;
    if (this.#goneEnds === 2) this.#parts.whenGone();
  }
}
