import { fileSystemOf } from "../support/file-system.ts";
import { type Chance, between, seeded } from "../support/chance.ts";
import { PATIENCE_MS } from "../support/patience.ts";
import { RelayHome, RelayProcess, TREE } from "../support/relay.ts";
import { type Duplicates, type Verdict, judge } from "./account.ts";
import { type Life, LIVES, lifeOf } from "./lives.ts";
import { type NextHops, exchangers, smartHost } from "./next-hops.ts";
import { plantedTree } from "./planted.ts";
import { endsIn, filesIn, makeAllDue, queuedIn } from "./records.ts";
import { Traffic, sleep } from "./traffic.ts";

export interface KillRunOptions {
  readonly rounds: number;
  readonly seed: number;
  readonly tree?: string;
  /** Delivery to the servers of many domains instead of one smart host. */
  readonly isMx?: boolean;
  readonly connections?: number;
  /** How long a relay is under load before it is killed. */
  readonly loadMs?: readonly [number, number];
  /** At least so many messages are acknowledged before a kill under load. */
  readonly messagesMin?: number;
  /** How long a relay is stopped before it goes on. */
  readonly freezeMs?: number;
  /** How all rounds end, instead of one of each and then by chance. */
  readonly life?: Life;
  /** How long all that is left may take at the end. */
  readonly drainMs?: number;
  readonly say?: (line: string) => void;
}

export interface KillReport extends Verdict {
  readonly rounds: number;
  readonly seed: number;
  readonly kills: number;
  /** Rounds by how the relay's life ended. */
  readonly lives: Readonly<Record<Life, number>>;
  /** Kills of a relay that had not yet said that it is up. */
  readonly killsDuringStart: number;
  /** Stops that were over before the kill came. */
  readonly stopsInTime: number;
  /** Kills with a message between its final dot and the 250. */
  readonly killsWithOpenTransaction: number;
  /** Kills with something acknowledged that the sink had neither taken nor refused. */
  readonly killsWithQueue: number;
  /** Kills of everything, the next hop included, and the transactions that the relay repeated after one on average. */
  readonly killsOfAll: number;
  readonly repeatedPerKillOfAll: number;
  /** The same for kills of the relay alone: what was under way the next hop took, and its answer found nobody. */
  readonly killsOfRelay: number;
  readonly repeatedPerKillOfRelay: number;
  /** Acknowledged recipients of which no end is in the relay's history. */
  readonly unrecorded: readonly string[];
  /** Recorded as failed, and neither refused by a sink, nor without a server by the DNS, nor tried for as long as it may be. */
  readonly wronglyFailed: readonly string[];
  /** Recorded as failed because the DNS says that there is nobody, and because their time was over. */
  readonly failedByDns: number;
  readonly expired: number;
  /** Different reports to senders that arrived. */
  readonly reports: number;
  /** Recorded as failed, and in no report; in two; in one without having failed. */
  readonly untold: readonly string[];
  readonly toldTwice: readonly string[];
  readonly wronglyTold: readonly string[];
  /** Deliveries left in the queue when all had arrived, and content files without a message. */
  readonly leftInQueue: number;
  readonly leftFiles: number;
  readonly fileSystem: string;
  readonly seconds: number;
}

const LATENCY_MS = 20;
/** How long a kill that wants an open transaction waits for one. */
const OPEN_WITHIN_MS = 200;
const START_MS = 600;
const RELOAD_MS = 300;
const STOP_MS = 1500;
const FREEZE_MS = 60_000;
/** What a thread that ends by itself is given before. */
const THREAD_MS = 2500;
const ENDING_THREADS = ["mail", "queue", "store", "control"] as const;
/** The exit code of a relay of which a thread died. */
const THREAD_DIED = 70;

/** True where the promises did not hold. */
export function isBroken(report: KillReport): boolean {
  const { lost, unexplained, altered, uninvited, unrecorded, wronglyFailed, leftInQueue, leftFiles } = report;
  const { untold, toldTwice, wronglyTold } = report;
  const found = [lost, unexplained, altered, uninvited, unrecorded, wronglyFailed, untold, toldTwice, wronglyTold];
  return found.some((list) => list.length > 0) || leftInQueue > 0 || leftFiles > 0;
}

/** Rounds of load and SIGKILL on one data folder, then a drain, then the judgement. */
export async function killRounds(options: KillRunOptions): Promise<KillReport> {
  const run = await KillRun.prepare(options);
  try {
    return await run.play();
  } finally {
    await run.clear();
  }
}

class KillRun {
  readonly #options: KillRunOptions;
  readonly #chance: Chance;
  readonly #home = new RelayHome();
  readonly #hops: NextHops;
  readonly #traffic: Traffic;
  readonly #killedAt: number[] = [];
  /** Epochs whose kill under load took the next hop along. */
  readonly #killedWithSink = new Set<number>();
  readonly #lives = new Map<Life, number>();
  #endingTree: ReturnType<typeof plantedTree> | undefined;
  #process: RelayProcess | undefined;
  #epoch = -1;
  /** Mail threads of the relay at hand. */
  #threads = 1;
  #killsDuringStart = 0;
  #stopsInTime = 0;
  #killsWithOpenTransaction = 0;
  #killsWithQueue = 0;

  static async prepare(options: KillRunOptions): Promise<KillRun> {
    const holder: { run?: KillRun } = {};
    const traffic = new Traffic({
      seed: options.seed,
      connections: options.connections ?? 40,
      domain: (chance) => hops.domain(chance),
    });
    const hops = await (options.isMx === true ? exchangers : smartHost)({
      latencyMs: LATENCY_MS,
      chance: seeded(options.seed + 1),
      epoch: () => holder.run?.currentEpoch ?? 0,
      onCopy: (copy) => traffic.take(copy),
      onRefused: (recipient) => traffic.refuse(recipient),
      onDeferred: (recipient) => traffic.defer(recipient),
    });
    const run = new KillRun(options, hops, traffic);
    holder.run = run;
    return run;
  }

  private constructor(options: KillRunOptions, hops: NextHops, traffic: Traffic) {
    this.#options = options;
    this.#chance = seeded(options.seed);
    this.#hops = hops;
    this.#traffic = traffic;
  }

  get currentEpoch(): number {
    return this.#epoch;
  }

  async play(): Promise<KillReport> {
    const started = performance.now();
    const { rounds, loadMs = [1500, 5000], say, life } = this.#options;
    this.#traffic.start();
    for (let round = 1; round <= rounds; round++) {
      const drawn = life ?? lifeOf(round, this.#chance);
      await this.#round(drawn, between(this.#chance, ...loadMs));
      this.#lives.set(drawn, (this.#lives.get(drawn) ?? 0) + 1);
      const { acknowledged, pending } = this.#traffic;
      say?.(
        `round ${round} (${drawn}): ${acknowledged.length} acknowledged, ${pending.size} under way, ${this.#kills} kills`,
      );
    }
    await this.#traffic.finish();
    await this.#drain();
    return this.#report(performance.now() - started);
  }

  get #kills(): number {
    return this.#killedAt.filter(Number.isFinite).length;
  }

  #report(ms: number): KillReport {
    const { acknowledged, unknown, arrived, reports } = this.#traffic;
    const { data, folder } = this.#home;
    const { ended, failed, refused, ...ends } = endsIn(data, this.#hops, this.#traffic.refused);
    const told = [...reports.values()].flat();
    const verdict = judge({ acknowledged, unknown, arrived, refused, killedAt: this.#killedAt });
    const killsOfAll = this.#killedWithSink.size;
    const [repeatedWithSink, repeatedAlone] = this.#repeats(verdict.duplicates);
    const recipients = acknowledged.flatMap((sent) => sent.recipients);
    const toldOnce = new Set<string>();
    return {
      ...verdict,
      rounds: this.#options.rounds,
      seed: this.#options.seed,
      kills: this.#kills,
      lives: Object.fromEntries(LIVES.map((life) => [life, this.#lives.get(life) ?? 0])) as Record<Life, number>,
      killsDuringStart: this.#killsDuringStart,
      stopsInTime: this.#stopsInTime,
      killsWithOpenTransaction: this.#killsWithOpenTransaction,
      killsWithQueue: this.#killsWithQueue,
      killsOfAll,
      repeatedPerKillOfAll: repeatedWithSink / Math.max(1, killsOfAll),
      killsOfRelay: this.#kills - killsOfAll,
      repeatedPerKillOfRelay: repeatedAlone / Math.max(1, this.#kills - killsOfAll),
      ...ends,
      unrecorded: recipients.filter((recipient) => !ended.has(recipient)),
      reports: reports.size,
      toldTwice: told.filter((recipient) => toldOnce.size === toldOnce.add(recipient).size),
      untold: [...failed].filter((recipient) => !toldOnce.has(recipient)),
      wronglyTold: told.filter((recipient) => !failed.has(recipient)),
      leftInQueue: queuedIn(data),
      leftFiles: filesIn(data),
      fileSystem: fileSystemOf(folder),
      seconds: Math.round(ms / 1000),
    };
  }

  /** Transactions repeated after kills of all, and after those of the relay alone. */
  #repeats({ transactionsByKill }: Duplicates): [number, number] {
    const counts: [number, number] = [0, 0];
    for (const [epoch, count] of transactionsByKill) counts[this.#killedWithSink.has(epoch) ? 0 : 1] += count;
    return counts;
  }

  async clear(): Promise<void> {
    this.#traffic.abandon();
    if (this.#process?.isRunning === true) {
      this.#process.kill("SIGKILL");
      await this.#process.exited;
    }
    await this.#hops.close();
    this.#endingTree?.remove();
    this.#home.remove();
  }

  /** One relay from its start to its end; in some rounds others before it that do not get so far. */
  async #round(life: Life, loadMs: number): Promise<void> {
    if (life === "at-start") {
      this.#spawn();
      await sleep(this.#chance() * START_MS);
      await this.#kill();
    } else if (life === "twice") {
      for (const _ of [1, 2]) {
        this.#spawn();
        await sleep(this.#chance() * 50);
        await this.#kill();
      }
    }
    const thread = ENDING_THREADS[between(this.#chance, 0, 3)]!;
    const relay = life === "thread-ends" ? this.#spawnEnding(thread) : this.#spawn();
    const [port] = await relay.ports();
    this.#traffic.announce(port);
    if (life === "young") await sleep(this.#chance() * 100);
    else if (life !== "thread-ends") await this.#load(loadMs);
    if (life === "thread-ends" && thread !== "control") return this.#endByItself(relay);
    if (life === "thread-ends") await this.#outliveControl(relay, loadMs);
    if (life === "frozen") await this.#freeze(relay, loadMs);
    if (life === "in-reload") await this.#beginReload(relay);
    if (life === "in-stop") return this.#killStopping(relay);
    if (this.#chance() < 0.5) await this.#untilOpen();
    await this.#kill();
  }

  /** For a while, and until there is something to lose, however slow the machine is. */
  async #load(ms: number): Promise<void> {
    const wanted = this.#traffic.acknowledged.length + (this.#options.messagesMin ?? 0);
    const started = performance.now();
    await sleep(ms);
    while (this.#traffic.acknowledged.length < wanted && performance.now() - started < PATIENCE_MS) await sleep(20);
  }

  /** Until a message is between its final dot and the 250: the moment that matters most. */
  async #untilOpen(): Promise<void> {
    const deadline = performance.now() + OPEN_WITHIN_MS;
    while (!this.#traffic.isAnyOpen && performance.now() < deadline) await sleep(1);
  }

  async #freeze(relay: RelayProcess, loadMs: number): Promise<void> {
    relay.kill("SIGSTOP");
    await sleep(this.#options.freezeMs ?? FREEZE_MS);
    relay.kill("SIGCONT");
    await this.#load(loadMs);
  }

  /** With one listener more; the kill comes before, in the middle of it or behind. */
  async #beginReload(relay: RelayProcess): Promise<void> {
    this.#configure(2);
    relay.kill("SIGHUP");
    await sleep(this.#chance() * RELOAD_MS);
  }

  async #killStopping(relay: RelayProcess): Promise<void> {
    relay.kill("SIGTERM");
    await Promise.race([relay.exited, sleep(this.#chance() * STOP_MS)]);
    if (relay.isRunning) return this.#kill();
    const { code, signal } = await relay.exited;
    if (code !== 0) throw new Error(`the relay stopped with ${code ?? signal}: ${relay.told()}`);
    this.#stopsInTime++;
    this.#traffic.announce(undefined);
  }

  async #endByItself(relay: RelayProcess): Promise<void> {
    const { code } = await relay.exited;
    this.#killedAt[this.#epoch] = performance.now();
    this.#traffic.announce(undefined);
    if (code !== THREAD_DIED) throw new Error(`a thread ended, and the relay with ${code}: ${relay.told()}`);
  }

  /** What history and commands need may go: mail goes on. */
  async #outliveControl(relay: RelayProcess, loadMs: number): Promise<void> {
    await relay.event("control.failed");
    await this.#load(loadMs);
  }

  #configure(listeners: number): void {
    this.#home.configure({
      listeners: Array.from({ length: listeners }, () => ({ listen: "127.0.0.1:0", tls: "none" })),
      access: { networks: ["127.0.0.0/8"] },
      ...this.#hops.config,
      threads: this.#threads,
    });
  }

  #spawn(tree = this.#options.tree ?? TREE, environment: Readonly<Record<string, string>> = {}): RelayProcess {
    this.#threads = between(this.#chance, 1, 2);
    this.#configure(1);
    this.#epoch++;
    this.#killedAt[this.#epoch] = Number.POSITIVE_INFINITY;
    this.#process = new RelayProcess(this.#home, { tree, environment });
    return this.#process;
  }

  #spawnEnding(thread: (typeof ENDING_THREADS)[number]): RelayProcess {
    this.#endingTree ??= plantedTree("thread-ends");
    return this.#spawn(this.#endingTree.tree, {
      ENDING_THREAD: thread,
      ENDING_AFTER_MS: String(THREAD_MS * (0.5 + this.#chance())),
    });
  }

  async #kill(): Promise<void> {
    const relay = this.#process!;
    const hasStarted = this.#traffic.isAnnounced;
    this.#traffic.announce(undefined);
    if (!relay.isRunning)
      throw new Error(`the relay ended by itself: ${relay.errors}${relay.lines.slice(-3).join("\n")}`);
    if (this.#traffic.isAnyOpen) this.#killsWithOpenTransaction++;
    if (this.#traffic.pending.size > 0) this.#killsWithQueue++;
    if (!hasStarted) this.#killsDuringStart++;
    this.#killedAt[this.#epoch] = performance.now();
    relay.kill("SIGKILL");
    if (hasStarted && this.#chance() < 0.5) {
      this.#hops.die();
      this.#killedWithSink.add(this.#epoch);
    }
    await relay.exited;
  }

  /** With a sink that takes everything: what waits for its time is due, then all there is goes. */
  async #drain(): Promise<void> {
    this.#hops.calm();
    const deadline = performance.now() + (this.#options.drainMs ?? 180_000);
    await this.#upAndDown(() => Promise.resolve());
    makeAllDue(this.#home.data);
    await this.#upAndDown(async () => {
      while (queuedIn(this.#home.data) > 0 && performance.now() < deadline) await sleep(100);
    });
  }

  /** A relay that starts and stops in order. */
  async #upAndDown(meanwhile: () => Promise<void>): Promise<void> {
    const relay = this.#spawn();
    await relay.ports();
    await meanwhile();
    const end = await relay.stop();
    if (end.code !== 0) throw new Error(`the relay stopped with ${end.code ?? end.signal}: ${relay.errors}`);
  }
}
