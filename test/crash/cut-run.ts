import { statSync } from "node:fs";
import path from "node:path";
import { between } from "../support/chance.ts";
import { DiskImage } from "./disk-image.ts";
import { type Findings, type Numbers, countsOf, linesOf } from "./findings.ts";
import { loseTail } from "./log-tail.ts";
import { Rig, type RigOptions } from "./rig.ts";
import { sleep } from "./traffic.ts";

// Power cuts under load: the data folder is on a disk that forgets what was not synced.

const MOMENTS = ["under-load", "in-checkpoint", "with-backlog", "at-start", "in-stop"] as const;
export type Moment = (typeof MOMENTS)[number];

export interface CutRunOptions extends RigOptions {
  readonly cuts: number;
  readonly loadMs?: readonly [number, number];
  /** When all cuts come, instead of each in turn. */
  readonly moment?: Moment;
  /** What the power took of the store's log beyond what it may take: this share of it, for a control. */
  readonly tailLost?: number;
  readonly say?: (line: string) => void;
}

export interface CutReport {
  readonly findings: Findings;
  readonly cuts: number;
  readonly moments: Readonly<Record<Moment, number>>;
  readonly seconds: number;
}

const DISK_MIB = 1024;
const START_MS = 600;
const STOP_MS = 400;
/** How long a checkpoint is waited for; it comes with every 8 MiB of log. */
const CHECKPOINT_MS = 5000;
/** Recipients that wait, in a queue that is to be one. */
const BACKLOG = 2000;
const BACKLOG_MS = 10_000;

export async function powerCuts(options: CutRunOptions): Promise<CutReport> {
  const rig = await Rig.prepare(options);
  const disk = new DiskImage(rig.home.data, DISK_MIB);
  try {
    return await new CutRun(options, rig, disk).play();
  } finally {
    await rig.clear();
    disk.remove();
    rig.home.remove();
  }
}

class CutRun {
  readonly #options: CutRunOptions;
  readonly #rig: Rig;
  readonly #disk: DiskImage;

  constructor(options: CutRunOptions, rig: Rig, disk: DiskImage) {
    this.#options = options;
    this.#rig = rig;
    this.#disk = disk;
  }

  async play(): Promise<CutReport> {
    const started = performance.now();
    const { cuts, loadMs = [1000, 4000], moment, tailLost = 0, say } = this.#options;
    const { traffic, chance } = this.#rig;
    const moments = Object.fromEntries(MOMENTS.map((each) => [each, 0])) as Record<Moment, number>;
    traffic.start();
    for (let n = 1; n <= cuts; n++) {
      const at = moment ?? MOMENTS[(n - 1) % MOMENTS.length]!;
      await this.#untilCut(at, between(chance, ...loadMs));
      moments[at]++;
      say?.(`cut ${n} (${at}): ${traffic.acknowledged.length} acknowledged before, ${traffic.pending.size} under way`);
      this.#disk.cut();
      if (tailLost > 0) loseTail(path.join(this.#rig.home.data, "queue.db-wal"), tailLost);
    }
    await traffic.finish();
    await this.#rig.drain();
    const seconds = Math.round((performance.now() - started) / 1000);
    return { findings: this.#rig.findings(), cuts, moments, seconds };
  }

  async #untilCut(moment: Moment, loadMs: number): Promise<void> {
    const { traffic, chance, hops } = this.#rig;
    const relay = this.#rig.spawn();
    if (moment === "at-start") {
      await sleep(chance() * START_MS);
      return this.#rig.kill(true);
    }
    const [port] = await relay.ports();
    if (moment === "with-backlog") hops.refuse();
    traffic.announce(port);
    await sleep(loadMs);
    if (moment === "in-checkpoint") await this.#checkpoint();
    if (moment === "with-backlog") await this.#backlog();
    if (moment === "in-stop") {
      relay.kill("SIGTERM");
      await Promise.race([relay.exited, sleep(chance() * STOP_MS)]);
    }
    if (relay.isRunning) await this.#rig.kill(true);
    else traffic.announce(undefined);
    hops.recover();
  }

  /** Until the store takes its log over into its file, or just did. */
  async #checkpoint(): Promise<void> {
    const written = (): bigint => statSync(this.#rig.home.queueFile, { bigint: true }).mtimeNs;
    const before = written();
    const deadline = performance.now() + CHECKPOINT_MS;
    while (written() === before && performance.now() < deadline) await sleep(1);
  }

  async #backlog(): Promise<void> {
    const deadline = performance.now() + BACKLOG_MS;
    while (this.#rig.traffic.pending.size < BACKLOG && performance.now() < deadline) await sleep(10);
  }
}

/** For people. */
export function cutLines({ findings, cuts, moments, seconds }: CutReport): readonly string[] {
  return [
    `power cuts                    ${cuts} (${seconds} s)`,
    `  when                        ${MOMENTS.map((moment) => `${moment} ${moments[moment]}`).join(", ")}`,
    ...linesOf(findings),
  ];
}

/** For a result file. */
export function cutCounts({ findings, cuts, moments }: CutReport): Numbers {
  return {
    cuts,
    cutsUnderLoad: moments["under-load"],
    cutsInCheckpoint: moments["in-checkpoint"],
    cutsWithBacklog: moments["with-backlog"],
    cutsAtStart: moments["at-start"],
    cutsInStop: moments["in-stop"],
    ...countsOf(findings),
  };
}
