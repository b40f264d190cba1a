import { concatBytes } from "../../src/core/base/bytes.ts";
import { invariant } from "../../src/core/base/invariant.ts";
import type { Event } from "../../src/core/events.ts";
import type { StoredEnvelope } from "../../src/core/mail/stored.ts";
import { parseAddressPattern } from "../../src/core/policy/address-pattern.ts";
import { Acceptor } from "../../src/engine/acceptance.ts";
import { LongWork } from "../../src/engine/long-work.ts";
import type { Reply } from "../../src/core/smtp/reply.ts";
import type { ReceptionParts } from "../../src/engine/reception.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { ContentFiles, ContentReader, ContentWriter, StorageError } from "../../src/ports/content.ts";
import type { QueuePort } from "../../src/ports/queue.ts";
import type { Arrival, MessageRow } from "../../src/ports/store.ts";
import { BUSY_USERNAME, HOSTNAME, LOGIN, type TestListener } from "./listener.ts";
import type { StoredMessage } from "./machine.ts";

/** Files that are in memory. */
export class MemoryFiles implements ContentFiles {
  readonly files = new Map<string, Uint8Array[]>();
  /** What writing fails with. */
  failure: StorageError | undefined;
  /** What writing waits for: a disk that stalls. */
  stall: Promise<void> = Promise.resolve();

  create(name: string): ContentWriter {
    const parts: Uint8Array[] = [];
    this.files.set(name, parts);
    let isDiscarded = false;
    const work = async (): Promise<void> => {
      await this.stall;
      invariant(!isDiscarded, "nobody discards a file that is being written");
      if (this.failure !== undefined) throw this.failure;
    };
    return {
      write: async (more) => {
        await work();
        parts.push(...more.map((part) => part.slice()));
      },
      finish: work,
      discard: () => {
        isDiscarded = true;
        this.files.delete(name);
      },
    };
  }

  open(name: string): ContentReader {
    const parts = [...(this.files.get(name) ?? [])];
    return { read: () => Promise.resolve(parts.shift()), close: () => undefined };
  }
}

/** A queue that keeps what it gets. */
export class MemoryQueue implements QueuePort {
  readonly arrivals: Arrival[] = [];
  failure: StorageError | undefined;

  async submit(arrival: Arrival): Promise<MessageRow> {
    await Promise.resolve();
    if (this.failure !== undefined) throw this.failure;
    return this.arrivals.push(arrival);
  }

  markOf(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
  settle(): void {}
  settleWithReports(): Promise<void> {
    return Promise.resolve();
  }
  settled(): Promise<void> {
    return Promise.resolve();
  }
  demand(): void {}
  release(): void {}
  progress(): void {}
  sited(): void {}
  unblock(): void {}
  permit(): void {}
  withdraw(): void {}
  consumed(): void {}
}

/** What the engine's reception needs, with nothing real behind it. */
export class TestEngine {
  readonly files = new MemoryFiles();
  readonly queue = new MemoryQueue();
  readonly events: Event[] = [];
  readonly parts: ReceptionParts;
  isUnderStress = false;
  /** Why mail cannot be taken, from now on. */
  obstacle: Reply | undefined;
  #ids = 0;
  #taken = 0;

  constructor(clock: Clock, listener: TestListener) {
    const postmaster = (): TestListener["postmaster"] => listener.postmaster;
    const routes = (): TestListener["routes"] => listener.routes;
    const dispatcher = {
      admits: (_: number, recipients: readonly (readonly string[])[]) => ({
        isInHand: false,
        places: recipients.map(([lane = ""]) => ({ lane, due: 0, last: "" })),
      }),
      take: () => undefined,
    };
    this.parts = {
      clock,
      longWork: new LongWork(clock),
      routes,
      permitsLiterals: () => false,
      postmaster,
      entropy: { octets: (count) => new Uint8Array(count).fill(++this.#ids), fraction: () => 0.5 },
      recorder: { record: (event) => void this.events.push(event) },
      strangers: { tell: (event) => void this.events.push(event) },
      files: this.files,
      credentials: { verify: (username, password) => Promise.resolve(verdictOn(username, password)) },
      sendersOf: (username) =>
        username === LOGIN.username ? LOGIN.senders.map((sender) => parseAddressPattern(sender)!) : [],
      acceptor: new Acceptor({
        clock,
        queue: this.queue,
        dispatcher,
        hostname: () => HOSTNAME,
        postmaster,
        routes,
        isPaused: () => false,
      }),
      obstacle: () => this.obstacle ?? listener.obstacle,
      isUnderStress: () => this.isUnderStress,
    };
  }

  /** The next message that was kept. */
  message(): StoredMessage | undefined {
    const arrival = this.queue.arrivals[this.#taken++];
    if (arrival === undefined) return undefined;
    const content = arrival.content ?? concatBytes([new Uint8Array(0), ...(this.files.files.get(arrival.id) ?? [])]);
    return {
      from: (JSON.parse(arrival.envelope) as StoredEnvelope).from,
      recipients: arrival.deliveries.map((delivery) => delivery.recipient),
      content,
    };
  }
}

function verdictOn(username: string, password: string): "ok" | "wrong" | "busy" {
  if (username === BUSY_USERNAME) return "busy";
  return username === LOGIN.username && password === LOGIN.password ? "ok" : "wrong";
}
