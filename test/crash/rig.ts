import { type Chance, between, seeded } from "../support/chance.ts";
import { RelayHome, RelayProcess, TREE } from "../support/relay.ts";
import { type Findings, type Numbers, findingsOf } from "./findings.ts";
import { type NextHops, exchangers, smartHost } from "./next-hops.ts";
import { makeAllDue, queuedIn } from "./records.ts";
import { Traffic, sleep } from "./traffic.ts";

// What the crash suites share: one data folder, relays on it one after the other, traffic, next hops, and what came of it.

export interface RigOptions {
  readonly seed: number;
  readonly tree?: string;
  /** Delivery to the servers of many domains instead of one smart host. */
  readonly isMx?: boolean;
  readonly connections?: number;
  /** Keys of its listener beside the usual ones. */
  readonly listener?: Readonly<Record<string, unknown>>;
  /** Instead of the usual times between attempts. */
  readonly retry?: Readonly<Record<string, unknown>>;
  /** Sources wait while this many recipients are on their way. */
  readonly backlogMax?: number;
  /** How long all that is left may take at the end. */
  readonly drainMs?: number;
}

const LATENCY_MS = 20;
const CONNECTIONS = 40;
const DRAIN_MS = 180_000;

export class Rig {
  readonly home = new RelayHome();
  readonly hops: NextHops;
  readonly traffic: Traffic;
  readonly chance: Chance;
  readonly #options: RigOptions;
  /** When the relay of each epoch was killed; Infinity where it was not. */
  readonly #killedAt: number[] = [];
  /** Epochs whose kill took the next hop along. */
  readonly #killedWithHops = new Set<number>();
  #process: RelayProcess | undefined;
  #epoch = -1;
  /** Mail threads of the relay at hand. */
  #threads = 1;
  #killsDuringStart = 0;
  #killsWithOpenTransaction = 0;
  #killsWithQueue = 0;

  static async prepare(options: RigOptions): Promise<Rig> {
    const holder: { rig?: Rig } = {};
    const traffic = new Traffic({
      seed: options.seed,
      connections: options.connections ?? CONNECTIONS,
      domain: (chance) => hops.domain(chance),
      ...(options.backlogMax === undefined ? {} : { backlogMax: options.backlogMax }),
    });
    const hops = await (options.isMx === true ? exchangers : smartHost)({
      latencyMs: LATENCY_MS,
      chance: seeded(options.seed + 1),
      epoch: () => holder.rig?.currentEpoch ?? 0,
      onCopy: (copy) => traffic.take(copy),
      onRefused: (recipient) => traffic.refuse(recipient),
      onDeferred: (recipient) => traffic.defer(recipient),
    });
    const rig = new Rig(options, hops, traffic);
    holder.rig = rig;
    return rig;
  }

  private constructor(options: RigOptions, hops: NextHops, traffic: Traffic) {
    this.#options = options;
    this.chance = seeded(options.seed);
    this.hops = hops;
    this.traffic = traffic;
  }

  get currentEpoch(): number {
    return this.#epoch;
  }

  get kills(): number {
    return this.#killedAt.filter(Number.isFinite).length;
  }

  configure(listeners = 1): void {
    this.home.configure({
      listeners: Array.from({ length: listeners }, () => ({
        listen: "127.0.0.1:0",
        tls: "none",
        ...this.#options.listener,
      })),
      access: { networks: ["127.0.0.0/8"] },
      ...this.hops.config,
      ...(this.#options.retry === undefined ? {} : { retry: this.#options.retry }),
      threads: this.#threads,
    });
  }

  spawn(tree = this.#options.tree ?? TREE, environment: Readonly<Record<string, string>> = {}): RelayProcess {
    this.#threads = between(this.chance, 1, 2);
    this.configure();
    this.#epoch++;
    this.#killedAt[this.#epoch] = Number.POSITIVE_INFINITY;
    this.#process = new RelayProcess(this.home, { tree, environment });
    return this.#process;
  }

  /** The relay, and with it the next hops or not. */
  async kill(withHops: boolean): Promise<void> {
    const relay = this.#process!;
    const hasStarted = this.traffic.isAnnounced;
    this.traffic.announce(undefined);
    if (!relay.isRunning) throw new Error(`the relay ended by itself: ${relay.told()}`);
    if (this.traffic.isAnyOpen) this.#killsWithOpenTransaction++;
    if (this.traffic.pending.size > 0) this.#killsWithQueue++;
    if (!hasStarted) this.#killsDuringStart++;
    this.#killedAt[this.#epoch] = performance.now();
    relay.kill("SIGKILL");
    if (hasStarted && withHops) {
      this.hops.die();
      this.#killedWithHops.add(this.#epoch);
    }
    await relay.exited;
  }

  /** The relay at hand, in order. */
  async stop(): Promise<void> {
    const end = await this.#process!.stop();
    if (end.code !== 0) throw new Error(`the relay stopped with ${end.code ?? end.signal}: ${this.#process!.told()}`);
  }

  /** It ended in the middle of its work, and nobody killed it. */
  ended(): void {
    this.#killedAt[this.#epoch] = performance.now();
    this.traffic.announce(undefined);
  }

  /** With next hops that take everything: what waits for its time is due, then all there is goes. */
  async drain(): Promise<void> {
    this.hops.calm();
    const deadline = performance.now() + (this.#options.drainMs ?? DRAIN_MS);
    await this.#upAndDown(() => Promise.resolve());
    makeAllDue(this.home.data);
    await this.#upAndDown(async () => {
      while (queuedIn(this.home.data) > 0 && performance.now() < deadline) await sleep(100);
    });
  }

  /** After the drain. */
  findings(): Findings {
    const { traffic, hops } = this;
    return findingsOf({
      traffic,
      hops,
      data: this.home.data,
      killedAt: this.#killedAt,
      killedWithHops: this.#killedWithHops,
    });
  }

  counts(): Numbers {
    return {
      kills: this.kills,
      killsDuringStart: this.#killsDuringStart,
      killsWithOpenTransaction: this.#killsWithOpenTransaction,
      killsWithQueue: this.#killsWithQueue,
    };
  }

  /** Call before `home.remove()`, which is the caller's. */
  async clear(): Promise<void> {
    this.traffic.abandon();
    if (this.#process?.isRunning === true) {
      this.#process.kill("SIGKILL");
      await this.#process.exited;
    }
    await this.hops.close();
  }

  /** A relay that starts and stops in order. */
  async #upAndDown(meanwhile: () => Promise<void>): Promise<void> {
    const relay = this.spawn();
    await relay.ports();
    await meanwhile();
    await this.stop();
  }
}
