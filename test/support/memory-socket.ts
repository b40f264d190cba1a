import type { Duration } from "../../src/core/base/time.ts";
import type { Socket, SocketHandler } from "../../src/ports/transport.ts";

const TLS = { version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384", isVerified: false } as const;

/** A connection without a network, seen from the server; the rest is the client's side of it. */
export class MemorySocket implements Socket {
  readonly local = { address: "192.0.2.1", port: 25 };
  readonly remote = { address: "192.0.2.2", port: 40000 };
  /** What the server sent and nobody took. */
  output = "";
  state: "open" | "securing" | "closed" = "open";
  isPaused = false;
  /** The client does not read: everything sent waits. */
  isClientDeaf = false;
  readonly #handler: SocketHandler;
  #waiting: Uint8Array[] = [];
  #isTold = false;

  constructor(handler: SocketHandler) {
    this.#handler = handler;
  }

  send(parts: readonly (Uint8Array | string)[]): boolean {
    if (this.state === "open")
      for (const part of parts) this.output += typeof part === "string" ? part : new TextDecoder().decode(part);
    return !this.isClientDeaf;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    while (this.#waiting.length > 0 && this.state === "open" && !this.isPaused)
      this.#handler.received(this.#waiting.shift()!);
  }

  startTls(): void {
    this.state = "securing";
    this.#waiting = [];
  }

  close(_linger: Duration): void {
    this.#gone("closed-here");
  }

  destroy(): void {
    this.#gone("closed-here");
  }

  /** The client's octets. */
  give(octets: Uint8Array): void {
    if (this.state !== "open") return;
    if (this.isPaused) this.#waiting.push(octets);
    else this.#handler.received(octets);
  }

  secure(): void {
    this.state = "open";
    this.#handler.secured(TLS);
  }

  /** The client reads again. */
  drain(): void {
    this.isClientDeaf = false;
    this.#handler.drained();
  }

  hangUp(): void {
    this.#gone("ended");
  }

  #gone(kind: "ended" | "closed-here"): void {
    if (this.state === "closed") return;
    this.state = "closed";
    queueMicrotask(() => {
      if (this.#isTold) return;
      this.#isTold = true;
      this.#handler.closed({ kind, text: "" });
    });
  }
}
