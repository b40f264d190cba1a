import { KNOWN_REASONS } from "./oracle/reasons.ts";
import type { Counts } from "../support/result-file.ts";
import type { Outcome } from "./world.ts";

/** What many worlds came to together. */
export class Tally {
  seeds = 0;
  violations = 0;
  virtualHours = 0;
  acknowledged = 0;
  deliveries = 0;
  duplicatesExplained = 0;
  reports = 0;
  crashes = 0;
  powerCuts = 0;
  events = 0;
  readonly faults = new Map<string, number>();
  readonly reasons = new Set<string>();

  add(outcome: Outcome): void {
    this.seeds++;
    this.violations += outcome.violations.length;
    this.virtualHours += outcome.virtualHours;
    this.acknowledged += outcome.acknowledged;
    this.deliveries += outcome.deliveries;
    this.duplicatesExplained += outcome.duplicatesExplained;
    this.reports += outcome.reports;
    this.crashes += outcome.crashes;
    this.powerCuts += outcome.powerCuts;
    this.events += outcome.events;
    for (const [kind, count] of outcome.faults) this.faults.set(kind, (this.faults.get(kind) ?? 0) + count);
    for (const reason of outcome.reasons) this.reasons.add(reason);
  }

  /** Of the closed list, what no delivery met. */
  get reasonsMissing(): string[] {
    return KNOWN_REASONS.filter((reason) => !this.reasons.has(reason));
  }

  /** `isSameTrace`: one of these worlds was run twice, and went the same way; undefined: none was. */
  counts(seconds: number, isSameTrace: boolean | undefined): Counts {
    const faults = [...this.faults].map(([kind, count]) => [faultName(kind), count] as const);
    return {
      seeds: this.seeds,
      violations: this.violations,
      virtualHours: Math.round(this.virtualHours),
      virtualHoursPerSecond: rounded(this.virtualHours / seconds),
      deliveriesPerSecond: Math.round(this.deliveries / seconds),
      acknowledged: this.acknowledged,
      deliveries: this.deliveries,
      duplicatesExplained: this.duplicatesExplained,
      reports: this.reports,
      crashes: this.crashes,
      powerCuts: this.powerCuts,
      events: this.events,
      ...Object.fromEntries(faults),
      reasonsReached: this.reasons.size,
      reasonsAll: KNOWN_REASONS.length,
      ...(isSameTrace === undefined ? {} : { sameTrace: Number(isSameTrace) }),
    };
  }
}

function rounded(number: number): number {
  return Math.round(number * 10) / 10;
}

/** `hop-dot4` as `faultHopDot4`. */
function faultName(kind: string): string {
  const words = kind.split("-").map((word) => word.slice(0, 1).toUpperCase() + word.slice(1));
  return `fault${words.join("")}`;
}
