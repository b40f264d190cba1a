import { OutboxReader } from "../../src/adapters/store-sqlite/outbox-reader.ts";
import { QueueReader } from "../../src/adapters/store-sqlite/queue-reader.ts";
import type { Importer } from "../../src/engine/importer.ts";
import type { QueueOperator } from "../../src/engine/queue-operator.ts";
import { ControlThread } from "../../src/main/control-thread.ts";
import { type MailAdapters, MailThread } from "../../src/main/mail-thread.ts";
import type { ListeningPlace, RelayPlan } from "../../src/main/plan.ts";
import { QueueThread } from "../../src/main/queue-thread.ts";
import { sharedSessions } from "../../src/main/session-count.ts";
import { StoreThread } from "../../src/main/store-thread.ts";
import type { HistoryEntry } from "../../src/ports/history.ts";
import type { Recorder } from "../../src/ports/recorder.ts";
import { simChannel } from "./channels.ts";
import { type Dice, entropyOf } from "./dice.ts";
import type { Disk } from "./disk.ts";
import { FaultyStore, type FaultyStoreParts } from "./faulty-store.ts";
import { IdleClock } from "./idle-clock.ts";
import { SimListeners } from "./listeners.ts";
import type { Names } from "./names.ts";
import type { Net } from "./net.ts";
import type { SpoolFolder } from "./spool.ts";
import { type Life, SimClock, type Timeline } from "./timeline.ts";

/** What a relay's process runs on. It outlives it. */
export interface Machine {
  readonly timeline: Timeline;
  readonly dice: Dice;
  readonly wall: { readonly offset: number };
  readonly disk: Disk;
  readonly net: Net;
  readonly names: Names;
  readonly spool: SpoolFolder;
  readonly file: string;
  readonly recorder: Recorder;
  readonly store: Pick<FaultyStoreParts, "faults" | "ledger" | "trouble" | "refused">;
  /** Takes what history is to keep; may throw, as a disk does. */
  readonly history: (entries: readonly HistoryEntry[]) => void;
}

/**
 * A whole relay in one process: its threads' classes as they ship, put together as `src/main/relay` does, with lines between
 * the threads that take their time.
 */
export class SimulatedRelay {
  readonly life: Life;
  readonly clock: SimClock;
  readonly store: FaultyStore;
  readonly #machine: Machine;
  readonly #mails: readonly MailThread[];
  readonly #store: StoreThread;
  readonly #queue: QueueThread;
  readonly #control: ControlThread;
  readonly #spools: ReturnType<SpoolFolder["spool"]>[] = [];
  readonly #readers: readonly { close(): void }[];
  readonly recovered: number;
  #plan: RelayPlan;
  #space = "";

  constructor(machine: Machine, plan: RelayPlan, number: number) {
    const { timeline, dice, disk, recorder } = machine;
    this.#machine = machine;
    this.#plan = plan;
    this.life = { number, isDead: false };
    this.clock = new SimClock(timeline, machine.wall, this.life);
    const channel = (): ReturnType<typeof simChannel> => simChannel(timeline, dice, this.life);
    const mailStore = Array.from({ length: plan.mailThreads }, channel);
    const mailQueue = Array.from({ length: plan.mailThreads }, channel);
    const queueStore = channel();
    const controlStore = channel();
    const idle = new IdleClock(this.clock);
    this.store = new FaultyStore({ ...machine.store, file: machine.file, dice, disk, recorded: () => idle.stir() });
    disk.sweep(this.store.inner.files());
    this.#store = new StoreThread(
      { plan, mails: mailStore.map(({ port2 }) => port2), queue: queueStore.port2, control: controlStore.port2 },
      { store: this.store, clock: this.clock, full: () => this.lookAtSpace() },
    );
    this.recovered = this.#store.recovered;
    this.#queue = new QueueThread(
      { plan, mails: mailQueue.map(({ port2 }) => port2), store: queueStore.port1, control: channel().port1 },
      { clock: this.clock, entropy: entropyOf(dice), recorder },
    );
    const sessions = { ...sharedSessions(), seed: "of the simulation" };
    this.#mails = mailStore.map(
      ({ port1 }, index) =>
        new MailThread(
          { plan, sessions, index, listening: this.#places(), store: port1, queue: mailQueue[index]!.port1 },
          this.#adapters(),
        ),
    );
    const outbox = new OutboxReader(machine.file);
    const queue = new QueueReader(machine.file);
    this.#readers = [outbox, queue];
    this.#control = new ControlThread(
      { plan, store: controlStore.port1 },
      {
        clock: this.clock,
        entropy: entropyOf(dice),
        recorder,
        queue,
        files: disk.contents(this.life),
        history: {
          outbox: {
            read: (after, limit) => {
              const rows = outbox.read(after, limit);
              if (rows.length < limit) idle.rest();
              return rows;
            },
          },
          history: {
            write: (entries) => machine.history(entries),
            retire: () => undefined,
            shortenLogs: () => undefined,
          },
          clock: idle,
        },
        space: () => ({ freeOctets: disk.space.freeOctets, neededOctets: 1 }),
      },
    );
  }

  get operator(): QueueOperator {
    return this.#control.changes;
  }

  get importer(): Importer {
    return this.#control.importer;
  }

  /** Listens, and takes mail. */
  async start(): Promise<void> {
    this.lookAtSpace();
    await this.#adopt(this.#plan, []);
    if (!this.life.isDead) this.#control.historian.start();
  }

  /** Goes by another configuration, as a reload does. */
  async reload(plan: RelayPlan): Promise<void> {
    const before = new Map(this.#plan.config.smartHosts.map((host) => [host.name, JSON.stringify(host)]));
    const after = new Map(plan.config.smartHosts.map((host) => [host.name, JSON.stringify(host)]));
    const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
      (name) => before.get(name) !== after.get(name),
    );
    await this.#adopt(plan, changed);
    if (!this.life.isDead) await this.#control.adopt(plan, changed);
  }

  /** In the order of `Relay.#adopt`: the queue, the mail threads, the store. */
  async #adopt(plan: RelayPlan, changedHosts: readonly string[]): Promise<void> {
    for (const mail of this.#mails) await mail.prepare(plan, this.#places());
    this.#plan = plan;
    await this.#passed();
    this.#queue.adopt(plan, changedHosts);
    for (const mail of this.#mails) {
      await this.#passed();
      mail.adopt();
    }
    await this.#passed();
    this.#store.adopt(plan, changedHosts);
  }

  /** A stop in order. Resolves when all of it is over, unless it dies meanwhile. */
  async stop(): Promise<void> {
    for (const spool of this.#spools) spool.stop();
    await Promise.all(this.#mails.map((mail) => mail.stop()));
    if (this.life.isDead) return;
    this.#control.historian.finish();
    this.end();
  }

  /** Everything of it is gone, at whatever it was. */
  end(): void {
    if (this.life.isDead) return;
    this.life.isDead = true;
    for (const reader of this.#readers) reader.close();
    this.store.close();
    this.#machine.net.hangUp();
  }

  /** The space on the disk may be another one now. */
  lookAtSpace(): void {
    const report = this.#machine.disk.space;
    if (JSON.stringify(report) === this.#space) return;
    this.#space = JSON.stringify(report);
    this.#store.space(report);
  }

  #places(): ListeningPlace[] {
    return this.#plan.config.listeners.map(({ listen }, place) => ({ address: listen, place }));
  }

  #adapters(): MailAdapters {
    const { dice, disk, net, names, recorder } = this.#machine;
    return {
      clock: this.clock,
      entropy: entropyOf(dice),
      recorder,
      files: disk.contents(this.life),
      transport: net.transport(this.clock, this.life),
      spool: () => {
        const spool = this.#machine.spool.spool(this.life, this.clock);
        this.#spools.push(spool);
        return spool;
      },
      listeners: (parts) => new SimListeners(net, this.clock, parts),
      resolverFor: () => names.resolver(this.life),
      verifierFor: (credentials) => ({
        verify: async (username, password) => {
          await this.#passed();
          if (dice.happens(0.02)) return "busy";
          const found = credentials.find((credential) => credential.username === username)?.secret;
          return found?.kind === "plain" && found.password === password ? "ok" : "wrong";
        },
      }),
    };
  }

  #passed(): Promise<void> {
    return new Promise((resolve) => void this.clock.after(this.#machine.dice.fraction() * 20, resolve));
  }
}
