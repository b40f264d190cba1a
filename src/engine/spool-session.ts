import { utf8 } from "../core/base/bytes.ts";
import { DataEncoder } from "../core/smtp/data-encoder.ts";
import type { Endpoint, Socket } from "../ports/transport.ts";
import type { Reception } from "./reception.ts";

const NOWHERE: Endpoint = { address: "", port: 0 };
const GONE = "421 4.3.0 The session is over";
/** The last line of a reply: what stands before it in the reply has a hyphen there. */
const LAST_LINE = /(?:^|\r\n)([0-9]{3} [^\r\n]*)\r\n$/;

/** The client's side of a session without a network: what is in the spool comes in the way that everything does. */
export class SpoolSession implements Socket {
  readonly local = NOWHERE;
  readonly remote = NOWHERE;
  readonly #reception: Reception;
  #output = "";
  #isClosed = false;
  #heard: (() => void) | undefined;
  #resumed: Promise<void> | undefined;
  #resume: (() => void) | undefined;

  constructor(reception: Reception) {
    this.#reception = reception;
  }

  /** The greeting. */
  begin(): Promise<string> {
    this.#reception.start(this, undefined);
    return this.#reply();
  }

  /** Says a command, with CR LF; answers the last line of the reply, without. */
  ask(command: string): Promise<string> {
    this.#reception.received(utf8(command));
    return this.#reply();
  }

  /** Content as it is, up to its end; answers what the relay says to it. `next` gives a piece, an empty one at the end. */
  async give(next: () => Promise<Uint8Array>): Promise<string> {
    const encoder = new DataEncoder();
    for (let piece = await next(); piece.length > 0 && !this.#isClosed; piece = await next())
      await this.#send((out) => encoder.encode(piece, out));
    await this.#send((out) => encoder.end(out));
    return this.#reply();
  }

  /** Nothing more is said. */
  end(): void {
    if (!this.#isClosed) this.#reception.closed({ kind: "ended", text: "the spool has no more to say" });
    this.#isClosed = true;
  }

  send(parts: readonly (Uint8Array | string)[]): boolean {
    for (const part of parts) this.#output += part as string; // replies are text
    this.#heard?.();
    return true;
  }

  pause(): void {
    this.#resumed ??= new Promise((resolve) => (this.#resume = resolve));
  }

  resume(): void {
    this.#resume?.();
    this.#resumed = undefined;
  }

  startTls(): void {
    this.destroy(); // not offered
  }

  close(): void {
    this.destroy();
  }

  destroy(): void {
    this.#isClosed = true;
    this.resume();
    this.#heard?.();
  }

  async #send(encode: (out: Uint8Array[]) => void): Promise<void> {
    const out: Uint8Array[] = [];
    encode(out);
    for (const octets of out) {
      if (this.#resumed !== undefined) await this.#resumed;
      if (!this.#isClosed) this.#reception.received(octets);
    }
  }

  async #reply(): Promise<string> {
    for (;;) {
      const reply = LAST_LINE.exec(this.#output)?.[1];
      if (reply !== undefined) {
        this.#output = "";
        return reply;
      }
      if (this.#isClosed) return GONE;
      await new Promise<void>((resolve) => (this.#heard = resolve));
    }
  }
}
