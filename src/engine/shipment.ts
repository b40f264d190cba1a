import type { Socket } from "../ports/transport.ts";
import type { Outgoing } from "./pipeline.ts";

export interface ShipmentHandler {
  /** The final dot is handed over. */
  sent(): void;
  /** A piece is. */
  moved(): void;
  /** The content cannot be read; what was sent of it is worth nothing. */
  failed(error: unknown): void;
}

/** The content of one transaction on its way to the next hop: in one go, or piece by piece as the peer takes it. */
export class Shipment {
  readonly #content: Outgoing;
  readonly #socket: Pick<Socket, "send">;
  readonly #handler: ShipmentHandler;
  #resume: (() => void) | undefined; // when the peer took what waited
  #isStopped = false;

  constructor(content: Outgoing, socket: Pick<Socket, "send">, handler: ShipmentHandler) {
    this.#content = content;
    this.#socket = socket;
    this.#handler = handler;
  }

  start(): void {
    const whole = this.#content.whole();
    if (whole !== undefined) {
      this.#socket.send(whole);
      this.#handler.sent();
      return;
    }
    void this.#sendPieces().catch((error: unknown) => {
      if (!this.#isStopped) this.#handler.failed(error);
    });
  }

  drained(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }

  /** Nothing more of it is sent or told. */
  stop(): void {
    this.#isStopped = true;
    this.drained();
  }

  async #sendPieces(): Promise<void> {
    const pieces = this.#content.pieces();
    try {
      let next = await pieces.next();
      while (next.done !== true) {
        if (this.#isStopped) return;
        const following = await pieces.next();
        if (this.#isStopped) return;
        const isTaken = this.#socket.send(next.value);
        if (following.done === true) this.#handler.sent();
        else if (!isTaken) await new Promise<void>((resolve) => (this.#resume = resolve));
        next = following;
        if (!this.#isStopped) this.#handler.moved();
      }
    } finally {
      await pieces.return();
    }
  }
}
