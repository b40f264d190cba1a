import type { Duration } from "../../src/core/base/time.ts";
import type { Endpoint, Socket, SocketEnd, SocketHandler, TlsFacts } from "../../src/ports/transport.ts";
import type { Timer } from "../../src/ports/clock.ts";
import type { SimClock } from "./timeline.ts";
import type { End, EndHandler } from "./wire.ts";

const SEND_BUFFER = 64 * 1024;
const NOWHERE: Endpoint = { address: "", port: 0 };
const encoder = new TextEncoder();

interface SocketParts {
  readonly clock: SimClock;
  readonly handler: SocketHandler;
  readonly remote: Endpoint;
  readonly isVerified: boolean;
  /** It stands; called once. */
  readonly opened: (tls: TlsFacts | undefined) => void;
  readonly closed: () => void;
}

/** The relay's end of a connection, as its adapter for real sockets shows it (src/adapters/net/socket). */
export class RelaySocket implements Socket, EndHandler {
  local = NOWHERE;
  readonly remote: Endpoint;
  readonly #parts: SocketParts;
  #end: End | undefined;
  #phase: "connecting" | "open" | "securing" | "closing" = "connecting";
  #isOpened = false;
  #isOver = false;
  #isFull = false;
  #timer: Timer | undefined;
  #handshakeTimeout: Duration = 0;

  constructor(parts: SocketParts) {
    this.#parts = parts;
    this.remote = parts.remote;
  }

  /** The connection stands. `handshakeTimeout` is for all handshakes of it. */
  stands(end: End, isImplicitTls: boolean, handshakeTimeout: Duration): void {
    if (this.#isOver) return end.reset();
    this.#end = end;
    end.handler = this;
    this.#handshakeTimeout = handshakeTimeout;
    this.#timer?.cancel();
    this.#phase = "open";
    if (isImplicitTls) return this.startTls();
    this.#isOpened = true;
    return this.#parts.opened(undefined);
  }

  /** It is to stand within this. */
  standsWithin(timeout: Duration): void {
    this.#timer = this.#parts.clock.after(timeout, () => this.fails("connect-failed", "the connection took too long"));
  }

  fails(kind: "connect-failed" | "source-unusable", text: string): void {
    this.#over({ kind, text });
  }

  send(parts: readonly (Uint8Array | string)[]): boolean {
    const end = this.#end;
    if (end === undefined || this.#phase === "closing" || end.isGone || parts.length === 0) return true;
    const octets = Buffer.concat(parts.map((part) => (typeof part === "string" ? encoder.encode(part) : part)));
    end.send(octets);
    this.#isFull = end.unread > SEND_BUFFER;
    return !this.#isFull;
  }

  pause(): void {
    this.#end?.pause();
  }

  resume(): void {
    this.#end?.resume();
  }

  startTls(): void {
    if (this.#phase !== "open") return;
    this.#phase = "securing";
    this.#end?.resume();
    this.#end?.startTls();
    this.#timer = this.#parts.clock.after(this.#handshakeTimeout, () => {
      this.#end?.reset();
      this.#over({ kind: "tls-failed", text: "the TLS handshake took too long" });
    });
  }

  close(linger: Duration): void {
    if (this.#phase === "closing") return;
    if (this.#phase !== "open") return this.destroy();
    this.#phase = "closing";
    if (this.#end !== undefined) this.#end.isDeaf = true;
    this.#end?.resume();
    this.#end?.end();
    this.#timer = this.#parts.clock.after(linger, () => this.destroy());
  }

  destroy(): void {
    this.#phase = "closing";
    this.#end?.reset();
    this.#parts.clock.soon(() => this.#over({ kind: "closed-here", text: "" }));
  }

  received(octets: Uint8Array): void {
    if (this.#phase === "open") this.#parts.handler.received(octets);
  }

  drained(): void {
    if (!this.#isFull || this.#phase !== "open") return;
    this.#isFull = false;
    this.#parts.handler.drained();
  }

  secured(): void {
    if (this.#phase !== "securing") return;
    this.#timer?.cancel();
    this.#phase = "open";
    const facts: TlsFacts = {
      version: "TLSv1.3",
      cipher: "TLS_AES_256_GCM_SHA384",
      isVerified: this.#parts.isVerified,
    };
    if (this.#isOpened) return this.#parts.handler.secured(facts);
    this.#isOpened = true;
    return this.#parts.opened(facts);
  }

  ended(): void {
    const wasClosing = this.#phase === "closing";
    const kind = wasClosing ? "closed-here" : this.#phase === "securing" ? "tls-failed" : "ended";
    this.#end?.finish();
    this.#over({ kind, text: wasClosing ? "" : "the peer closed the connection" });
  }

  broken(why: "reset" | "handshake", text: string): void {
    if (this.#phase === "closing") return this.#over({ kind: "closed-here", text: "" });
    const kind = this.#phase === "securing" || why === "handshake" ? "tls-failed" : "reset";
    return this.#over({ kind, text });
  }

  #over(end: SocketEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#phase = "closing";
    this.#timer?.cancel();
    this.#parts.closed();
    this.#parts.handler.closed(end);
  }
}
