import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileSystemOf } from "../support/file-system.ts";
import { between } from "../support/chance.ts";
import { PATIENCE_MS } from "../support/patience.ts";
import type { RelayProcess } from "../support/relay.ts";
import { type Findings, type Numbers, countsOf, linesOf } from "./findings.ts";
import { type Life, LIVES, lifeOf } from "./lives.ts";
import { plantedTree } from "./patched-copy.ts";
import { type Phase, PHASES } from "./phase.ts";
import { KILL_COUNTS, Rig, type RigOptions } from "./rig.ts";
import { sleep } from "../support/sleep.ts";

export interface KillRunOptions extends RigOptions {
  readonly rounds: number;
  /** More rounds follow until so many messages are acknowledged, `rounds` more at most. */
  readonly acknowledgedMin?: number;
  /** How long a relay is under load before it is killed. */
  readonly loadMs?: readonly [number, number];
  /** At least so many messages are acknowledged before a kill under load. */
  readonly messagesMin?: number;
  /** How long a relay is stopped before it goes on. */
  readonly freezeMs?: number;
  /** How all rounds end, instead of one of each and then by chance. */
  readonly life?: Life;
  readonly say?: (line: string) => void;
}

export interface KillReport {
  readonly findings: Findings;
  readonly rounds: number;
  /** Rounds by how the relay's life ended. */
  readonly lives: Readonly<Record<Life, number>>;
  /** Stops that were over before the kill came. */
  readonly stopsInTime: number;
  /** Rounds of two kills, both of a relay that had its store open. */
  readonly killsTwice: number;
  /** Kills: in all, by the phase in which they found the relay, with an open transaction, with a queue. */
  readonly kills: Numbers;
  readonly fileSystem: string;
  readonly seconds: number;
}

/** How long a kill that wants an open transaction waits for one. */
const OPEN_WITHIN_MS = 200;
const RELOAD_MS = 60;
/** Of a kill that follows another one, after the store is open again. */
const SOON_MS = 50;
const FREEZE_MS = 60_000;
/** What the relay is given, once it is up, before one of its threads ends by itself. */
const THREAD_MS = 2500;
const ENDING_THREADS = ["mail", "queue", "store", "control"] as const;
/** The exit code of a relay of which a thread died. */
const THREAD_DIED = 70;

/** Rounds of load and SIGKILL on one data folder, then a drain, then the judgement. */
export async function killRounds(options: KillRunOptions): Promise<KillReport> {
  const rig = await Rig.prepare(options);
  const run = new KillRun(options, rig);
  try {
    return await run.play();
  } finally {
    await rig.clear();
    run.clear();
    rig.home.remove();
  }
}

class KillRun {
  readonly #options: KillRunOptions;
  readonly #rig: Rig;
  readonly #lives = new Map<Life, number>();
  #endingTree: ReturnType<typeof plantedTree> | undefined;
  #endings = 0;
  #stopsInTime = 0;
  #killsTwice = 0;

  constructor(options: KillRunOptions, rig: Rig) {
    this.#options = options;
    this.#rig = rig;
  }

  async play(): Promise<KillReport> {
    const started = performance.now();
    const { rounds, acknowledgedMin = 0, loadMs = [1500, 5000], say, life } = this.#options;
    const { traffic, chance, home } = this.#rig;
    traffic.start();
    const isWanted = (round: number): boolean =>
      round < rounds || (round < 2 * rounds && traffic.acknowledged.length < acknowledgedMin);
    let round = 0;
    while (isWanted(round)) {
      round++;
      const drawn = life ?? lifeOf(round, chance);
      await this.#round(drawn, between(chance, ...loadMs));
      this.#lives.set(drawn, (this.#lives.get(drawn) ?? 0) + 1);
      const { acknowledged, pending } = traffic;
      say?.(
        `round ${round} (${drawn}): ${acknowledged.length} acknowledged, ${pending.size} under way, ${this.#rig.kills} kills`,
      );
    }
    await traffic.finish();
    await this.#rig.drain();
    return {
      findings: this.#rig.findings(),
      rounds: round,
      lives: Object.fromEntries(LIVES.map((each) => [each, this.#lives.get(each) ?? 0])) as Record<Life, number>,
      stopsInTime: this.#stopsInTime,
      killsTwice: this.#killsTwice,
      kills: this.#rig.counts(),
      fileSystem: fileSystemOf(home.folder),
      seconds: Math.round((performance.now() - started) / 1000),
    };
  }

  clear(): void {
    this.#endingTree?.remove();
  }

  /** One relay from its start to its end; in some rounds others before it that do not get so far. */
  async #round(life: Life, loadMs: number): Promise<void> {
    const { chance } = this.#rig;
    if (life === "at-start") await this.#killStarting();
    if (life === "twice") {
      const phases = [await this.#killStarting(SOON_MS), await this.#killStarting(SOON_MS)];
      if (phases.every((phase) => phase === "store-open")) this.#killsTwice++;
    }
    const thread = ENDING_THREADS[between(chance, 0, 3)]!;
    const relay = life === "thread-ends" ? this.#spawnEnding(thread) : this.#rig.spawn();
    await this.#rig.open();
    if (life === "young") await sleep(chance() * 100);
    else if (life !== "thread-ends") await this.#load(loadMs);
    if (life === "thread-ends") await this.#endThread();
    if (life === "thread-ends" && thread !== "control") return this.#endByItself(relay);
    if (life === "thread-ends") await this.#outliveControl(relay, loadMs);
    if (life === "frozen") await this.#freeze(relay, loadMs);
    if (life === "in-reload") await this.#beginReload();
    if (life === "in-stop") return this.#killStopping();
    if (chance() < 0.5) await this.#untilOpen();
    await this.#kill();
  }

  /** A relay that is killed while it starts: it may have begun to write. */
  #killStarting(withinMs?: number): Promise<Phase | undefined> {
    this.#rig.spawn();
    return this.#rig.killStarting(this.#withHops, withinMs);
  }

  async #kill(): Promise<void> {
    await this.#rig.kill(this.#withHops);
  }

  get #withHops(): boolean {
    return this.#rig.chance() < 0.5;
  }

  /** For a while, and until there is something to lose, however slow the machine is. */
  async #load(ms: number): Promise<void> {
    const { acknowledged } = this.#rig.traffic;
    const wanted = acknowledged.length + (this.#options.messagesMin ?? 0);
    const started = performance.now();
    await sleep(ms);
    while (acknowledged.length < wanted && performance.now() - started < PATIENCE_MS) await sleep(20);
  }

  /** Until a message is between its final dot and the 250: the moment that matters most. */
  async #untilOpen(): Promise<void> {
    const deadline = performance.now() + OPEN_WITHIN_MS;
    while (!this.#rig.traffic.isAnyOpen && performance.now() < deadline) await sleep(1);
  }

  async #freeze(relay: RelayProcess, loadMs: number): Promise<void> {
    await this.#rig.times.end();
    relay.kill("SIGSTOP");
    await sleep(this.#options.freezeMs ?? FREEZE_MS);
    relay.kill("SIGCONT");
    this.#rig.times.begin();
    await this.#load(loadMs);
  }

  /** The kill comes before, in the middle of it or behind. */
  async #beginReload(): Promise<void> {
    this.#rig.beginReload();
    await sleep(this.#rig.chance() * RELOAD_MS);
  }

  async #killStopping(): Promise<void> {
    if ((await this.#rig.killStopping(this.#withHops)) === undefined) this.#stopsInTime++;
  }

  async #endByItself(relay: RelayProcess): Promise<void> {
    const { code } = await relay.exited;
    await this.#rig.ended();
    if (code !== THREAD_DIED) throw new Error(`a thread ended, and the relay with ${code}: ${relay.told()}`);
  }

  /** What history and commands need may go: mail goes on. */
  async #outliveControl(relay: RelayProcess, loadMs: number): Promise<void> {
    await relay.event("control.failed");
    await this.#load(loadMs);
  }

  #spawnEnding(thread: (typeof ENDING_THREADS)[number]): RelayProcess {
    this.#endingTree ??= plantedTree("thread-ends");
    this.#endings++;
    return this.#rig.spawn(this.#endingTree.tree, {
      ENDING_THREAD: thread,
      ENDING_AT_FILE: this.#endingFile(),
    });
  }

  /** Once the relay is up, however slow the machine is. */
  async #endThread(): Promise<void> {
    await sleep(THREAD_MS * (0.5 + this.#rig.chance()));
    writeFileSync(this.#endingFile(), "");
  }

  /** The thread ends when it is there: another one for each relay. */
  #endingFile(): string {
    return join(this.#rig.home.folder, `end-${this.#endings}`);
  }
}

/** For people. */
export function killLines(report: KillReport): readonly string[] {
  const { kills, lives } = report;
  return [
    `rounds                        ${report.rounds} (${report.seconds} s, on ${report.fileSystem})`,
    `  by how they end             ${LIVES.map((life) => `${life} ${lives[life]}`).join(", ")}`,
    `kills                         ${kills["kills"]}; ${report.stopsInTime} more came too late: the relay had stopped in order`,
    `  by what they came into      ${PHASES.map((phase) => `${phase} ${kills[KILL_COUNTS[phase]]}`).join(", ")}; twice in starts ${report.killsTwice}`,
    `  with an open transaction    ${kills["killsWithOpenTransaction"]}`,
    `  with a queue                ${kills["killsWithQueue"]}`,
    ...linesOf(report.findings),
  ];
}

/** For a result file. */
export function killCounts({ findings, rounds, lives, stopsInTime, killsTwice, kills }: KillReport): Numbers {
  return {
    rounds,
    ...kills,
    stopsInTime,
    killsTwice,
    threadEnds: lives["thread-ends"],
    freezes: lives.frozen,
    ...countsOf(findings),
  };
}
