import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Chance, between, seeded } from "../support/chance.ts";
import { fileSystemOf } from "../support/file-system.ts";
import { PATIENCE_MS } from "../support/patience.ts";
import { RelayHome, RelayProcess, TREE } from "../support/relay.ts";
import { ConnectionLostError, MessageFactory, SourceSession } from "../support/source.ts";
import { type Arrived, type Duplicates, type Sent, type Verdict, judge } from "./account.ts";
import { type NextHops, exchangers, smartHost } from "./next-hops.ts";

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
  /** How long all that is left may take at the end. */
  readonly drainMs?: number;
  readonly say?: (line: string) => void;
}

export interface KillReport extends Verdict {
  readonly rounds: number;
  readonly seed: number;
  readonly kills: number;
  readonly killsDuringStart: number;
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
const LARGEST_OCTETS = 5 * 1024 * 1024;
/** The source waits while this much is acknowledged and on its way, so that the drain has an end. */
const BACKLOG_MAX = 3000;

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
  readonly #factory: MessageFactory;
  readonly #sessions = new Set<SourceSession>();
  readonly #acknowledged: Sent[] = [];
  readonly #unknown: Sent[] = [];
  readonly #arrived: Arrived[] = [];
  readonly #refused = new Set<string>();
  /** Reports to senders: whom each is about, by its Message-ID. */
  readonly #reports = new Map<string, readonly string[]>();
  /** Acknowledged, and neither taken nor refused by the sink. */
  readonly #pending = new Set<string>();
  /** Of those, what the sink put off: it waits for minutes, and holds nobody up. */
  readonly #deferred = new Set<string>();
  readonly #settled = new Set<string>();
  readonly #killedAt: number[] = [];
  /** Epochs whose kill under load took the next hop along. */
  readonly #killedWithSink = new Set<number>();
  #process: RelayProcess | undefined;
  #epoch = -1;
  #port: number | undefined;
  #isOver = false;
  #wake: (() => void)[] = [];
  #killsDuringStart = 0;
  #killsWithOpenTransaction = 0;
  #killsWithQueue = 0;

  static async prepare(options: KillRunOptions): Promise<KillRun> {
    const chance = seeded(options.seed);
    const holder: { run?: KillRun } = {};
    const hops = await (options.isMx === true ? exchangers : smartHost)({
      latencyMs: LATENCY_MS,
      chance: seeded(options.seed + 1),
      epoch: () => holder.run?.currentEpoch ?? 0,
      onCopy: (copy) => {
        if (copy.from === "") return holder.run?.report(copy.raw!);
        for (const recipient of copy.recipients) {
          const { hash, loggedAt, epoch, wasClosed } = copy;
          holder.run?.arrive({ recipient, hash, loggedAt, epoch, wasClosed });
        }
        return undefined;
      },
      onRefused: (recipient) => holder.run?.refuse(recipient),
      onDeferred: (recipient) => holder.run?.defer(recipient),
    });
    const run = new KillRun(options, chance, hops);
    holder.run = run;
    return run;
  }

  private constructor(options: KillRunOptions, chance: Chance, hops: NextHops) {
    this.#options = options;
    this.#chance = chance;
    this.#hops = hops;
    this.#factory = new MessageFactory(`s${options.seed}m`, chance, LARGEST_OCTETS);
  }

  get currentEpoch(): number {
    return this.#epoch;
  }

  arrive(arrival: Arrived): void {
    this.#arrived.push(arrival);
    this.#settle(arrival.recipient);
  }

  refuse(recipient: string): void {
    this.#refused.add(recipient);
    this.#settle(recipient);
  }

  report(raw: Buffer): void {
    const text = raw.toString("latin1");
    const id = /^Message-ID: (\S+)\r$/m.exec(text)?.[1] ?? "";
    const about = [...text.matchAll(/^Final-Recipient: rfc822; (\S+)\r$/gm)].map((found) => found[1]!);
    this.#reports.set(id, about);
    for (const recipient of about) this.#settle(recipient);
  }

  defer(recipient: string): void {
    this.#deferred.add(recipient);
  }

  async play(): Promise<KillReport> {
    const started = performance.now();
    const { rounds, seed, connections = 40, loadMs = [1500, 5000], say } = this.#options;
    const sources = Array.from({ length: connections }, (_, at) => this.#source(at));
    for (let round = 1; round <= rounds; round++) {
      await this.#round(between(this.#chance, ...loadMs));
      say?.(
        `round ${round}: ${this.#acknowledged.length} acknowledged, ${this.#pending.size} under way, ${this.#killedAt.length} kills`,
      );
    }
    this.#isOver = true;
    this.#announce(undefined);
    await Promise.all(sources);
    await this.#drain();
    const { failed, refused, wronglyFailed, ...history } = this.#history();
    const told = [...this.#reports.values()].flat();
    const verdict = judge({
      acknowledged: this.#acknowledged,
      unknown: this.#unknown,
      arrived: this.#arrived,
      refused,
      killedAt: this.#killedAt,
    });
    const kills = this.#killedAt.filter(Number.isFinite).length;
    const killsOfAll = this.#killedWithSink.size;
    const [repeatedWithSink, repeatedAlone] = this.#repeats(verdict.duplicates);
    return {
      ...verdict,
      rounds,
      seed,
      kills,
      killsDuringStart: this.#killsDuringStart,
      killsWithOpenTransaction: this.#killsWithOpenTransaction,
      killsWithQueue: this.#killsWithQueue,
      killsOfAll,
      repeatedPerKillOfAll: repeatedWithSink / Math.max(1, killsOfAll),
      killsOfRelay: kills - killsOfAll,
      repeatedPerKillOfRelay: repeatedAlone / Math.max(1, kills - killsOfAll),
      ...history,
      wronglyFailed,
      reports: this.#reports.size,
      untold: [...failed].filter((recipient) => !told.includes(recipient)),
      toldTwice: told.filter((recipient, at) => told.indexOf(recipient) !== at),
      wronglyTold: told.filter((recipient) => !failed.has(recipient)),
      leftInQueue: this.#queued(),
      leftFiles: this.#files(),
      fileSystem: fileSystemOf(this.#home.folder),
      seconds: Math.round((performance.now() - started) / 1000),
    };
  }

  /** Transactions repeated after kills of all, and after those of the relay alone. */
  #repeats({ transactionsByKill }: Duplicates): [number, number] {
    const counts: [number, number] = [0, 0];
    for (const [epoch, count] of transactionsByKill) counts[this.#killedWithSink.has(epoch) ? 0 : 1] += count;
    return counts;
  }

  async clear(): Promise<void> {
    this.#isOver = true;
    this.#announce(undefined);
    for (const session of this.#sessions) session.destroy();
    if (this.#process?.isRunning === true) {
      this.#process.kill("SIGKILL");
      await this.#process.exited;
    }
    await this.#hops.close();
    this.#home.remove();
  }

  /** One relay from its start to its end by SIGKILL; in some rounds others before it that do not get so far. */
  async #round(loadMs: number): Promise<void> {
    const kind = this.#chance();
    if (kind < 0.15) {
      // Killed while it starts: somewhere between its first instruction and its first mail.
      this.#spawn();
      await sleep(this.#chance() * 600);
      await this.#kill();
    } else if (kind < 0.3) {
      // Twice within 100 ms.
      this.#spawn();
      await sleep(this.#chance() * 50);
      await this.#kill();
      this.#spawn();
      await sleep(this.#chance() * 50);
      await this.#kill();
    }
    const relay = this.#spawn();
    const [port] = await relay.ports();
    this.#announce(port);
    if (kind >= 0.3 && kind < 0.36) await sleep(this.#chance() * 100);
    else await this.#load(loadMs);
    if (this.#chance() < 0.5) await this.#untilOpen();
    await this.#kill();
  }

  /** For a while, and until there is something to lose, however slow the machine is. */
  async #load(ms: number): Promise<void> {
    const wanted = this.#acknowledged.length + (this.#options.messagesMin ?? 0);
    const started = performance.now();
    await sleep(ms);
    while (this.#acknowledged.length < wanted && performance.now() - started < PATIENCE_MS) await sleep(20);
  }

  /** Until a message is between its final dot and the 250: the moment that matters most. */
  async #untilOpen(): Promise<void> {
    const deadline = performance.now() + OPEN_WITHIN_MS;
    while (!this.#isAnyOpen() && performance.now() < deadline) await sleep(1);
  }

  #isAnyOpen(): boolean {
    return [...this.#sessions].some((session) => session.isOpen);
  }

  #spawn(): RelayProcess {
    this.#home.configure({
      listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
      access: { networks: ["127.0.0.0/8"] },
      ...this.#hops.config,
      threads: between(this.#chance, 1, 2),
    });
    this.#epoch++;
    this.#killedAt[this.#epoch] = Number.POSITIVE_INFINITY;
    this.#process = new RelayProcess(this.#home, { tree: this.#options.tree ?? TREE });
    return this.#process;
  }

  async #kill(): Promise<void> {
    const relay = this.#process!;
    const hasStarted = this.#port !== undefined;
    this.#announce(undefined);
    if (!relay.isRunning)
      throw new Error(`the relay ended by itself: ${relay.errors}${relay.lines.slice(-3).join("\n")}`);
    if (this.#isAnyOpen()) this.#killsWithOpenTransaction++;
    if (this.#pending.size > 0) this.#killsWithQueue++;
    if (!hasStarted) this.#killsDuringStart++;
    this.#killedAt[this.#epoch] = performance.now();
    relay.kill("SIGKILL");
    if (hasStarted && this.#chance() < 0.5) {
      this.#hops.die();
      this.#killedWithSink.add(this.#epoch);
    }
    await relay.exited;
  }

  /** Sends over one connection after the other, as long as there are rounds. */
  async #source(at: number): Promise<void> {
    const chance = seeded(this.#options.seed * 1000 + at);
    while (!this.#isOver) {
      const port = await this.#nextPort();
      if (port === undefined) continue;
      let session: SourceSession | undefined;
      try {
        session = await SourceSession.connect({ port });
        this.#sessions.add(session);
        for (let left = between(chance, 1, 50); left > 0 && !session.isLost && !this.#isOver; left--) {
          while (this.#pending.size - this.#deferred.size > BACKLOG_MAX && !session.isLost && !this.#isOver)
            await sleep(20);
          await this.#send(session, chance);
        }
        await session.quit();
      } catch (error) {
        if (!(error instanceof ConnectionLostError)) throw error;
        await sleep(10);
      } finally {
        if (session !== undefined) {
          session.destroy();
          this.#sessions.delete(session);
        }
      }
    }
  }

  async #send(session: SourceSession, chance: Chance): Promise<void> {
    const recipients = chance() < 0.9 ? between(chance, 1, 2) : between(chance, 3, 50);
    const message = this.#factory.make(sizeOf(chance), recipients, () => this.#hops.domain(chance));
    const result = await session.send(message);
    if (result.kind === "unknown") this.#unknown.push({ recipients: result.recipients, hash: message.hash });
    if (result.kind !== "acknowledged") return;
    this.#acknowledged.push({ recipients: result.recipients, hash: message.hash });
    for (const recipient of result.recipients) if (!this.#settled.has(recipient)) this.#pending.add(recipient);
  }

  #settle(recipient: string): void {
    this.#settled.add(recipient);
    this.#pending.delete(recipient);
    this.#deferred.delete(recipient);
  }

  #announce(port: number | undefined): void {
    this.#port = port;
    if (port === undefined && !this.#isOver) return;
    for (const wake of this.#wake.splice(0)) wake();
  }

  async #nextPort(): Promise<number | undefined> {
    if (this.#port === undefined) await new Promise<void>((resolve) => this.#wake.push(resolve));
    return this.#port;
  }

  /** With a sink that takes everything: what waits for its time is due, then all there is goes. */
  async #drain(): Promise<void> {
    this.#hops.calm();
    const deadline = performance.now() + (this.#options.drainMs ?? 180_000);
    await this.#upAndDown(() => Promise.resolve());
    makeAllDue(this.#home.queueFile);
    await this.#upAndDown(async () => {
      while (this.#queued() > 0 && performance.now() < deadline) await sleep(100);
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

  #queued(): number {
    return read(this.#home.queueFile, "SELECT count(*) AS n FROM delivery").reduce(
      (sum, row) => sum + Number(row["n"]),
      0,
    );
  }

  #files(): number {
    const folder = path.join(this.#home.data, "content");
    return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;
  }

  /** What the relay recorded: ends that are missing, and failures with whether they had to be. */
  #history(): Ends {
    const folder = path.join(this.#home.data, "history");
    const ended = new Set<string>();
    const failed = new Set<string>();
    const refused = new Set(this.#refused);
    const wronglyFailed: string[] = [];
    const byReason = { dns: 0, time: 0 };
    const days = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".db")) : [];
    for (const name of days) {
      const rows = read(
        path.join(folder, name),
        "SELECT recipient, outcome, note, at - received_at AS age FROM attempt WHERE outcome IN ('delivered', 'failed')",
      );
      for (const row of rows) {
        const recipient = String(row["recipient"]);
        ended.add(recipient);
        if (row["outcome"] !== "failed") continue;
        failed.add(recipient);
        const hasNobody = this.#hops.isNowhere(recipient.slice(recipient.indexOf("@") + 1));
        const isExpired = String(row["note"]).startsWith("expired");
        const isNowhere = hasNobody && !isExpired; // which is certain at once, and nothing to wait for
        const isOver = isExpired && !hasNobody && Number(row["age"]) >= this.#hops.expireMs;
        if (isNowhere) byReason.dns++;
        if (isOver) byReason.time++;
        if (isNowhere || isOver) refused.add(recipient);
        if (!refused.has(recipient)) wronglyFailed.push(recipient);
      }
    }
    const acknowledged = this.#acknowledged.flatMap(({ recipients }) => recipients);
    return {
      unrecorded: acknowledged.filter((recipient) => !ended.has(recipient)),
      failedByDns: byReason.dns,
      expired: byReason.time,
      failed,
      refused,
      wronglyFailed,
    };
  }
}

interface Ends extends Pick<KillReport, "unrecorded" | "wronglyFailed" | "failedByDns" | "expired"> {
  readonly failed: ReadonlySet<string>;
  /** By a sink, by the DNS, or by age. */
  readonly refused: ReadonlySet<string>;
}

/** Mostly small, so that a round has many; one in some hundred is large enough to be a content file of megabytes. */
function sizeOf(chance: Chance): number {
  const kind = chance();
  if (kind < 0.85) return between(chance, 1024, 8 * 1024);
  if (kind < 0.97) return between(chance, 8 * 1024, 64 * 1024);
  if (kind < 0.995) return between(chance, 64 * 1024, 512 * 1024);
  return between(chance, 512 * 1024, LARGEST_OCTETS);
}

/** Turns the clock, as it were: on a store that no relay has open, what waits for a time waits no longer. */
function makeAllDue(queueFile: string): void {
  const database = new DatabaseSync(queueFile);
  const now = Date.now();
  database.prepare("UPDATE delivery SET due = min(due, ?) WHERE state = 0").run(now);
  database.prepare("UPDATE lane SET wake_at = ?, blocked_until = 0").run(now);
  database.close();
}

function read(file: string, sql: string): Record<string, unknown>[] {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    database.exec("PRAGMA busy_timeout = 5000");
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
