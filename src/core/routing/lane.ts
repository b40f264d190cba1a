/**
 * The queue of one next hop, as known without DNS: `smarthost/NAME`. Opaque to everything but this file, the store
 * and the courier that looks the name up.
 */
export type Lane = string;

export interface SmartHostLane {
  readonly kind: "smarthost";
  readonly name: string;
}

const SMART_HOST = "smarthost/";

export function smartHostLane(name: string): Lane {
  return `${SMART_HOST}${name}`;
}

/**
 * True where what waits goes as soon as its site takes mail again: a smart host is one site for all of its lane. What
 * waits for a site of its own waits by its own schedule.
 */
export function isRetriedWithItsSite(lane: Lane): boolean {
  return lane.startsWith(SMART_HOST);
}

/** Undefined where the lane is of a kind that this version does not know: a newer one wrote it. */
export function parseLane(lane: Lane): SmartHostLane | undefined {
  const name = lane.startsWith(SMART_HOST) ? lane.slice(SMART_HOST.length) : "";
  return name === "" ? undefined : { kind: "smarthost", name };
}
