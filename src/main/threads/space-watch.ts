import fs from "node:fs";
import type { SqliteQueueStore } from "../../adapters/store-sqlite/queue-store.ts";
import { Reserve } from "../../adapters/system/reserve.ts";
import { neededToAccept, spaceOf } from "../../adapters/system/space.ts";
import { STORE } from "../../core/base/limits.ts";
import type { Recorder } from "../../ports/recorder.ts";
import type { SpaceReport } from "../../ports/store.ts";

interface SpaceWatchParts {
  readonly folder: string;
  readonly reserveFile: string;
  /** Of the listener that takes the largest messages. */
  readonly messageOctetsMax: number;
  readonly recorder: Recorder;
  /** Whether the store's files are not those at their paths any more. */
  readonly isReplaced: () => boolean;
  /** The threads hear of it only where it changes what they may do. */
  readonly tell: (report: SpaceReport) => void;
  /** There is no room for mail: what can be done without may go. */
  readonly isFull: () => void;
}

/**
 * Looks after the room on the disk: first mail is refused (promise P5), and deliveries go on into a reserve, so that
 * what is delivered is recorded and the disk gets empty again.
 */
export class SpaceWatch {
  readonly #parts: SpaceWatchParts;
  readonly #reserve: Reserve;
  #isShrinking = false;
  #store: SqliteQueueStore | undefined;
  /** Of the disk alone. */
  #last: SpaceReport = { freeOctets: 0, mayAccept: true, mayDeliver: true };
  #isFirst = true;
  #isElsewhere = false;
  #messageOctetsMax: number;

  /** Where the disk is full at the start, the reserve is what the start takes. */
  constructor(parts: SpaceWatchParts) {
    this.#parts = parts;
    this.#messageOctetsMax = parts.messageOctetsMax;
    this.#reserve = new Reserve(parts.reserveFile, STORE.reserveOctets);
    if (spaceOf(parts.folder).freeOctets < STORE.reserveOctets) this.#reserve.release();
  }

  /** In octets: of the listener that takes the largest messages. */
  setLargest(messageOctetsMax: number): void {
    this.#messageOctetsMax = messageOctetsMax;
  }

  /** To be called every `STORE.spaceCheck`, from the start on. */
  look(store: SqliteQueueStore): void {
    this.#store = store;
    const { isReplaced, isFull, tell } = this.#parts;
    const isElsewhere = isReplaced();
    // A folder that went with the store's files has no disk to look at: what was free last is what is known.
    const next = isElsewhere && !fs.existsSync(this.#parts.folder) ? this.#last : this.#lookAtDisk();
    if (this.#last.mayAccept && !next.mayAccept && !isElsewhere) isFull();
    const isNew = next.mayAccept !== this.#last.mayAccept || next.mayDeliver !== this.#last.mayDeliver;
    if (isNew || this.#isFirst || isElsewhere !== this.#isElsewhere)
      tell(isElsewhere ? { ...next, mayAccept: false, isStoreReplaced: true } : next);
    this.#last = next;
    this.#isElsewhere = isElsewhere;
    this.#isFirst = false;
    if (next.mayAccept) this.#shrink(store);
    else store.shrink(STORE.shrinkPagesWhenLow);
    // Which is when the file gets shorter, and what is in a log without a name is in the store.
    if (!next.mayAccept || isElsewhere) store.shortenLog();
  }

  #lookAtDisk(): SpaceReport {
    const { freeOctets, totalOctets } = spaceOf(this.#parts.folder);
    const neededOctets = Math.ceil(neededToAccept(totalOctets, this.#messageOctetsMax));
    if (!this.#reserve.isHeld && freeOctets >= neededOctets + STORE.reserveOctets) this.#reserve.hold();
    const { isHeld } = this.#reserve;
    const report: SpaceReport = {
      freeOctets,
      mayAccept: isHeld && freeOctets >= neededOctets,
      mayDeliver: isHeld || freeOctets >= STORE.completionOctets,
    };
    this.#record(report, neededOctets);
    return report;
  }

  /** The log of a relay that has nothing more to write would keep the file as long as it was. */
  #shrink(store: SqliteQueueStore): void {
    const given = store.shrink(STORE.shrinkPages);
    if (given === 0 && this.#isShrinking) store.shortenLog();
    this.#isShrinking = given > 0;
  }

  /** A write met a full disk. */
  full(): void {
    this.#reserve.release();
    if (this.#store === undefined) return;
    this.look(this.#store);
  }

  #record({ freeOctets, mayAccept, mayDeliver }: SpaceReport, neededOctets: number): void {
    const { recorder } = this.#parts;
    const last = this.#last;
    if (last.mayAccept && !mayAccept) recorder.record({ event: "space.low", freeOctets, neededOctets });
    if (last.mayDeliver && !mayDeliver)
      recorder.record({ event: "space.exhausted", freeOctets, neededOctets: STORE.completionOctets });
    if ((!last.mayAccept && mayAccept) || (!last.mayDeliver && mayDeliver))
      recorder.record({ event: "space.restored", freeOctets, isMailAccepted: mayAccept });
  }
}
