import { TRAFFIC } from "../core/base/limits.ts";
import { type Duration, type Instant, second } from "../core/base/time.ts";
import type { HistoryEntry } from "../ports/history.ts";
import { messageRow } from "../ports/store.ts";
import type { TrafficReport } from "./operator.ts";

/** What ended within one second. */
interface Slot {
  /** Which one, in seconds since 1970. */
  readonly at: number;
  delivered: number;
  deferred: number;
  failed: number;
  /** Deliveries by how long they took, each bucket an eighth of an octave wider than the one before. */
  readonly latencies: Uint32Array;
}

const BUCKETS_PER_OCTAVE = 8;
const BUCKETS = 32 * BUCKETS_PER_OCTAVE; // up to 49 days

/**
 * How much comes and goes, of the last minute. All of it is known where history is written: ends come by there, and rows
 * of messages count up as they come. So it costs the threads that carry mail nothing.
 */
export class Traffic {
  readonly #slots: (Slot | undefined)[] = Array.from({ length: TRAFFIC.seconds }, () => undefined);
  readonly #rows: { readonly at: Instant; readonly row: number }[] = [];
  #newest = 0;

  /** What went to history. */
  ended(entries: readonly HistoryEntry[], now: Instant): void {
    for (const { row, at, receivedAt, outcome } of entries) {
      this.#newest = Math.max(this.#newest, messageRow(row));
      const slot = this.#slotOf(at, now);
      if (slot === undefined) continue;
      if (outcome === "delivered") {
        slot.delivered++;
        slot.latencies[bucketOf(at - receivedAt)]!++;
      } else if (outcome === "failed") slot.failed++;
      else if (outcome !== "cancelled") slot.deferred++;
    }
  }

  /** Once a second: the newest message that is queued. What came and went already is known by its end. */
  look(newest: number, now: Instant): void {
    this.#newest = Math.max(this.#newest, newest);
    if (now < (this.#rows.at(-1)?.at ?? 0)) this.#rows.length = 0; // the clock was set back
    this.#rows.push({ at: now, row: this.#newest });
    if (this.#rows.length > TRAFFIC.rateSeconds + 1) this.#rows.shift();
  }

  report(now: Instant): TrafficReport {
    const last = Math.floor(now / second) - TRAFFIC.settleSeconds;
    const minute = this.#slots.filter((slot) => slot !== undefined && last - slot.at < TRAFFIC.seconds);
    const recent = minute.filter((slot) => slot!.at <= last && slot!.at > last - TRAFFIC.rateSeconds);
    const rate = (of: (slot: Slot) => number): number =>
      recent.reduce((sum, slot) => sum + of(slot!), 0) / TRAFFIC.rateSeconds;
    return {
      arrivedPerSecond: this.#arrivals(),
      deliveredPerSecond: rate(({ delivered }) => delivered),
      deferredPerSecond: rate(({ deferred }) => deferred),
      failedPerSecond: rate(({ failed }) => failed),
      latency: latencyOf(minute.map((slot) => slot!.latencies)),
    };
  }

  #arrivals(): number {
    const [first, last] = [this.#rows[0], this.#rows.at(-1)];
    if (first === undefined || last === undefined || last.at === first.at) return 0;
    return (last.row - first.row) / ((last.at - first.at) / second);
  }

  /** Undefined for what is not of the last minute, by whatever clock. */
  #slotOf(at: Instant, now: Instant): Slot | undefined {
    if (at > now || now - at >= TRAFFIC.seconds * second) return undefined;
    const seconds = Math.floor(at / second);
    const place = seconds % TRAFFIC.seconds;
    const found = this.#slots[place];
    if (found?.at === seconds) return found;
    const slot = { at: seconds, delivered: 0, deferred: 0, failed: 0, latencies: new Uint32Array(BUCKETS) };
    this.#slots[place] = slot;
    return slot;
  }
}

function bucketOf(took: Duration): number {
  return Math.min(BUCKETS - 1, Math.ceil(BUCKETS_PER_OCTAVE * Math.log2(Math.max(1, took))));
}

function latencyOf(slots: readonly Uint32Array[]): TrafficReport["latency"] {
  const sums = new Float64Array(BUCKETS);
  for (const slot of slots) for (const [at, count] of slot.entries()) sums[at]! += count;
  const total = sums.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  const within = (share: number): Duration => {
    let seen = 0;
    const bucket = sums.findIndex((count) => (seen += count) >= share * total);
    return Math.round(2 ** (bucket / BUCKETS_PER_OCTAVE));
  };
  return { half: within(0.5), most: within(0.95) };
}
