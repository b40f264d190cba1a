import { between } from "../support/chance.ts";
import { SmallDisk } from "../support/small-disk.ts";
import { type Findings, type Numbers, countsOf, linesOf } from "./findings.ts";
import { Rig, type RigOptions } from "./rig.ts";
import { sleep } from "../support/sleep.ts";

// A disk of 64 MiB that somebody else fills and leaves, under load, with kills while it is full.

export interface DiskRunOptions extends RigOptions {
  readonly rounds: number;
  readonly say?: (line: string) => void;
}

export interface DiskReport {
  readonly findings: Findings;
  readonly rounds: number;
  /** Rounds in which the relay was killed while the disk was full. */
  readonly kills: number;
  /** Refusals for want of space, and those with another temporary reply, and with a permanent one. */
  readonly putOff: number;
  readonly putOffOtherwise: number;
  readonly refused: number;
  /** From the moment that there was room again to the next 250: the longest, in ms. */
  readonly recoveryMs: number;
  /** Rounds in which there was none within `RECOVERED_MS`. */
  readonly notRecovered: number;
  readonly seconds: number;
}

const MiB = 1024 * 1024;
const DISK_MIB = 64;
const OCTETS_MAX = 4 * MiB;
const LISTENER = { max_message_bytes: OCTETS_MAX };
/** What next hops put off goes soon: with the usual minutes a disk this small fills up with mail that waits, and stays full. */
const RETRY = { schedule: ["2s"] };
const LOAD_MS = [500, 2500] as const;
const FULL_MS = [1000, 4000] as const;
const RECOVERED_MS = 10_000;
const KILL_SHARE = 0.25;
/** What this disk has room for beside a start. */
const BACKLOG = 500;
const NO_SPACE = "452 4.3.1";

export async function fullDisks(options: DiskRunOptions): Promise<DiskReport> {
  const rig = await Rig.prepare({
    ...options,
    listener: LISTENER,
    retry: RETRY,
    backlogMax: BACKLOG,
    octetsMax: OCTETS_MAX,
  });
  const disk = new SmallDisk(rig.home.data, DISK_MIB);
  try {
    return await new DiskRun(options, rig, disk).play();
  } finally {
    await rig.clear();
    disk.remove();
    rig.home.remove();
  }
}

class DiskRun {
  readonly #options: DiskRunOptions;
  readonly #rig: Rig;
  readonly #disk: SmallDisk;
  #recoveryMs = 0;
  #notRecovered = 0;
  #kills = 0;

  constructor(options: DiskRunOptions, rig: Rig, disk: SmallDisk) {
    this.#options = options;
    this.#rig = rig;
    this.#disk = disk;
  }

  async play(): Promise<DiskReport> {
    const started = performance.now();
    const { rounds, say } = this.#options;
    const { traffic } = this.#rig;
    traffic.start();
    await this.#begin();
    for (let round = 1; round <= rounds; round++) {
      await this.#round();
      const refusals = [...traffic.rejections].map(([kind, count]) => `${kind} ${count}`).join(", ");
      say?.(
        `round ${round}: ${traffic.acknowledged.length} acknowledged, ${traffic.pending.size} under way; ${refusals}`,
      );
    }
    await traffic.finish();
    await this.#rig.stop();
    await this.#rig.drain();
    return this.#report(rounds, performance.now() - started);
  }

  async #begin(): Promise<void> {
    this.#rig.spawn();
    await this.#rig.open();
  }

  async #round(): Promise<void> {
    const { chance } = this.#rig;
    await sleep(between(chance, ...LOAD_MS));
    this.#disk.fill();
    await sleep(between(chance, ...FULL_MS));
    const isKilled = chance() < KILL_SHARE;
    if (isKilled) await this.#rig.kill(chance() < 0.5);
    this.#disk.free();
    const freedAt = performance.now();
    if (isKilled) {
      this.#kills++;
      await this.#begin();
    }
    await this.#recovery(freedAt);
  }

  async #recovery(freedAt: number): Promise<void> {
    const { traffic } = this.#rig;
    const last = (): number => traffic.acknowledgedAt.at(-1) ?? 0;
    while (last() < freedAt && performance.now() - freedAt < RECOVERED_MS) await sleep(5);
    if (last() < freedAt) this.#notRecovered++;
    else this.#recoveryMs = Math.max(this.#recoveryMs, last() - freedAt);
  }

  #report(rounds: number, ms: number): DiskReport {
    const { rejections } = this.#rig.traffic;
    const of = (holds: (kind: string) => boolean): number =>
      [...rejections].reduce((sum, [kind, count]) => sum + (holds(kind) ? count : 0), 0);
    return {
      findings: this.#rig.findings(),
      rounds,
      kills: this.#kills,
      putOff: rejections.get(NO_SPACE) ?? 0,
      putOffOtherwise: of((kind) => kind.startsWith("4") && kind !== NO_SPACE),
      refused: of((kind) => kind.startsWith("5")),
      recoveryMs: this.#recoveryMs,
      notRecovered: this.#notRecovered,
      seconds: Math.round(ms / 1000),
    };
  }
}

/** For people. */
export function diskLines(report: DiskReport): readonly string[] {
  return [
    `rounds with a full disk       ${report.rounds}, ${report.kills} of them with a kill (${report.seconds} s)`,
    `put off for want of space     ${report.putOff} messages, ${report.putOffOtherwise} with another temporary reply`,
    `refused for it                ${report.refused}`,
    `room to the next 250          at most ${report.recoveryMs.toFixed(0)} ms; ${report.notRecovered} times not within ${RECOVERED_MS} ms`,
    ...linesOf(report.findings),
  ];
}

/** For a result file. */
export function diskCounts(report: DiskReport): Numbers {
  const { findings, rounds, kills, putOff, putOffOtherwise, refused, recoveryMs, notRecovered } = report;
  return { rounds, kills, putOff, putOffOtherwise, refused, recoveryMs, notRecovered, ...countsOf(findings) };
}
