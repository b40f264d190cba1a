import { type Chance, between, seeded } from "../support/chance.ts";
import { PATIENCE_MS } from "../support/patience.ts";
import { RelayHome, RelayProcess, TREE } from "../support/relay.ts";
import { type Findings, type Numbers, findingsOf } from "./findings.ts";
import { type NextHops, exchangers, smartHost } from "./next-hops.ts";
import { type Phase, PHASES, hasOpen, phaseOf } from "./phase.ts";
import { RecordTimes } from "./record-times.ts";
import { type Schedule, makeAllDue, dueIn, queuedIn, scheduleIn } from "./records.ts";
import { Traffic } from "./traffic.ts";
import { sleep } from "../support/sleep.ts";

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
  /** What its listener takes of a message. */
  readonly octetsMax?: number;
  /** Sources wait while this many recipients are on their way. */
  readonly backlogMax?: number;
  /** How long all that is left may take at the end. */
  readonly drainMs?: number;
}

const LATENCY_MS = 20;
const CONNECTIONS = 40;
const DRAIN_MS = 180_000;
/** What a stop takes with mail under way, until one was seen to do it. */
const STOP_MS = 100;
/** From a relay's opening its store to its being up, until one was seen to do it. */
const START_MS = 150;

/** The count of kills in each phase. */
export const KILL_COUNTS: Readonly<Record<Phase, string>> = {
  "before-store": "killsBeforeStore",
  "store-open": "killsDuringStart",
  up: "killsWhileUp",
  "in-reload": "killsDuringReload",
  "in-stop": "killsDuringStop",
};

export class Rig {
  readonly home = new RelayHome();
  readonly hops: NextHops;
  readonly traffic: Traffic;
  readonly chance: Chance;
  readonly times: RecordTimes;
  readonly #options: RigOptions;
  /** When the relay of each epoch was killed; Infinity where it was not. */
  readonly #killedAt: number[] = [];
  /** Epochs whose kill took the next hop along. */
  readonly #killedWithHops = new Set<number>();
  #process: RelayProcess | undefined;
  #epoch = -1;
  /** Mail threads of the relay at hand. */
  #threads = 1;
  #schedule: Schedule = { waiting: 0, asleep: ["nobody looked"] };
  readonly #kills = new Map<Phase, number>();
  /** How long relays were between opening their store and being up. */
  readonly #startMs: number[] = [];
  /** How long stops took that were over before the kill. */
  readonly #stopMs: number[] = [];
  #reloads = 0;
  #killsWithOpenTransaction = 0;
  #killsWithQueue = 0;

  static async prepare(options: RigOptions): Promise<Rig> {
    const holder: { rig?: Rig } = {};
    const traffic = new Traffic({
      seed: options.seed,
      connections: options.connections ?? CONNECTIONS,
      domain: (chance) => hops.domain(chance),
      ...(options.backlogMax === undefined ? {} : { backlogMax: options.backlogMax }),
      ...(options.octetsMax === undefined ? {} : { octetsMax: options.octetsMax }),
    });
    const hops = await (options.isMx === true ? exchangers : smartHost)({
      latencyMs: LATENCY_MS,
      chance: seeded(options.seed + 1),
      epoch: () => holder.rig?.currentEpoch ?? 0,
      onTold: () => traffic.see(),
      onCopy: (copy) => {
        holder.rig?.times.look(copy);
        traffic.take(copy);
      },
      onRefused: (recipient) => traffic.refuse(recipient),
      onRefusalEnd: (recipient, epoch) => traffic.refusalEnded(recipient, epoch),
      onDeferred: (recipient) => traffic.defer(recipient),
      onUnanswered: (recipient) => void traffic.unanswered.add(recipient),
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
    this.times = new RecordTimes(this.home.queueFile);
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
    this.#reloads = 0;
    this.#killedAt[this.#epoch] = Number.POSITIVE_INFINITY;
    this.#process = new RelayProcess(this.home, { tree, environment });
    return this.#process;
  }

  /** Takes traffic from here on, once the relay at hand is up. */
  async open(): Promise<void> {
    const relay = this.#process!;
    await this.#untilStoreOpen();
    const openedAt = performance.now();
    const [port] = await relay.ports();
    this.#startMs.push(performance.now() - openedAt);
    this.times.begin();
    this.traffic.announce(port);
  }

  /** With one listener more. */
  beginReload(): void {
    this.configure(2);
    this.#reloads++;
    this.#process!.kill("SIGHUP");
  }

  /**
   * The relay, and with it the next hops or not. Answers in which phase of its life it was; undefined where it ended in
   * order before the kill came.
   */
  async kill(withHops: boolean): Promise<Phase | undefined> {
    const relay = this.#process!;
    const isServing = this.traffic.isAnnounced;
    await this.#close();
    if (!relay.isRunning) throw new Error(`the relay ended by itself: ${relay.told()}`);
    const phase = phaseOf(relay, this.home.queueFile, this.#reloads);
    const { isAnyOpen, pending } = this.traffic;
    const hasQueue = pending.size > 0;
    this.#killedAt[this.#epoch] = performance.now();
    relay.kill("SIGKILL");
    if (isServing && withHops) this.hops.die();
    const { code, signal } = await relay.exited;
    if (signal !== "SIGKILL") {
      // Dead already when the signal came. An orderly end excuses nothing.
      this.#killedAt[this.#epoch] = Number.POSITIVE_INFINITY;
      if (phase === "in-stop" && code === 0) return undefined;
      throw new Error(`the relay ended by itself: ${relay.told()}`);
    }
    if (isServing && withHops) this.#killedWithHops.add(this.#epoch);
    if (isAnyOpen) this.#killsWithOpenTransaction++;
    if (hasQueue) this.#killsWithQueue++;
    this.#kills.set(phase, (this.#kills.get(phase) ?? 0) + 1);
    return phase;
  }

  /** One that has just been spawned: at some moment between its opening the store and its being up, or within so many ms. */
  async killStarting(
    withHops: boolean,
    withinMs = 0.8 * (median(this.#startMs) ?? START_MS),
  ): Promise<Phase | undefined> {
    await this.#untilStoreOpen();
    await sleep(this.chance() * withinMs);
    return this.kill(withHops);
  }

  /** In the middle of its orderly end; undefined where that was over before. */
  async killStopping(withHops: boolean): Promise<Phase | undefined> {
    const relay = this.#process!;
    await this.times.end();
    relay.kill("SIGTERM");
    await relay.event("relay.stopping");
    const beganAt = performance.now();
    await Promise.race([relay.exited, sleep(this.chance() * (median(this.#stopMs) ?? STOP_MS))]);
    if (relay.isRunning) return this.kill(withHops);
    this.#stopMs.push(performance.now() - beganAt);
    await this.#close();
    await this.stop();
    return undefined;
  }

  /** The relay at hand, in order. */
  async stop(): Promise<void> {
    await this.times.end();
    const end = await this.#process!.stop();
    if (end.code !== 0) throw new Error(`the relay stopped with ${end.code ?? end.signal}: ${this.#process!.told()}`);
  }

  /** It ended in the middle of its work, and nobody killed it. */
  async ended(): Promise<void> {
    this.#killedAt[this.#epoch] = performance.now();
    await this.#close();
  }

  /**
   * With next hops that take everything: what is due goes, by the wake times as they are; then what waits for its time is made
   * due, and all there is goes.
   */
  async drain(): Promise<void> {
    const { data } = this.home;
    const drainMs = this.#options.drainMs ?? DRAIN_MS;
    this.hops.calm();
    let left = 0;
    await this.#upAndDown(async () => {
      await within(drainMs / 2, () => (left = dueIn(data)) === 0);
    });
    const { waiting, asleep } = scheduleIn(data);
    this.#schedule = { waiting, asleep: left === 0 ? asleep : [...asleep, `${left} are due and do not go`] };
    makeAllDue(data);
    await this.#upAndDown(() => within(drainMs, () => queuedIn(data) === 0));
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
      schedule: this.#schedule,
      recordMs: this.times.times,
    });
  }

  counts(): Numbers {
    return {
      kills: this.kills,
      ...Object.fromEntries(PHASES.map((phase) => [KILL_COUNTS[phase], this.#kills.get(phase) ?? 0])),
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

  /** No more traffic, and nobody looks at its store. */
  async #close(): Promise<void> {
    this.traffic.announce(undefined);
    await this.times.end();
  }

  async #untilStoreOpen(): Promise<void> {
    const relay = this.#process!;
    const deadline = performance.now() + PATIENCE_MS;
    while (!hasOpen(relay.pid, this.home.queueFile)) {
      if (!relay.isRunning) throw new Error(`the relay ended before it had its store: ${relay.told()}`);
      if (performance.now() > deadline) throw new Error(`the relay does not open its store: ${relay.told()}`);
      await sleep(1);
    }
  }

  /** A relay that starts and stops in order. */
  async #upAndDown(meanwhile: () => Promise<void>): Promise<void> {
    const relay = this.spawn();
    await relay.ports();
    await meanwhile();
    await this.stop();
  }
}

function median(list: readonly number[]): number | undefined {
  return list.toSorted((a, b) => a - b)[list.length >> 1];
}

async function within(ms: number, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + ms;
  while (!holds() && performance.now() < deadline) await sleep(100);
}
