import type { TestListener } from "./listener.ts";
import { Machine, type StoredMessage } from "./machine.ts";
import type { Wire } from "./transcript.ts";

/** A transcript's way to the pure machine. */
export class MachineWire implements Wire {
  readonly #machine: Machine;
  #isOpen = false;
  #taken = 0;
  #output = "";

  constructor(listener: TestListener) {
    this.#machine = new Machine(listener);
  }

  send(octets: Uint8Array): Promise<void> {
    this.#machine.receive(octets);
    return Promise.resolve();
  }

  startTls(): Promise<void> {
    if (!this.#machine.isAwaitingTls) return Promise.reject(new Error("nobody started TLS"));
    this.#machine.secured();
    return Promise.resolve();
  }

  line(): Promise<string | undefined> {
    this.#open();
    this.#output += this.#machine.replies();
    const end = this.#output.indexOf("\r\n");
    if (end === -1) return Promise.resolve(undefined);
    const line = this.#output.slice(0, end);
    this.#output = this.#output.slice(end + 2);
    return Promise.resolve(line);
  }

  isClosed(): Promise<boolean> {
    return Promise.resolve(this.#machine.isClosed);
  }

  message(): StoredMessage | undefined {
    return this.#machine.stored[this.#taken++];
  }

  end(): Promise<string> {
    return Promise.resolve(this.#output + this.#machine.replies());
  }

  #open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#machine.open();
  }
}
