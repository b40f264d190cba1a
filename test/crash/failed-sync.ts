import { DELAY_MS, type Fault, type Met, type Point, isSync } from "./points.ts";

// Whether a relay said 250 to what it could not know to be on the disk. Pure. A sync that fails leaves what was written in the
// system's memory: a start after it finds all there, and so nobody sees that it was said too soon.

/** An answer with 250, and when its transaction began; in ms since 1970. */
export interface Said {
  readonly recipients: readonly string[];
  readonly sentAt: number;
  readonly saidAt: number;
}

/**
 * Recipients of what was acknowledged while its sync had not ended, or after it failed. Of the store's log that is everything, as long
 * as this relay lives: what one sync did not bring to the disk a later one does not either. Of a content it is the message that was
 * under way. Other files hold nothing that a 250 speaks of.
 */
export function saidTooSoon(
  { call }: Point,
  fault: Fault,
  { file, at }: Met,
  said: readonly Said[],
): readonly string[] {
  if (!isSync(call) || (fault !== "EIO" && fault !== "delay")) return [];
  // A failure comes after the delay; by half of that what was said before has arrived.
  const from = at + DELAY_MS / 2;
  const until = fault === "delay" ? at + DELAY_MS : Number.POSITIVE_INFINITY;
  const isAbout = (one: Said): boolean =>
    file === "queue.db-wal" || (/^content\/\d+/.test(file) && one.sentAt < at + DELAY_MS);
  return said
    .filter((one) => isAbout(one) && one.saidAt > from && one.saidAt < until)
    .flatMap(({ recipients }) => recipients);
}
