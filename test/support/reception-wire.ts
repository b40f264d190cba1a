import { setImmediate as turn } from "node:timers/promises";
import { second } from "../../src/core/base/time.ts";
import { Reception } from "../../src/engine/reception.ts";
import { TestEngine } from "./engine.ts";
import { FakeClock } from "./fake-clock.ts";
import type { TestListener } from "./listener.ts";
import type { StoredMessage } from "./machine.ts";
import { MemorySocket } from "./memory-socket.ts";
import type { Wire } from "./transcript.ts";

const TURNS = 4; // for questions that are answered by way of promises

/** A transcript's way to the engine's reception, over a socket that is none. */
export class ReceptionWire implements Wire {
  readonly clock = new FakeClock();
  readonly engine: TestEngine;
  readonly reception: Reception;
  readonly socket: MemorySocket;
  /** How often the session said that it is over. */
  timesOver = 0;

  constructor(listener: TestListener) {
    this.engine = new TestEngine(this.clock, listener);
    this.reception = new Reception(this.engine.parts, listener.rules, "192.0.2.2", listener.identity, () => {
      this.timesOver++;
    });
    this.socket = new MemorySocket(this.reception);
    this.reception.start(this.socket, undefined);
    if (listener.rules.tls === "implicit") this.socket.secure();
  }

  send(octets: Uint8Array): Promise<void> {
    this.socket.give(octets.slice());
    return Promise.resolve();
  }

  async startTls(): Promise<void> {
    await this.settle();
    if (this.socket.state !== "securing") throw new Error("nobody started TLS");
    this.socket.secure();
  }

  async line(): Promise<string | undefined> {
    for (let round = 0; round < 3 && !this.socket.output.includes("\r\n"); round++) {
      await this.settle();
      if (round > 0) this.clock.advance(1 * second); // a reply that is late on purpose
    }
    const end = this.socket.output.indexOf("\r\n");
    if (end === -1) return undefined;
    const line = this.socket.output.slice(0, end);
    this.socket.output = this.socket.output.slice(end + 2);
    return line;
  }

  async isClosed(): Promise<boolean> {
    await this.settle();
    return this.socket.state === "closed";
  }

  message(): StoredMessage | undefined {
    return this.engine.message();
  }

  async end(): Promise<string> {
    await this.settle();
    this.socket.hangUp();
    await this.settle();
    const crash = this.engine.events.find((event) => event.event === "session.crashed");
    if (crash !== undefined) throw new Error(crash.text);
    if (this.timesOver !== 1) throw new Error(`the session was over ${this.timesOver} times`);
    return this.socket.output;
  }

  /** Lets everything happen that is due. */
  async settle(): Promise<void> {
    for (let i = 0; i < TURNS; i++) {
      this.clock.runSoon();
      await turn();
    }
  }
}
