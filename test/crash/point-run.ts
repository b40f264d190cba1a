import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { AccountingSink } from "../support/accounting-sink.ts";
import { seeded } from "../support/chance.ts";
import { RelayHome, RelayProcess } from "../support/relay.ts";
import { SEEDED_FROM, seedQueue } from "../support/seeded-queue.ts";
import { ConnectionLostError, MessageFactory, ReplyError, SourceSession } from "../support/source.ts";
import { type Arrived, type Ended, type Sent, judge } from "./account.ts";
import { type Said, saidTooSoon } from "./failed-sync.ts";
import { type Fault, type Point, attach, commonTo, injected, metIn, pointsIn, threadsOf, watched } from "./points.ts";
import { endsIn, filesIn, makeAllDue, queuedIn, scheduleIn } from "./records.ts";
import { judgeReports, reportOf } from "./reports.ts";
import { sleep } from "../support/sleep.ts";
import { WRONGS_OF_ONE_LIFE } from "./wrongs.ts";

// A fixed scenario, once for each crash point: a queue from before, five messages, a stop; then a start without a fault, after which
// everything has to be as it was said.

export interface PointReport {
  /** The fault was met: else the scenario had no such call this time. */
  readonly isMet: boolean;
  /** What did not hold. */
  readonly violations: readonly string[];
}

export interface PointOptions {
  /** The tree whose relay it is. */
  readonly tree?: string;
}

/** Of before: they wait in the queue when the relay starts. */
const SEEDED = 5;
const WATCHED_RUNS = 3;
/** What no scenario takes, however slow the machine. */
const ENDED_MS = 30_000;
const SETTLED_MS = 20_000;
const KILLED = "SIGKILL";
/** Exit codes that a fault of the disk may lead to: in order, a thread that died, a start that asks for another. */
const EXITS: ReadonlySet<number | null> = new Set([0, 70, 75, 78]);

const LETTERS: readonly (readonly [octets: number, domain: string])[] = [
  [2000, "dest.test"],
  [200_000, "dest.test"],
  [2000, "late.test"],
  [2000, "refused.test"],
  [3000, "dest.test"],
];

/** All points of the scenario, from runs without a fault. */
export async function scenarioPoints(options: PointOptions = {}): Promise<readonly Point[]> {
  const runs: (readonly Point[])[] = [];
  for (let n = 0; n < WATCHED_RUNS; n++) runs.push(await watchedRun(options));
  return commonTo(runs);
}

async function watchedRun(options: PointOptions): Promise<readonly Point[]> {
  const world = await World.make(options);
  try {
    const out = path.join(world.home.folder, "calls.out");
    const relay = world.start(watched(out));
    const [port] = await relay.ports();
    const upAfter = readFileSync(out, "latin1").split("\n").length - 1;
    const threads = threadsOf(relay);
    await world.drive(port!);
    await world.stop(relay);
    return await pointsIn(out, world.home.data, upAfter, threads);
  } finally {
    await world.remove();
  }
}

export async function runPoint(point: Point, fault: Fault, options: PointOptions = {}): Promise<PointReport> {
  const world = await World.make(options);
  try {
    return await world.meet(point, fault);
  } finally {
    await world.remove();
  }
}

class World {
  readonly home = new RelayHome();
  readonly #options: PointOptions;
  readonly #sink: AccountingSink;
  readonly #refusals: readonly Ended[];
  readonly #factory = new MessageFactory("c", seeded(1), 300_000);
  readonly #acknowledged: Sent[] = [];
  readonly #unknown: Sent[] = [];
  /** What the first relay acknowledged. */
  readonly #said: Said[] = [];
  readonly #violations: string[] = [];
  readonly #relays: RelayProcess[] = [];
  /** Moments at which the first relay had nothing to wait for, or told the sink something: it could record what was answered. */
  readonly #signs: number[] = [];
  #diedAt = Number.POSITIVE_INFINITY;
  #isSecondLife = false;

  static async make(options: PointOptions): Promise<World> {
    const holder: { world?: World } = {};
    const refusals: Ended[] = [];
    const sink = await AccountingSink.start({
      onTold: () => holder.world?.see(),
      onRefusalEnd: (recipient, epoch) => refusals.push({ recipient, loggedAt: performance.now(), epoch }),
      epoch: () => (holder.world?.isSecondLife === true ? 1 : 0),
      fateOf: (recipient) => {
        if (recipient.endsWith("@refused.test")) return "permfail";
        return recipient.endsWith("@late.test") && holder.world?.isSecondLife !== true ? "tempfail" : undefined;
      },
    });
    holder.world = new World(options, sink, refusals);
    return holder.world;
  }

  private constructor(options: PointOptions, sink: AccountingSink, refusals: readonly Ended[]) {
    this.#options = options;
    this.#refusals = refusals;
    this.#sink = sink;
    this.home.configure({
      listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
      access: { networks: ["127.0.0.0/8"] },
      smarthosts: { sink: { url: `smtp://127.0.0.1:${sink.port}`, tls: "none" } },
      routes: [{ deliver: "sink" }],
      threads: 1,
    });
    const before = seedQueue(this.home, { count: SEEDED, lane: "smarthost/sink", due: Date.now() });
    this.#acknowledged.push({ from: SEEDED_FROM, recipients: before.map(({ recipient }) => recipient), hash: "" });
  }

  /** The first relay is at work. */
  see(): void {
    if (!this.#isSecondLife) this.#signs.push(performance.now());
  }

  get isSecondLife(): boolean {
    return this.#isSecondLife;
  }

  start(under: readonly string[] = []): RelayProcess {
    const { tree } = this.#options;
    const environment = { UV_THREADPOOL_SIZE: "1" };
    const relay = new RelayProcess(this.home, { under, environment, ...(tree === undefined ? {} : { tree }) });
    this.#relays.push(relay);
    return relay;
  }

  async meet(point: Point, fault: Fault): Promise<PointReport> {
    const out = path.join(this.home.folder, "fault.out");
    const under = injected(point, fault, this.home, out);
    const relay = this.start(under);
    const isOfContent = point.file === undefined;
    if (under === undefined && !isOfContent) await attach(relay, point, fault, { home: this.home, out });
    const port = await this.#up(relay);
    if (port !== undefined) {
      if (isOfContent) await attach(relay, point, fault, { home: this.home, out });
      await this.drive(port);
      await this.stop(relay);
    }
    await this.#ended(relay, fault);
    const met = metIn(textOf(out), point, fault, this.home.data);
    if (met !== undefined)
      for (const recipient of saidTooSoon(point, fault, met, this.#said))
        this.#violations.push(`${recipient} has a 250 and no sync`);
    await this.#secondLife();
    return { isMet: met !== undefined, violations: [...this.#violations] };
  }

  /** The port; undefined where it ended before it had one. */
  async #up(relay: RelayProcess): Promise<number | undefined> {
    try {
      return (await relay.ports())[0];
    } catch (error) {
      if (relay.isRunning) throw error;
      return undefined;
    }
  }

  async #ended(relay: RelayProcess, fault: Fault): Promise<void> {
    const end = await Promise.race([relay.exited, sleep(ENDED_MS)]);
    this.#isSecondLife = true;
    // Who stopped in order has recorded all that it did: nothing may come twice.
    if (end?.code !== 0) this.#diedAt = performance.now();
    if (end === undefined) {
      this.#violations.push(`it neither went on nor ended: ${relay.told()}`);
      relay.kill(KILLED);
      await relay.exited;
    } else if (!(fault === "kill" && end.signal === KILLED) && !EXITS.has(end.code))
      this.#violations.push(`it ended with ${end.code ?? end.signal}: ${relay.told()}`);
  }

  /** Five messages over one connection; what the relay says to each is noted. */
  async drive(port: number): Promise<void> {
    try {
      const session = await SourceSession.connect({ port });
      for (const [octets, domain] of LETTERS) await this.#send(session, octets, domain);
      await session.quit();
    } catch (error) {
      if (!(error instanceof ConnectionLostError || (error instanceof ReplyError && error.reply.startsWith("4"))))
        throw error;
    }
    await this.#settled();
  }

  async #send(session: SourceSession, octets: number, domain: string): Promise<void> {
    const message = this.#factory.make(octets, 1, () => domain);
    const sentAt = Date.now();
    const result = await session.send(message);
    const { from, hash, recipients } = message;
    if (result.kind === "acknowledged") {
      this.#acknowledged.push({ from, recipients, hash });
      if (!this.isSecondLife) this.#said.push({ recipients, sentAt, saidAt: Date.now() });
    }
    if (result.kind === "unknown") this.#unknown.push({ from, recipients, hash });
    if (result.kind === "refused" && !result.reply.startsWith("4"))
      this.#violations.push(`our own trouble was the sender's: ${result.reply}`);
  }

  /** Until all that can go has gone, or the relay has; or for a moment, since a fault may have put something off. */
  async #settled(): Promise<void> {
    const relay = this.#relays.at(-1)!;
    const deadline = performance.now() + 400;
    while (relay.isRunning && this.#missing().length > 0 && performance.now() < deadline) {
      await sleep(5);
      this.see();
    }
  }

  /** Acknowledged, and neither taken nor refused; but for what this life puts off. */
  #missing(): readonly string[] {
    const taken = new Set([...this.#sink.recipients(), ...this.#sink.refused]);
    return this.#acknowledged
      .flatMap(({ recipients }) => recipients)
      .filter((recipient) => !taken.has(recipient) && (this.isSecondLife || !recipient.endsWith("@late.test")));
  }

  async stop(relay: RelayProcess): Promise<void> {
    relay.kill("SIGTERM");
    await Promise.race([relay.exited, sleep(ENDED_MS)]);
  }

  async #secondLife(): Promise<void> {
    if (hasSchema(this.home.queueFile)) {
      this.#violations.push(...scheduleIn(this.home.data).asleep);
      makeAllDue(this.home.data);
    }
    const relay = this.start();
    const port = await this.#up(relay);
    if (port === undefined) {
      this.#violations.push(`it does not start again: ${relay.told()}`);
      return;
    }
    const before = this.#acknowledged.length;
    await this.drive(port);
    const taken = this.#acknowledged.length - before;
    if (taken < LETTERS.length) this.#violations.push(`the next life took ${taken} of ${LETTERS.length} messages`);
    const deadline = performance.now() + SETTLED_MS;
    while (queuedIn(this.home.data) > 0 && performance.now() < deadline) await sleep(20);
    const { code } = await relay.stop();
    if (code !== 0) this.#violations.push(`it stopped with ${code}: ${relay.told()}`);
    this.#judge();
  }

  #judge(): void {
    const arrived: Arrived[] = this.#sink.copies
      .filter(({ from }) => from !== "")
      .flatMap(({ from, recipients, hash, loggedAt, epoch, wasClosed }) =>
        recipients.map((recipient) => ({ from, recipient, hash, loggedAt, epoch, wasClosed })),
      );
    const refused = new Set(this.#sink.refused);
    const lives = { killedAt: [this.#diedAt, Number.POSITIVE_INFINITY], signs: this.#signs };
    const mail = judge({
      acknowledged: this.#acknowledged,
      unknown: this.#unknown,
      arrived,
      refused,
      refusals: this.#refusals,
      lives,
    });
    const reports = judgeReports({
      sent: [...this.#acknowledged, ...this.#unknown],
      reports: this.#sink.copies.filter(({ from }) => from === "").map(reportOf),
      failed: refused,
      couldFail: refused,
      lives,
    });
    const { ended, failed } = endsIn(this.home.data);
    const verdict = {
      ...mail,
      ...reports,
      unrecorded: this.#acknowledged.flatMap(({ recipients }) => recipients).filter((one) => !ended.has(one)),
      wronglyFailed: [...failed.keys()].filter((recipient) => !refused.has(recipient)),
    };
    for (const wrong of WRONGS_OF_ONE_LIFE)
      if (verdict[wrong].length > 0) this.#violations.push(`${wrong}: ${verdict[wrong].join(" ")}`);
    if (queuedIn(this.home.data) > 0) this.#violations.push("something is left in the queue");
    if (filesIn(this.home.data) > 0) this.#violations.push("content is left without a message");
    const whole = integrity(this.home.queueFile);
    if (whole !== "ok") this.#violations.push(`the store is damaged: ${whole}`);
  }

  async remove(): Promise<void> {
    for (const relay of this.#relays) {
      if (relay.isRunning) relay.kill(KILLED);
      await relay.exited;
    }
    await this.#sink.close();
    this.home.remove();
  }
}

/** Empty where there is no such file. */
function textOf(file: string): string {
  return existsSync(file) ? readFileSync(file, "latin1") : "";
}

function hasSchema(file: string): boolean {
  const database = new DatabaseSync(file);
  try {
    return database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'lane'").get() !== undefined;
  } finally {
    database.close();
  }
}

function integrity(file: string): string {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return String(database.prepare("PRAGMA integrity_check").get()?.["integrity_check"]);
  } finally {
    database.close();
  }
}
