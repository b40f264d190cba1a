import type { Ledger } from "./oracle/ledger.ts";
import { Inbox, octetsOf } from "./smtp-text.ts";
import type { Timeline } from "./timeline.ts";
import type { End, EndHandler } from "./wire.ts";

export interface Reply {
  readonly code: number;
  readonly lines: readonly string[];
  /** The event in which the relay said it. */
  readonly saidIn: number;
}

/** What a client waits for an answer. */
const PATIENCE_MS = 11 * 60_000;

/** A client's side of a session: says something, and waits for as many replies as it takes. */
export class Talk implements EndHandler {
  readonly end: End;
  readonly name: string;
  /** Of the relay, that it talks with. */
  readonly process: number;
  readonly #timeline: Timeline;
  readonly #ledger: Ledger;
  readonly #inbox = new Inbox();
  readonly #replies: Reply[] = [];
  #lines: string[] = [];
  /** Replies that are still to come: the greeting is one. */
  #expected = 1;
  #wake: (() => void) | undefined;
  isOver = false;
  isSecure = false;
  /** A reply of which nothing more is expected came: 421, or one to what should not have been said. */
  hasFarewell = false;
  /** Of what the relay has taken. */
  get untaken(): number {
    return this.end.unread;
  }

  constructor(end: End, name: string, timeline: Timeline, ledger: Ledger) {
    this.end = end;
    this.name = name;
    this.process = ledger.life;
    this.#timeline = timeline;
    this.#ledger = ledger;
    end.handler = this;
  }

  /** Says it; `replies` are to come for it. */
  say(text: string | Uint8Array, replies = 1): void {
    this.#expected += replies;
    this.end.send(typeof text === "string" ? octetsOf(text) : text);
  }

  /** The next reply; undefined where none comes. */
  async reply(): Promise<Reply | undefined> {
    if (this.#replies.length === 0 && !this.isOver) await this.#event(PATIENCE_MS);
    const reply = this.#replies.shift();
    if (reply === undefined && !this.isOver) this.reset();
    return reply;
  }

  async ask(text: string): Promise<Reply | undefined> {
    this.say(`${text}\r\n`);
    return this.reply();
  }

  /** True once TLS stands. */
  async secure(): Promise<boolean> {
    this.end.startTls();
    await this.#event(PATIENCE_MS);
    return this.isSecure && !this.isOver;
  }

  pause(delay: number): Promise<void> {
    return new Promise((resolve) => void this.#timeline.after(delay, resolve));
  }

  /** Waits until something happens, or the time is over. */
  #event(most: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#timeline.after(most, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  close(): void {
    this.isOver = true;
    this.end.end();
  }

  reset(): void {
    this.isOver = true;
    this.end.reset();
  }

  received(octets: Uint8Array, saidIn: number): void {
    this.#inbox.add(octets);
    for (let line = this.#inbox.line(); line !== undefined; line = this.#inbox.line()) {
      this.#lines.push(line.slice(4));
      if (line[3] !== "-") this.#replied(Number(line.slice(0, 3)), saidIn);
    }
  }

  #replied(code: number, saidIn: number): void {
    const lines = this.#lines;
    this.#lines = [];
    this.#expected--;
    if (code === 421) this.hasFarewell = true;
    // A relay that ends a session may say so at any time; nobody asked for anything else.
    else if (this.#expected < 0)
      this.#ledger.violation("P1", `${this.name} got a reply that nobody asked for: ${code} ${lines.join(" / ")}`);
    this.#replies.push({ code, lines, saidIn });
    this.#stir();
  }

  drained(): void {
    // What it says is little, or nobody waits for it.
  }

  secured(): void {
    this.isSecure = true;
    this.#stir();
  }

  ended(): void {
    this.isOver = true;
    this.end.finish();
    this.#stir();
  }

  broken(): void {
    this.isOver = true;
    this.#stir();
  }

  #stir(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
