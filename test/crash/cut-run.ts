import { statSync } from "node:fs";
import path from "node:path";
import { between } from "../support/chance.ts";
import { DiskImage } from "./disk-image.ts";
import { type Findings, type Numbers, countsOf, linesOf } from "./findings.ts";
import { loseTail } from "./log-tail.ts";
import { Rig, type RigOptions } from "./rig.ts";
import { sleep } from "../support/sleep.ts";

// Power cuts under load: the data folder is on a disk that forgets what was not synced.

const MOMENTS = ["under-load", "in-checkpoint", "with-backlog", "at-start", "in-stop"] as const;
export type Moment = (typeof MOMENTS)[number];

export interface CutRunOptions extends RigOptions {
  readonly cuts: number;
  readonly loadMs?: readonly [number, number];
  /** When all cuts come, instead of each in turn. */
  readonly moment?: Moment;
  /** How long a checkpoint, and a backlog, are waited for. */
  readonly waitMs?: number;
  /** What the power took of the store's log beyond what it may take: this share of it, for a control. */
  readonly tailLost?: number;
  readonly say?: (line: string) => void;
}

export interface CutReport {
  readonly findings: Findings;
  readonly cuts: number;
  /** Cuts by the moment that they really came in. */
  readonly moments: Readonly<Record<Moment, number>>;
  /** Cuts whose moment did not come: the wait ran out, or the stop was over before. */
  readonly missed: Readonly<Record<Moment, number>>;
  readonly seconds: number;
}

const DISK_MIB = 1024;
/** How long a moment is waited for. A checkpoint comes with every 8 MiB of log. */
const WAIT_MS = 30_000;
/** Recipients that wait, in a queue that is to be one. */
const BACKLOG = 2000;

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
    const [moments, missed] = [none(), none()];
    traffic.start();
    for (let n = 1; n <= cuts; n++) {
      const at = moment ?? MOMENTS[(n - 1) % MOMENTS.length]!;
      const isReached = await this.#untilCut(at, between(chance, ...loadMs));
      (isReached ? moments : missed)[at]++;
      say?.(
        `cut ${n} (${isReached ? "" : "not "}${at}): ${traffic.acknowledged.length} acknowledged before, ${traffic.pending.size} under way`,
      );
      this.#disk.cut();
      if (tailLost > 0) loseTail(path.join(this.#rig.home.data, "queue.db-wal"), tailLost);
    }
    await traffic.finish();
    await this.#rig.drain();
    const seconds = Math.round((performance.now() - started) / 1000);
    return { findings: this.#rig.findings(), cuts, moments, missed, seconds };
  }

  /** Whether the cut comes in that moment. */
  async #untilCut(moment: Moment, loadMs: number): Promise<boolean> {
    const rig = this.#rig;
    rig.spawn();
    if (moment === "at-start") return (await rig.killStarting(true)) === "store-open";
    if (moment === "with-backlog") rig.hops.refuse();
    await rig.open();
    await sleep(loadMs);
    const isReached =
      moment === "in-checkpoint" ? await this.#checkpoint() : moment === "with-backlog" ? await this.#backlog() : true;
    const phase = await (moment === "in-stop" ? rig.killStopping(true) : rig.kill(true));
    rig.hops.recover();
    return isReached && phase === (moment === "in-stop" ? "in-stop" : "up");
  }

  /** Until the store takes its log over into its file, or just did; false where it does not. */
  #checkpoint(): Promise<boolean> {
    const written = (): bigint => statSync(this.#rig.home.queueFile, { bigint: true }).mtimeNs;
    const before = written();
    return this.#comes(1, () => written() !== before);
  }

  #backlog(): Promise<boolean> {
    return this.#comes(10, () => this.#rig.traffic.pending.size >= BACKLOG);
  }

  async #comes(everyMs: number, holds: () => boolean): Promise<boolean> {
    const deadline = performance.now() + (this.#options.waitMs ?? WAIT_MS);
    while (!holds()) {
      if (performance.now() > deadline) return false;
      await sleep(everyMs);
    }
    return true;
  }
}

function none(): Record<Moment, number> {
  return Object.fromEntries(MOMENTS.map((each) => [each, 0])) as Record<Moment, number>;
}

/** For people. */
export function cutLines({ findings, cuts, moments, missed, seconds }: CutReport): readonly string[] {
  return [
    `power cuts                    ${cuts} (${seconds} s)`,
    `  when                        ${MOMENTS.map((moment) => `${moment} ${moments[moment]}`).join(", ")}`,
    `  not when they should        ${MOMENTS.map((moment) => `${moment} ${missed[moment]}`).join(", ")}`,
    ...linesOf(findings),
  ];
}

/** For a result file. */
export function cutCounts({ findings, cuts, moments, missed }: CutReport): Numbers {
  return {
    cuts,
    cutsUnderLoad: moments["under-load"],
    cutsInCheckpoint: moments["in-checkpoint"],
    cutsWithBacklog: moments["with-backlog"],
    cutsAtStart: moments["at-start"],
    cutsInStop: moments["in-stop"],
    cutsMissed: MOMENTS.reduce((sum, moment) => sum + missed[moment], 0),
    ...countsOf(findings),
  };
}
